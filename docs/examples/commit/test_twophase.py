"""The suite of two-phase commit: run it with `pytest docs/examples/commit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from bugs import ForgetsItsDoubts, LosesPatience, TellsTooEarly
from twophase import ABORTED, COMMITTED, PREPARED, Coordinator, Participant

from labrpc import UNRELIABLE
from tester import InvariantViolated, Livelock, NodeDown, Simulation, faults, simulate

States = Mapping[str, Mapping[str, Any]]
REFUSED = [[3], [7], [3, 7]]
"""The transactions that each participant votes against."""
NUMBERS = 20
FAULTS = [faults.crash, faults.power_failure, faults.partition]


def outcomes(states: States, number: int) -> list[str]:
    """What the participants have done about a transaction."""
    return [state[str(number)] for state in states.values() if str(number) in state]


def agree(states: States) -> bool:
    for number in range(NUMBERS):
        done = outcomes(states, number)
        assert not (COMMITTED in done and ABORTED in done), f"transaction {number} is both"
    return True


def refusals_count(states: States) -> bool:
    return not any(COMMITTED in outcomes(states, number) for number in (3, 7))


def all_decided(states: States) -> bool:
    return not any(PREPARED in state.values() for state in states.values())


def blocked(states: States) -> bool:
    return "coordinator" not in states and not all_decided(states)


async def transactions(
    sim: Simulation,
    coordinator: type[Coordinator] = Coordinator,
    participant: type[Participant] = Participant,
) -> None:
    group = sim.group(
        "p",
        3,
        participant,
        lambda node: node.end(f"{node.name}-coordinator", "coordinator"),
        lambda node: REFUSED[int(node.name[1:])],
        lambda node: node.disk,
    )
    node = sim.node("coordinator")
    ends = [node.end(f"coordinator-{name}", name) for name in group.names]
    leader: Any = node.make(coordinator, ends, node.disk)
    node.serve(leader)

    sim.always("participants agree", agree, group)
    sim.always("nobody commits what one refused", refusals_count, group)
    sim.sometimes("in doubt, and the coordinator is down", blocked, leader, group)

    sim.nemesis(faults.crash, pace_ms=300, nodes=["coordinator"])
    told: dict[int, bool] = {}
    for number in range(NUMBERS):
        try:
            told[number] = await leader.commit(number)
        except NodeDown:
            sim.note(f"nobody knows what becomes of transaction {number}")
        await sim.sleep(0.1)

    await sim.quiet()
    await sim.eventually("all is decided", all_decided, group, within=20)
    for number, commit in told.items():
        expected = COMMITTED if commit else ABORTED
        for peer in group.peers:
            assert (await peer.describe()).get(str(number), ABORTED) == expected


@simulate(
    seeds=200,
    network=UNRELIABLE,
    faults=FAULTS,
    sometimes=[
        "in doubt, and the coordinator is down",
    ],
)
async def test_transactions(sim: Simulation) -> None:
    await transactions(sim)


@pytest.mark.parametrize(
    ("bug", "verdict"),
    [
        ({"coordinator": TellsTooEarly}, InvariantViolated),
        ({"participant": LosesPatience}, InvariantViolated),
        ({"participant": ForgetsItsDoubts}, Livelock),
    ],
)
def test_a_planted_bug_is_found(bug: dict[str, Any], verdict: type[Exception]) -> None:
    @simulate(seeds=200, network=UNRELIABLE, faults=FAULTS)
    async def buggy(sim: Simulation) -> None:
        await transactions(sim, **bug)

    with pytest.raises(verdict):
        buggy()
