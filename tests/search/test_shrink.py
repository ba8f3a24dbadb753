"""The shrinker finds the least that fails in the same way, and always the same least."""

from __future__ import annotations

import asyncio
from statistics import median

import pytest

from kvsrv import Err
from labrpc import RELIABLE
from tester import Simulation
from tester.engine.choices import Choices, Record, Replayed, Seeded
from tester.search import shrink as shrinking
from tester.search.shrink import (
    AT_LEAST,
    PATIENCE,
    Shrinker,
    Shrunk,
    as_recorded,
    nonzero,
    shrink,
    symptom,
    trimmed,
)
from tester.world.run import Outcome, Scenario, run
from tests.search import planted
from tests.search.planted import failing, scenario
from tests.world.lab import CertainClerk, fates

SEEDS = 20

ONE, TWO, NONE = map(scenario, (planted.one_fault, planted.two_faults, planted.no_fault))
Found = list[tuple[Outcome, Shrunk]]


def shrunken(tested: Scenario, seeds: int) -> Found:
    return [(outcome, shrink(tested, seed, outcome)) for seed, outcome in failing(tested, seeds)]


@pytest.fixture(scope="module")
def ones() -> Found:
    return shrunken(ONE, SEEDS)


@pytest.fixture(scope="module")
def twos() -> Found:
    return shrunken(TWO, SEEDS)


# -- how small ----------------------------------------------------------------------------------


def test_a_bug_that_takes_one_lost_reply_shrinks_to_that_on_every_seed(ones: Found) -> None:
    assert max(len(before.choices.faults) for before, _ in ones) > 5
    for _, small in ones:
        assert len(small.faults) == 1
        assert small.record.keys() <= {"net/c0", "size/rounds"}
        assert sum(small.record["net/c0"]) == 1


def test_a_bug_that_takes_two_faults_keeps_two_on_every_seed(twos: Found) -> None:
    assert max(len(before.choices.faults) for before, _ in twos) > 5
    assert {len(small.faults) for _, small in twos} == {2}
    assert {sum(small.record["net/c0"]) for _, small in twos} == {2}


def test_a_bug_that_takes_no_fault_shrinks_to_nothing() -> None:
    for before, small in shrunken(NONE, SEEDS):
        assert small.faults == []
        assert nonzero(small.record).keys() <= {("size/rounds", 0)}
        assert small.outcome.ops <= before.ops


def test_the_workload_shrinks_to_the_rounds_that_it_takes(ones: Found) -> None:
    assert min(before.ops for before, _ in ones) > 2
    small = shrink(NONE, 0, run(NONE, Choices(Seeded(0))))
    assert small.outcome.ops == 2
    assert small.record == {"size/rounds": [3]}


def test_each_of_several_sizes_of_one_name_shrinks_by_itself() -> None:
    async def rounds(sim: Simulation) -> None:
        first, _, third = (sim.at_most(9, "rounds") for _ in range(3))
        assert first + third < 9

    tested = scenario(rounds)
    small = shrink(tested, 0, run(tested, Choices(Seeded(0))))
    assert small.record == {"size/rounds": [8, 8, 1]}


def test_a_fault_alone_on_the_first_end_replaces_those_of_many_clients() -> None:
    async def many(sim: Simulation) -> None:
        sim.serve()
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(planted.write(sim, sim.clerk(CertainClerk), f"k{number}"))

    tested = scenario(many, planted.LOSSY.but(request_delay_ms=26))
    for before, small in shrunken(tested, 5):
        assert len(before.choices.faults) > 10
        assert {stream for stream, _ in nonzero(small.record)} <= {"net/c0", "size/rounds"}
        assert (len(small.faults), sum(small.record["net/c0"])) == (1, 1)
        assert small.runs < 90


def test_the_least_of_a_size_is_found_exactly_and_not_searched_again() -> None:
    async def between(sim: Simulation) -> None:
        left_out = 1_000 - sim.at_most(1_000, "rounds")
        assert not 200 <= left_out <= 345

    tested = scenario(between)
    small = shrink(tested, 0, run(tested, Choices(Replayed({"size/rounds": [300]}))))
    assert small.record == {"size/rounds": [345]}
    assert small.runs <= 16, "one search of 11 runs, and what else there is to try"


