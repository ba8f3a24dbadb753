"""Records: what was chosen can be given back, by whomever, and changed by hand."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tester.engine import SEED_LIMIT
from tester.engine.choices import Choices, Injected, Record, Replayed, Seeded, Source
from tests.engine.test_choices import SLOT

ASK = st.one_of(
    st.tuples(st.just("below"), st.integers(1, 300)),
    st.tuples(st.just("chance"), st.sampled_from([(0, 5), (1, 5), (3, 4), (5, 5)])),
    st.tuples(st.just("draw"), st.lists(SLOT, max_size=5)),
)
SCRIPT = st.lists(st.tuples(st.sampled_from(["a", "b"]), ASK), max_size=40)
Script = list[tuple[str, tuple[str, object]]]


def perform(
    script: Script, source: Source, choices: Choices | None = None
) -> tuple[list[object], Choices]:
    choices = choices or Choices(source)
    values: list[object] = []
    for stream, (kind, what) in script:
        match kind, what:
            case "below", int(n):
                values.append(choices.below(n, stream))
            case "chance", (int(num), int(den)):
                values.append(choices.chance(num, den, stream))
            case _, slots:
                assert isinstance(slots, list)
                values.append(choices.draw(stream, slots))
    return values, choices


def same(script: Script, source: Source) -> None:
    values, choices = perform(script, source)
    again, replayed = perform(script, Replayed(choices.record()))
    assert again == values
    assert replayed.record() == choices.record()
    assert replayed.faults == choices.faults


@given(script=SCRIPT, seed=st.integers(0, SEED_LIMIT - 1))
def test_replaying_the_record_of_a_seed_gives_its_values(script: Script, seed: int) -> None:
    same(script, Seeded(seed))


@given(script=SCRIPT, data=st.data())
def test_replaying_the_record_of_a_function_gives_its_values(
    script: Script, data: st.DataObject
) -> None:
    same(script, Injected(lambda n, stream: data.draw(st.integers(0, n - 1))))


@given(
    script=SCRIPT,
    record=st.dictionaries(
        st.sampled_from(["a", "b", "c"]), st.lists(st.integers(-3, 400), max_size=60)
    ),
)
def test_any_record_can_be_replayed(script: Script, record: Record) -> None:
    """Missing values are 0, those out of range are brought into it; then nothing changes."""
    _, choices = perform(script, Replayed(record))
    for stream, values in choices.record().items():
        asked = record.get(stream, [])
        for got, want in zip(values, asked + [0] * len(values), strict=False):
            assert got == want or (want < 0 and got == 0) or 0 <= got < want
    same(script, Replayed(record))


def test_a_record_is_brought_into_range() -> None:
    choices = Choices(Replayed({"s": [5, 9, 99, -1, 2, 1]}))
    assert [choices.below(n, "s") for n in (6, 6, 6, 6, 1)] == [5, 5, 5, 0, 0]
    assert choices.chance(1, 3, "s") is True
    assert [choices.below(9, "s"), choices.chance(1, 2, "s")] == [0, False]  # past its end
    assert Choices(Replayed({})).draw("other", [(3, 0), (1, 2)]) == [0, 0]
    assert Choices(Replayed({"s": [1]})).chance(0, 3, "s") is False  # it cannot happen


def test_a_chance_is_recorded_as_one_or_zero_and_a_one_is_a_fault() -> None:
    answers = iter([1, 0, 1, 1])
    choices = Choices(Injected(lambda n, stream: next(answers)))
    choices.below(5, "a")
    assert choices.chance(1, 1000, "a") is False
    assert choices.draw("b", [(7, 0), (2, 3)]) == [1, 1]
    choices.chance(9, 9, "a")
    choices.chance(0, 9, "a")
    assert choices.record() == {"a": [1, 0, 1, 0], "b": [1, 1]}
    assert choices.faults == [("b", 1), ("a", 2)]


def test_a_function_is_asked_only_where_there_is_a_choice() -> None:
    asked: list[tuple[int, str]] = []

    def draw(n: int, stream: str) -> int:
        asked.append((n, stream))
        return n - 1

    choices = Choices(Injected(draw))
    assert choices.below(1, "s") == 0
    assert choices.below(4, "s") == 3
    assert choices.draw("t", [(1, 0), (5, 0), (0, 8), (3, 8), (8, 8)]) == [0, 4, 0, 1, 1]
    assert asked == [(4, "s"), (5, "t"), (2, "t")]


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_function_that_answers_out_of_range_is_refused(wrong: int) -> None:
    draw: Callable[[int, str], int] = lambda n, stream: wrong
    with pytest.raises(
        ValueError, match=re.escape(f"expected a choice in [0, 3) for s, got {wrong}")
    ):
        Choices(Injected(draw)).below(3, "s")


# -- what only a record can turn up ---------------------------------------------------------------


def test_what_is_given_is_zero_for_every_seed_and_takes_up_its_place() -> None:
    given_one, drawn_one = Choices(Seeded(4)), Choices(Seeded(4))
    drawn = [drawn_one.below(9, "s") for _ in range(200)]
    for at in range(200):
        stream = given_one.stream("s")
        assert (stream.given(9) if at % 3 else stream.below(9)) == (0 if at % 3 else drawn[at])
    assert given_one.record()["s"] == [0 if at % 3 else drawn[at] for at in range(200)]


def test_what_is_given_is_in_the_hands_of_a_record_and_of_a_function() -> None:
    replayed = Choices(Replayed({"s": [7, 99]})).stream("s")
    assert [replayed.given(9) for _ in range(3)] == [7, 8, 0]
    injected = Choices(Injected(lambda n, stream: n - 1)).stream("s")
    assert [injected.given(9), injected.given(1)] == [8, 0]


# -- draws that are owed --------------------------------------------------------------------------

OWED = st.one_of(
    st.tuples(st.just("below"), st.integers(1, 300)),
    st.tuples(st.just("chance"), st.sampled_from([(0, 5), (1, 5), (5, 5)])),
    st.tuples(st.just("draw"), st.sampled_from([[(3, 0), (1, 2)], [(9, 0)], [(1, 0)]])),
    st.tuples(st.just("owe"), st.sampled_from([[(3, 0), (0, 2)], [(9, 0)], [(1, 0), (101, 0)]])),
    st.tuples(st.just("given"), st.integers(1, 9)),
    st.tuples(st.just("resume"), st.lists(st.integers(0, 9), max_size=3)),
    st.tuples(st.just("record"), st.none()),
)


def act(choices: Choices, kind: str, what: object, *, owing: bool) -> object:
    stream = choices.stream("s")
    match kind, what:
        case "chance", (int(num), int(den)):
            return stream.chance(num, den)
        case "owe", _:
            getattr(stream, "owe" if owing else "draw")(what)
            return None
        case "record", None:
            return list(stream.record)
        case _:
            return getattr(stream, kind)(what)


@given(script=st.lists(OWED, max_size=30), seed=st.integers(0, 99))
def test_what_is_owed_is_drawn_as_if_at_once(script: list[tuple[str, object]], seed: int) -> None:
    def last(n: int, stream: str) -> int:
        return n - 1

    for source in (Seeded(seed), Replayed({"s": [seed % 5, 1, 0, 2] * 20}), Injected(last)):
        now, later = Choices(source), Choices(source)
        for kind, what in script:
            assert act(later, kind, what, owing=True) == act(now, kind, what, owing=False)
        assert later.record() == now.record()
        assert later.faults == now.faults


def test_a_function_is_asked_when_the_draw_is_owed() -> None:
    asked: list[int] = []

    def draw(n: int, stream: str) -> int:
        asked.append(n)
        return 0

    Choices(Injected(draw)).stream("s").owe([(7, 0), (1, 0)])
    assert asked == [7]


# -- choices that were made elsewhere -------------------------------------------------------------


@settings(max_examples=30)
@given(script=SCRIPT, more=SCRIPT, seed=st.integers(0, 999))
def test_a_stream_goes_on_behind_what_was_drawn_elsewhere(
    script: Script, more: Script, seed: int
) -> None:
    """The first half of a node's life may have been in a child process."""
    for source in (Seeded(seed), Replayed({"a": [1, 2] * 40, "b": [3, 0, 1] * 50})):
        _, elsewhere = perform(script, source)
        values, whole = perform(script + more, source)
        here = Choices(source)
        for name, drawn in elsewhere.record().items():
            here.stream(name).resume(drawn)
        here.faults += elsewhere.faults
        rest, here = perform(more, source, here)
        assert rest == values[len(script) :]
        assert here.record() == whole.record()
        assert here.faults == whole.faults
