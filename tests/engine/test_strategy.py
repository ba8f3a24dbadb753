"""Strategies: what they change about a seed, and what they never do."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.strategy import STRATEGIES, SWARM, choices_of, kind_of, scaled
from tester.engine.stream import ONLY_ON_RECORD, Slot

SLOTS: tuple[Slot, ...] = ((5, 0), (1, 10), (0, 1), (7, 7), (2, 3), (1, 0), ONLY_ON_RECORD)
STREAMS = ("net/c0", "net/c1", "sched/n", "order", "fault/crash", "node/n")
OTHERS = [name for name in STRATEGIES if name != "uniform"]

names = st.sampled_from(sorted(STRATEGIES))
seeds = st.integers(0, 2**128 - 1)
asked = st.lists(
    st.tuples(st.sampled_from(STREAMS), st.sampled_from(["below", "chance", "draw", "one_of"])),
    max_size=40,
)


def draw(choices: Choices, stream: str, what: str) -> None:
    found = choices.stream(stream)
    if what == "below":
        assert 0 <= found.below(6) < 6
    elif what == "chance":
        assert isinstance(found.chance(1, 3), bool)
    elif what == "one_of":
        assert found.one_of((0, 0, 4))() in (0, 4)
    else:
        values = found.draw(SLOTS)
        assert len(values) == len(SLOTS)
        assert 0 <= values[0] < 5
        assert values[2:4] == [0, 1]
        assert values[6] == 0


def drawn(strategy: str, seed: int, order: list[tuple[str, str]]) -> Choices:
    choices = choices_of(strategy, seed)
    for stream, what in order:
        draw(choices, stream, what)
    return choices


@given(strategy=names, seed=seeds, order=asked)
def test_a_strategy_is_a_function_of_the_seed_and_leaves_streams_alone(
    strategy: str, seed: int, order: list[tuple[str, str]]
) -> None:
    found = drawn(strategy, seed, order)
    by_stream = sorted(order, key=lambda one: one[0])  # stable: each stream keeps its own order
    assert drawn(strategy, seed, by_stream).record() == found.record()


@given(strategy=names, seed=seeds, order=asked)
def test_the_record_of_a_run_replays_without_the_strategy(
    strategy: str, seed: int, order: list[tuple[str, str]]
) -> None:
    found = drawn(strategy, seed, order)
    again = Choices(Replayed(found.record()))
    for stream, what in order:
        draw(again, stream, what)
    assert again.record() == found.record()
    assert again.faults == found.faults


@given(strategy=names, seed=seeds)
def test_every_choice_takes_one_word_whatever_came_of_it(strategy: str, seed: int) -> None:
    """What is drawn after a fate does not depend on what the fate was."""
    fated, plain = choices_of(strategy, seed).stream("x"), Seeded(seed).stream("x", [])
    _ = fated.draw(SLOTS), plain.draw(SLOTS)
    assert [fated.below(100) for _ in range(9)] == [plain.below(100) for _ in range(9)]


@given(
    num=st.integers(0, 50), den=st.integers(1, 50), by=st.sampled_from([*SWARM, (9, 1), (1, 99)])
)
def test_odds_are_scaled_up_to_one_half_and_never_made_or_made_certain(
    num: int, den: int, by: tuple[int, int]
) -> None:
    num = min(num, den)
    new_num, new_den = scaled(num, den, by)
    if num in (0, den):
        assert (new_num, new_den) == (num, den)
        return
    least, most = sorted((num * by[0] / (den * by[1]), max(num / den, 1 / 2)))
    if by[0] <= by[1]:
        assert new_num * den * by[1] == num * by[0] * new_den
    else:
        assert num / den <= new_num / new_den <= max(num / den, 1 / 2)
    assert new_num / new_den <= max(least, most)
    assert scaled(*ONLY_ON_RECORD, by) == ONLY_ON_RECORD


def test_a_kind_of_fault_is_a_place_in_a_fate_or_a_stream_of_strikes() -> None:
    assert kind_of("net/c0", 2, SLOTS) == kind_of("net/s4-s1", 2, SLOTS) == "net/2"
    assert kind_of("fault/crash", 3, [(1, 4)] * 9) == "fault/crash"


def faults(strategy: str, seed: int) -> dict[str, int]:
    choices = choices_of(strategy, seed)
    slots: tuple[Slot, ...] = ((1, 10), (1, 5), (9, 0))
    for stream in ("net/a", "net/b"):
        for _ in range(100):
            choices.draw(stream, slots)
    found = {"net/0": 0, "net/1": 0}
    for _, index in choices.faults:
        found[f"net/{index % 3}"] += 1
    return found


def test_a_swarm_leaves_kinds_of_faults_out_of_whole_runs() -> None:
    found = [faults("swarm", seed) for seed in range(40)]
    plain = [faults("uniform", seed) for seed in range(40)]
    subsets = {tuple(count > 0 for count in one.values()) for one in found}
    assert subsets == set(itertools.product([True, False], repeat=2))
    assert max(one["net/0"] for one in found) > 2 * max(one["net/0"] for one in plain) - 10
    assert all(min(one.values()) for one in plain)


@pytest.mark.parametrize("strategy", ["pct", "swarm-pct"])
def test_few_choices_of_the_order_are_not_the_first(strategy: str) -> None:
    """Of 4 096 choices among four, one in 4 to one in 256 is free, and of those 3/4 are not 0."""
    counts = []
    for seed in range(40):
        choices = choices_of(strategy, seed)
        counts.append(sum(choices.below(4, "sched/n") > 0 for _ in range(4_096)))
        assert choices.below(99, "node/n") == Choices(Seeded(seed)).below(99, "node/n")
    assert min(counts) < 2 * 12
    assert 768 / 2 < max(counts) < 2 * 768


@pytest.mark.parametrize("strategy", OTHERS)
def test_a_strategy_is_another_one_on_some_seed(strategy: str) -> None:
    order = [("net/c0", "draw"), ("sched/n", "below")] * 9
    assert any(
        drawn(strategy, seed, order).record() != drawn("uniform", seed, order).record()
        for seed in range(9)
    )
