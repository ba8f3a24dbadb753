"""The suite of the counter by gossip: run it with `pytest docs/examples/gossip`."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from bugs import AddsUp, AnswersBeforeTheDisk, TakesTheLatest
from counter import Counter

from labrpc import UNRELIABLE
from tester import InvariantViolated, Livelock, NodeDown, Simulation, faults, simulate

States = Mapping[str, Mapping[str, int]]
FAULTS = [faults.crash, faults.power_failure, faults.partition, faults.duplicates]
ADDITIONS = 12


async def counting(sim: Simulation, counter: type[Counter] = Counter) -> None:
    group = sim.group("n", 3, counter, lambda node: node.disk)
    begun = 0

    def no_more_than_added(states: States) -> bool:
        return all(state["value"] <= begun for state in states.values())

    def differ(states: States) -> bool:
        return len({state["value"] for state in states.values()}) == len(group)

    sim.always("no node counts what was not added", no_more_than_added, group)
    sim.sometimes("no two nodes agree", differ, group)

    unsure = 0
    for i in range(ADDITIONS):
        begun += 1
        try:
            await group.peers[i % len(group)].add()
        except NodeDown:
            unsure += 1
        await sim.sleep(0.5)

    def all_know(states: States) -> bool:
        values = {state["value"] for state in states.values()}
        return len(states) == len(group) and len(values) == 1 and min(values) >= begun - unsure

    await sim.quiet()
    await sim.eventually("all nodes count all additions", all_know, group, within=10)


@simulate(
    seeds=200,
    network=UNRELIABLE,
    faults=FAULTS,
    model=None,
    sometimes=["no two nodes agree"],
)
async def test_counting(sim: Simulation) -> None:
    await counting(sim)


@pytest.mark.parametrize(
    ("bug", "verdict"),
    [
        (TakesTheLatest, Livelock),
        (AddsUp, InvariantViolated),
        (AnswersBeforeTheDisk, Livelock),
    ],
)
def test_a_planted_bug_is_found(bug: type[Counter], verdict: type[Exception]) -> None:
    @simulate(seeds=200, network=UNRELIABLE, faults=FAULTS, model=None)
    async def buggy(sim: Simulation) -> None:
        await counting(sim, bug)

    with pytest.raises(verdict):
        buggy()
