"""The exhaustive proof runs each placement of faults once, and finds a smallest one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import combinations

import pytest

from tester import Simulation
from tester.engine.choices import Choices, Record, Replayed
from tester.search.exhaust import Placed, Placement, exhaust
from tester.search.shrink import changed
from tester.world.run import Outcome, Scenario, run
from tester.world.streams import FATE_FIELDS, FATE_SIZE
from tests.search import planted
from tests.search.planted import TINY, scenario
from tests.world.lab import PERFECT, unreliable

LOSSES = ("request_lost", "reply_lost")
KINDS = (*LOSSES, "duplicated", "late", "reply_held")
ALL = unreliable(reply_hold=(1, 10))


async def two_clients(sim: Simulation) -> None:
    sim.serve()
    one, two = sim.clerk(), sim.clerk()
    async with asyncio.TaskGroup() as group:
        group.create_task(one.put("a", "", 0))
        group.create_task(two.get("a"))


ONE, HALF, CORRECT = (
    scenario(test, TINY)
    for test in (planted.one_put, planted.one_half_certain_put, planted.correct)
)


def by_brute_force(
    tested: Scenario, faults: int, rpcs: int
) -> Iterator[tuple[Placement, Outcome]]:
    """Every set of faults that all come true: tried from a grid of all that there could be."""
    grid = [
        (f"net/c{end}", rpc * FATE_SIZE + FATE_FIELDS.index(kind))
        for end in range(2)
        for rpc in range(rpcs)
        for kind in (LOSSES if tested.network == TINY else KINDS)
    ]
    for many in range(faults + 1):
        for placement in combinations(grid, many):
            record: Record = changed({}, dict.fromkeys(placement, 1))
            outcome = run(tested, Choices(Replayed(record)))
            if sorted(outcome.choices.faults) == sorted(placement):
                yield placement, outcome


# -- every placement ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tested", "faults", "rpcs"),
    [
        (CORRECT, 0, 1),
        (CORRECT, 1, 2),
        (CORRECT, 3, 4),
        (scenario(planted.correct, ALL), 2, 3),
        (scenario(two_clients, TINY), 2, 3),
        (scenario(two_clients, ALL), 1, 2),
    ],
    ids=["none", "one", "three", "all-kinds", "two-clients", "two-clients-all-kinds"],
)
def test_exhaust_runs_as_many_placements_as_there_are(
    tested: Scenario, faults: int, rpcs: int
) -> None:
    proof = exhaust(tested, faults)
    assert proof.placements == sum(1 for _ in by_brute_force(tested, faults, rpcs))
    assert proof.failing is None
    assert proof.outcome is None
    many = "the one placement" if faults == 0 else f"all {proof.placements} placements"
    most = f"{faults} fault" if faults == 1 else f"{faults} faults"
    assert proof.sentence == f"correct under {many} of at most {most}, delays and order at zero"


def test_each_placement_is_run_once_and_fewest_faults_come_first() -> None:
    ran: list[Placement] = []

    async def remembers(sim: Simulation) -> None:
        await two_clients(sim)
        ran.append(tuple(sorted(sim.choices.faults)))

    tested = scenario(remembers, TINY)
    exhaust(tested, 2)
    assert len(set(ran)) == len(ran)
    assert [len(placement) for placement in ran] == sorted(map(len, ran))
    found, ran = ran, []
    assert set(found) == {tuple(sorted(p)) for p, _ in by_brute_force(tested, 2, 3)}


def test_a_network_without_chances_has_one_placement() -> None:
    assert exhaust(scenario(planted.correct, PERFECT), 3).placements == 1


def test_a_source_lists_the_chances_it_met_and_only_the_placed_come_true() -> None:
    source = Placed((("a", 1),))
    choices = Choices(source)
    assert not choices.chance(1, 2, "a")
    assert choices.chance(1, 2, "a")
    assert not choices.chance(0, 1, "a")
    assert not choices.chance(1, 2, "b")
    assert choices.below(9, "a") == 0
    assert choices.draw("b", [(4, 0), (0, 1), (1, 2)]) == [0, 0, 0]
    assert source.met == [("a", 0), ("a", 1), ("b", 0), ("b", 3)]
    assert choices.faults == [("a", 1)]


# -- a placement that fails ---------------------------------------------------------------------


@pytest.mark.parametrize(("tested", "least"), [(ONE, 1), (HALF, 2)], ids=["one", "two"])
@pytest.mark.parametrize("more", [0, 1])
def test_the_placement_that_fails_is_a_smallest_one(
    tested: Scenario, least: int, more: int
) -> None:
    proof = exhaust(tested, least + more)
    failing = [
        placement
        for placement, outcome in by_brute_force(tested, least, least + 1)
        if outcome.error is not None
    ]
    assert min(map(len, failing)) == least
    assert proof.failing in failing
    assert proof.outcome is not None
    assert proof.outcome.kind == "NotLinearizable"
    assert tuple(proof.outcome.choices.faults) == proof.failing
    assert proof.sentence == (
        f"fails with {least} {'fault' if least == 1 else 'faults'}, and with no smaller number"
    )


def test_a_bug_that_takes_two_faults_does_not_show_under_one() -> None:
    assert exhaust(HALF, 1).failing is None
    assert exhaust(HALF, 2).failing is not None


def test_a_bug_that_takes_no_fault_fails_at_once() -> None:
    proof = exhaust(scenario(planted.no_fault, TINY), 2)
    assert (proof.placements, proof.failing) == (1, ())
    assert proof.sentence == "fails without any fault"


# -- how it gets on -----------------------------------------------------------------------------


def progress_of(tested: Scenario, faults: int, done: int = 0) -> list[tuple[int, int | None]]:
    calls: list[tuple[int, int | None]] = []

    def progress(placements: int, total: int | None) -> None:
        calls.append((placements, total))

    exhaust(tested, faults, done=done, progress=progress)
    return calls


def test_progress_is_reported_after_each_placement_with_the_total_once_it_is_known() -> None:
    calls = progress_of(CORRECT, 2)
    total = exhaust(CORRECT, 2).placements
    before_the_last_round = exhaust(CORRECT, 1).placements
    assert [placements for placements, _ in calls] == list(range(1, total + 1))
    assert {known for _, known in calls[:before_the_last_round]} == {None}
    assert {known for _, known in calls[before_the_last_round:]} == {total}


def test_finished_placements_are_not_run_again() -> None:
    early, total = exhaust(CORRECT, 1).placements, exhaust(CORRECT, 2).placements
    for done in (0, 1, early, early + 2, total):
        numbers = [placements for placements, _ in progress_of(CORRECT, 2, done)]
        assert numbers == [*range(1, early + 1), *range(max(early, done) + 1, total + 1)]
        assert exhaust(CORRECT, 2, done=done).placements == total


def test_a_resumed_proof_has_the_same_result() -> None:
    whole = exhaust(HALF, 2)
    for done in range(whole.placements):
        again = exhaust(HALF, 2, done=done)
        assert (again.placements, again.failing) == (whole.placements, whole.failing)
