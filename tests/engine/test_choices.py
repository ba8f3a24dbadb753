"""Choices: pinned numbers, streams that leave each other alone, and records that replay."""

import hashlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine.choices import (
    SEED_LIMIT,
    Choices,
    Injected,
    Record,
    Replayed,
    Seeded,
    Slot,
    Source,
)

WORDS = {  # the first words of SHAKE-128 of "labtester SEED STREAM 0"
    (0, "sched"): [6566958951111131577, 3405743623999895259, 6968977360599744153],
    (0, "net/c0"): [8748817425534874351, 11943564073446051856, 12659667172055851774],
    (7, "sched"): [4277395213178996648, 4464155501835352216, 6976998998298661430],
    (2**128 - 1, "order"): [6713118067005638777, 10723046690406540532, 15327934896681571600],
}


def raw(seed: int, stream: str, count: int) -> list[int]:
    """The words of a stream, put together without the code under test."""
    data = b"".join(
        hashlib.shake_128(f"labtester {seed} {stream} {block}".encode()).digest(512)
        for block in range(count // 64 + 1)
    )
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, 8 * count, 8)]


def value(word: int, slot: Slot) -> int:
    """What a slot makes of a word: the mapping, written down a second time."""
    n, den = slot
    return int(word * den // 2**64 >= den - n) if den else word * n // 2**64


# -- seeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "words"), WORDS.items())
def test_the_words_of_a_stream_are_pinned(key: tuple[int, str], words: list[int]) -> None:
    seed, stream = key
    choices = Choices(Seeded(seed))
    assert [choices.below(2**64, stream) for _ in words] == words == raw(seed, stream, 3)


def test_the_mapping_to_small_ranges_is_pinned() -> None:
    choices = Choices(Seeded(0))
    assert [choices.below(n, "sched") for n in (2, 3, 10, 100, 1000, 2**32)] == [
        0,
        0,
        3,
        30,
        871,
        367048753,
    ]
    assert [choices.below(3, "net/c0") for _ in range(20)] == [
        *(1, 1, 2, 2, 1, 1, 0, 1, 0, 1),
        *(0, 0, 2, 1, 0, 2, 2, 1, 2, 1),
    ]


def test_the_mapping_of_probabilities_is_pinned() -> None:
    choices = Choices(Seeded(7))
    happened = [choices.chance(1, 10, "net/c0") for _ in range(60)]
    assert [at for at, yes in enumerate(happened) if yes] == [15, 19, 23, 36, 43]
    assert choices.faults == [("net/c0", at) for at in (15, 19, 23, 36, 43)]


@given(seed=st.integers(0, SEED_LIMIT - 1), den=st.integers(1, 1000), data=st.data())
def test_a_chance_is_as_likely_as_it_says(seed: int, den: int, data: st.DataObject) -> None:
    """Not by counting: exactly `num` of the `den` values that `below(den)` can have are a 1."""
    num = data.draw(st.integers(0, den))
    below, chance = Choices(Seeded(seed)), Choices(Seeded(seed))
    for _ in range(10):
        assert chance.chance(num, den, "s") == (below.below(den, "s") >= den - num)


@pytest.mark.parametrize("seed", [-1, SEED_LIMIT, SEED_LIMIT + 1])
def test_a_seed_out_of_bounds_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"in [0, 2**128), and {seed} is not")):
        Seeded(seed)


@pytest.mark.parametrize("name", ["", "é", "a b"])
def test_a_stream_without_a_usable_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="ASCII text without a space"):
        Choices(Seeded(0)).stream(name)


def test_seeds_and_names_that_look_alike_are_different_streams() -> None:
    """Such as a name that continues where a seed's words end."""
    firsts = [
        Choices(Seeded(seed)).below(2**64, name)
        for seed in (0, 1, 2**32, 2**64, 2**96, 2**128 - 1)
        for name in ("a", "b", "aa", "a\0", "\0a", "net/c1", "net/c11")
    ]
    assert len(set(firsts)) == len(firsts)


def test_numbers_of_a_seed_do_not_depend_on_how_they_are_cut_into_blocks() -> None:
    """Blocks are 64 words; the seam must not show."""
    words = raw(5, "long", 12_000)
    choices = Choices(Seeded(5))
    assert [choices.below(2**64, "long") for _ in words] == words


# -- draws ----------------------------------------------------------------------------------------

SLOT = st.one_of(
    st.tuples(st.integers(1, 50), st.just(0)),
    st.integers(1, 20).flatmap(lambda den: st.tuples(st.integers(0, den), st.just(den))),
)
SLOTS = st.lists(SLOT, max_size=8)


