"""Choices: pinned numbers, and streams that leave each other alone."""

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tester.engine import SEED_LIMIT
from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.stream import Slot

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


def deal(patch: pytest.MonkeyPatch, two: tuple[int, int]) -> None:
    """Have every stream of a seed be these two words in turn."""
    data = b"".join(word.to_bytes(8, "little") for word in two)
    patch.setattr("tester.engine.choices._bytes", lambda *_: data * 32)


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
    """Exactly `num` of the `den` values that `below(den)` can have are a 1; nothing is counted."""
    num = data.draw(st.integers(0, den))
    below, chance = Choices(Seeded(seed)), Choices(Seeded(seed))
    for _ in range(10):
        assert chance.chance(num, den, "s") == (below.below(den, "s") >= den - num)


@given(den=st.integers(1, 10**6), data=st.data())
def test_a_chance_turns_at_one_word(den: int, data: st.DataObject) -> None:
    """`below` and a probability in a list of slots agree about that word to the last bit."""
    num = data.draw(st.integers(1, den))
    least = -((num - den) * 2**64 // den)
    block = (max(0, least - 1), least)
    with pytest.MonkeyPatch.context() as patch:
        deal(patch, block)
        choices = Choices(Seeded(0))
        below, above = [value(word, (num, den)) for word in block[:2]]
        assert above == 1
        assert below == 0 or least == 0
        assert [choices.chance(num, den, "s") for _ in range(2)] == [below, above]
        assert choices.draw("s", [(num, den)] * 2) == [below, above]
        assert [choices.below(den, "s") >= den - num for _ in range(2)] == [below, above]


@given(n=st.integers(1, 10**6), data=st.data())
def test_a_choice_turns_at_one_word(n: int, data: st.DataObject) -> None:
    """Whoever asks, the last word that means one value and the first that means the next do so."""
    turn = -(-data.draw(st.integers(1, n)) * 2**64 // n)
    block = (turn - 1, min(turn, 2**64 - 1))
    expected = [value(word, (n, 0)) for word in block]
    with pytest.MonkeyPatch.context() as patch:
        deal(patch, block)
        choices = Choices(Seeded(0))
        assert [choices.below(n, "s") for _ in range(2)] == expected
        assert choices.draw("s", [(n, 0)] * 2) == expected
        one_of = choices.stream("s").one_of(range(n))
        assert [one_of() for _ in range(2)] == expected


@pytest.mark.parametrize("seed", [-1, SEED_LIMIT, SEED_LIMIT + 1])
def test_a_seed_out_of_bounds_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"expected a seed in [0, 2**128), got {seed}")):
        Seeded(seed)


@pytest.mark.parametrize("name", ["", "é", "a b"])
def test_a_stream_without_a_usable_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a stream name in ASCII without spaces"):
        Choices(Seeded(0)).stream(name)


def test_seeds_and_names_that_look_alike_are_different_streams() -> None:
    """A name may continue where the words of a seed end, for instance."""
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


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), rounds=st.lists(SLOTS, max_size=25))
def test_a_draw_gives_each_slot_the_word_of_its_place(seed: int, rounds: list[list[Slot]]) -> None:
    """Slots with one possible value are passed over, and nobody else's word changes."""
    choices = Choices(Seeded(seed))
    rounds = [slots for slots in rounds for _ in range(2)]
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


def test_draws_of_any_size_cross_the_seams_between_blocks() -> None:
    choices = Choices(Seeded(6))
    expected = raw(6, "s", 40_000)
    start = 0
    for turn in range(600):
        size = turn % 10 + 100 * (turn % 50 == 7)
        closed = 3 * turn * (turn % 20 == 5)
        choices.draw("s", [(1, 0)] * closed)
        values = choices.draw("s", [(1, 0), *[(2**64, 0)] * size])
        start += closed + 1 + size
        assert values == [0, *expected[start - size : start]]


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
    """The order in which streams are created, and how draws interleave, change nothing."""
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


def test_a_choice_with_one_answer_takes_a_place() -> None:
    choices = Choices(Seeded(3))
    values = [choices.below(n, "s") for n in (2**64, 1, 2**64)]
    first, _, third = raw(3, "s", 3)
    assert values == [first, 0, third]