def test_the_least_of_a_large_size_is_found() -> None:
    async def few(sim: Simulation) -> None:
        assert sim.at_most(20_000, "clients") < 5, "five are too many"

    tested = scenario(few)
    small = shrink(tested, 0, run(tested, Choices(Seeded(0))))
    assert small.record == {"size/clients": [20_000 - 5]}
    assert small.runs <= 70


def test_a_perfect_network_leaves_nothing_to_shrink() -> None:
    tested = scenario(planted.one_half_certain_put, RELIABLE)
    assert run(tested, Choices(Seeded(0))).verdict == "pass"
    tested = scenario(planted.no_fault, RELIABLE)
    small = shrink(tested, 7, run(tested, Choices(Seeded(7))))
    assert (small.seed, small.faults) == (7, [])


def test_the_shrunken_run_is_never_larger(ones: Found, twos: Found) -> None:
    for before, small in ones + twos:
        assert len(small.faults) <= len(before.choices.faults)
        assert small.outcome.rpcs + small.outcome.ops <= before.rpcs + before.ops
        assert small.choices_after == len(nonzero(small.record)) <= small.choices_before
        assert small.choices_before == len(nonzero(before.choices.record()))


def test_a_needless_delay_is_taken_out_and_a_needed_one_gets_small() -> None:
    async def slow(sim: Simulation) -> None:
        sim.serve()
        start = sim.virtual_us
        await sim.clerk().get("k")
        assert sim.virtual_us - start < 12_000

    tested = scenario(slow, planted.TINY.but(request_delay_ms=26))
    ((seed, outcome),) = failing(tested, 1)
    small = shrink(tested, seed, outcome)
    assert small.faults == []
    assert small.record == {"net/c0": [0, 11]}