@given(seed=st.integers(0, 1000), rounds=st.lists(SLOTS, max_size=25))
def test_a_draw_gives_each_slot_the_word_of_its_place(seed: int, rounds: list[list[Slot]]) -> None:
    """Also where slots with one possible value are passed over: nobody else's word changes."""
    choices = Choices(Seeded(seed))
    flat = [slot for slots in rounds for slot in slots]
    expected = [
        value(word, slot) for word, slot in zip(raw(seed, "s", len(flat)), flat, strict=True)
    ]
    drawn = [choices.draw("s", slots) for slots in rounds]
    assert [len(values) for values in drawn] == [len(slots) for slots in rounds]
    assert [x for values in drawn for x in values] == expected
    assert choices.record().get("s", []) == expected
    assert choices.faults == [
        ("s", at) for at, slot in enumerate(flat) if slot[1] and expected[at]
    ]


@pytest.mark.parametrize("skipped", [1, 63, 64, 65, 127, 191, 192, 193, 4095, 5000, 20_000])
@pytest.mark.parametrize("before", [0, 1, 64])
def test_passing_over_slots_is_the_same_as_drawing_them(before: int, skipped: int) -> None:
    choices = Choices(Seeded(9))
    words = raw(9, "s", before + skipped + 200)
    for at in range(before):
        assert choices.below(2**64, "s") == words[at]
    assert choices.draw("s", [(1, 0)] * skipped) == [0] * skipped
    rest = [choices.below(2**64, "s") for _ in range(200)]
    assert rest == words[before + skipped :]


@given(rounds=st.lists(SLOTS, max_size=4), seed=st.integers(0, 99))
def test_a_draw_is_the_same_as_its_slots_one_by_one(rounds: list[list[Slot]], seed: int) -> None:
    whole, single = Choices(Seeded(seed)), Choices(Seeded(seed))
    for slots in rounds:
        values = whole.draw("s", slots)
        assert values == [
            int(single.chance(n, den, "s") if den else single.below(n, "s")) for n, den in slots
        ]
    assert whole.record() == single.record()
    assert whole.faults == single.faults


def test_a_draw_gives_away_a_list_of_its_own() -> None:
    choices = Choices(Replayed({}))
    slots = [(3, 0), (1, 2)]
    choices.draw("s", slots)[0] = 99
    assert choices.draw("s", slots) == [0, 0]
    assert choices.record() == {"s": [0, 0, 0, 0]}


# -- streams --------------------------------------------------------------------------------------


@given(st.permutations(["sched/a", "sched/b", "net/c0", "net/c1", "order"]), st.data())
def test_a_stream_does_not_depend_on_the_others(names: list[str], data: st.DataObject) -> None:
    """Neither on the order of their creation nor on how the draws interleave."""
    turns = data.draw(st.lists(st.sampled_from(names), max_size=300))
    choices = Choices(Seeded(11))
    got: dict[str, list[int]] = {name: [] for name in names}
    for name in turns:
        got[name].append(choices.below(2**64, name))
    assert got == {name: raw(11, name, turns.count(name)) for name in names}


def test_the_record_lists_the_streams_that_were_used_by_name() -> None:
    choices = Choices(Seeded(1))
    choices.stream("unused")
    for name in ("b", "a", "c"):
        choices.below(1, name)
    record = choices.record()
    assert list(record.items()) == [("a", [0]), ("b", [0]), ("c", [0])]
    record["a"].append(7)
    assert choices.record()["a"] == [0]


def test_a_choice_with_one_answer_has_its_place_all_the_same() -> None:
    choices = Choices(Seeded(3))
    values = [choices.below(n, "s") for n in (2**64, 1, 2**64)]
    first, _, third = raw(3, "s", 3)
    assert values == [first, 0, third]


# -- records --------------------------------------------------------------------------------------

ASK = st.one_of(
    st.tuples(st.just("below"), st.integers(1, 300)),
    st.tuples(st.just("chance"), st.sampled_from([(0, 5), (1, 5), (3, 4), (5, 5)])),
    st.tuples(st.just("draw"), st.lists(SLOT, max_size=5)),
)
SCRIPT = st.lists(st.tuples(st.sampled_from(["a", "b"]), ASK), max_size=40)
Script = list[tuple[str, tuple[str, object]]]


def perform(script: Script, source: Source) -> tuple[list[object], Choices]:
    choices = Choices(source)
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
    with pytest.raises(ValueError, match=re.escape(f"drew {wrong} for s, not one of [0, 3)")):
        Choices(Injected(draw)).below(3, "s")