def test_what_takes_more_rpcs_is_not_smaller_for_having_fewer_choices() -> None:
    async def hurries(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        await ck.get("k")
        for _ in range(1 if sim.virtual_us > 5_000 else 10):
            await ck.get("k")
        raise KeyError

    tested = scenario(hurries, planted.TINY.but(request_delay_ms=26))
    slow = run(tested, Choices(Replayed({"net/c0": [0, 20]})))
    small = shrink(tested, 0, slow)
    assert small.outcome.rpcs == slow.rpcs == 2
    assert small.record == {"net/c0": [0, 5]}


def test_a_fault_without_which_another_one_strikes_another_message_is_taken_out() -> None:
    async def second(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        await ck.put("k", "", 0)
        assert await ck.put("k", "", 1) is Err.OK

    tested = scenario(second)
    two = fates({"request_lost": 1}, {}, {"reply_lost": 1})
    small = shrink(tested, 0, run(tested, Choices(Replayed({"net/c0": two}))))
    assert small.record == trimmed({"net/c0": fates({}, {"reply_lost": 1})})


def test_a_fate_is_taken_out_with_the_whole_workload_and_nothing_else_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A site of `maybe` may have a stream whose name only looks like that of a size."""
    lost = fates({"request_lost": 1})
    record = {"net/c0": lost, "maybe/test/size/x": [3, 1], "size/rounds": [2]}
    tried: list[Record] = []
    with monkeypatch.context() as patched:
        patched.setattr(Shrinker, "better", lambda self, record: tried.append(record))
        shrinker = Shrinker(ONE, run(ONE, Choices(Replayed(record))), lambda: None)
        shrinker.record = record
        shrinker._fates()
    assert [set(edited) for edited in tried] == [set(record), set(record) - {"size/rounds"}]


# -- the same failure ---------------------------------------------------------------------------


def test_the_shrunken_run_fails_with_the_same_symptom(ones: Found, twos: Found) -> None:
    for before, small in ones + twos:
        assert symptom(small.outcome) == symptom(before) != ("",)
        assert small.outcome.verdict == "fail"


def test_a_different_failure_is_not_taken_for_the_one_being_shrunk() -> None:
    async def either(sim: Simulation) -> None:
        sim.serve()
        late = asyncio.ensure_future(sim.clerk().get("k"))
        await sim.sleep(0.05)
        if late.done():
            raise KeyError
        raise IndexError

    tested = scenario(either)
    seed, outcome = next(
        found for found in failing(tested, 40) if isinstance(found[1].error, IndexError)
    )
    assert run(tested, Choices(Replayed({}))).kind == "KeyError"
    small = shrink(tested, seed, outcome)
    assert small.outcome.kind == "IndexError"
    assert len(small.faults) == 1


def test_a_failure_of_the_same_kind_in_another_line_is_another_failure() -> None:
    async def either(sim: Simulation) -> None:
        sim.serve()
        late = asyncio.ensure_future(sim.clerk().get("k"))
        await sim.sleep(0.05)
        if late.done():
            raise KeyError("here")
        raise KeyError("there")

    tested = scenario(either)
    seed, outcome = next(
        found for found in failing(tested, 40) if str(found[1].error) == "'there'"
    )
    assert str(shrink(tested, seed, outcome).outcome.error) == "'there'"


# -- the same answer ----------------------------------------------------------------------------


def test_two_shrinks_are_equal(ones: Found) -> None:
    for before, small in ones[:5]:
        again = shrink(ONE, small.seed, before)
        assert (again.record, again.runs) == (small.record, small.runs)
        assert again.outcome.digest == small.outcome.digest


def test_the_record_replays_to_the_same_run(ones: Found, twos: Found) -> None:
    for tested, found in ((ONE, ones), (TWO, twos)):
        for _, small in found:
            again = run(tested, Choices(Replayed(small.record)))
            assert again.digest == small.outcome.digest
            assert trimmed(again.choices.record()) == small.record


def test_what_is_shrunken_does_not_shrink_any_more(twos: Found) -> None:
    for _, small in twos[:5]:
        assert shrink(TWO, small.seed, small.outcome).record == small.record


# -- what it costs ------------------------------------------------------------------------------


def test_each_attempt_is_announced_and_one_more_run_keeps_the_trace() -> None:
    ((seed, outcome),) = failing(TWO, 1)
    calls: list[int] = []
    small = shrink(TWO, seed, outcome, lambda: calls.append(len(calls)))
    assert len(calls) == small.runs + 1 > 2
    assert small.outcome.trace[-1][1:] == ("end", "NotLinearizable")


def test_a_short_run_shrinks_long_before_the_attempts_are_spent(ones: Found, twos: Found) -> None:
    assert median(small.runs for _, small in ones + twos) < 75
    assert {small.bound for _, small in ones + twos} == {""}


@pytest.mark.parametrize("runs", [0, 1, 3])
def test_the_number_of_attempts_is_bounded(runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ((seed, outcome),) = failing(TWO, 1)
    monkeypatch.setattr(shrinking, "RUNS", runs)
    small = shrink(TWO, seed, outcome)
    assert (small.runs, small.bound) == (runs, f"{runs} runs")
    assert symptom(small.outcome) == symptom(outcome)


def test_long_runs_are_tried_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    ((seed, outcome),) = failing(TWO, 1)
    whole = shrink(TWO, seed, outcome).runs
    monkeypatch.setattr(shrinking, "STEPS", outcome.steps)
    small = shrink(TWO, seed, outcome)
    assert 1 < small.runs < whole
    assert small.bound.endswith(" steps")


def test_as_it_was_recorded_a_run_stays_as_it_is() -> None:
    ((seed, outcome),) = failing(TWO, 1)
    same = as_recorded(seed, outcome)
    assert (same.seed, same.runs, same.outcome) == (seed, 0, outcome)
    assert same.record == trimmed(outcome.choices.record())
    assert same.choices_after == same.choices_before == len(nonzero(same.record))
    assert same.faults == outcome.choices.faults


def test_a_search_may_be_given_fewer_steps_and_then_no_other_seed_is_tried() -> None:
    ((seed, outcome),) = failing(TWO, 1)
    small = shrink(TWO, seed, outcome, most_steps=2 * outcome.steps)
    assert small.steps < 2 * outcome.steps + PATIENCE * outcome.steps + AT_LEAST
    assert small.bound == f"{2 * outcome.steps:,} steps".replace(",", " ")
    assert small.settled
    assert symptom(small.outcome) == symptom(outcome)
