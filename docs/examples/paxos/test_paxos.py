"""The suite of single-decree Paxos: run it with `pytest docs/examples/paxos`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from bugs import AdoptsAny, BreaksPromises, NeverAdopts
from paxos import Acceptor, Proposer

from labrpc import UNRELIABLE
from linearizability import OPEN, Model
from tester import InvariantViolated, NotLinearizable, Simulation, faults, simulate

States = Mapping[str, Mapping[str, Any]]
FAULTS = [faults.crash, faults.power_failure, faults.partition, faults.late_requests]


def step(chosen: str, input: Any, output: Any) -> tuple[bool, str]:
    """The first proposal to take effect is chosen; every proposer is told that value."""
    _, (value,) = input
    chosen = chosen or value
    return output is OPEN or output == chosen, chosen


consensus = Model("consensus", init=lambda: "", step=step)


class OneValue:
    """At most one value is ever chosen: accepted by a majority under one ballot."""

    def __init__(self, acceptors: int) -> None:
        self._majority = acceptors // 2 + 1
        self._chosen: set[str] = set()

    def __call__(self, states: States) -> bool:
        accepted = Counter((s["accepted"], s["value"]) for s in states.values() if s["accepted"])
        self._chosen |= {value for (_, value), n in accepted.items() if n >= self._majority}
        assert len(self._chosen) < 2, f"{' and '.join(sorted(self._chosen))} are chosen"
        return True


def disputed(states: States) -> bool:
    """Two acceptors have accepted different values."""
    return len({s["value"] for s in states.values() if s["accepted"]}) > 1


async def agreement(
    sim: Simulation,
    proposer: type[Proposer] = Proposer,
    acceptor: type[Acceptor] = Acceptor,
    proposers: int = 3,
) -> None:
    group = sim.group("a", 3, acceptor, lambda node: node.disk)
    sim.always("one value is chosen", OneValue(3), group)
    sim.sometimes("acceptors differ", disputed, group)
    clients = [group.client(proposer, i, proposers) for i in range(proposers)]
    told = await asyncio.gather(*(client.propose(f"of {i}") for i, client in enumerate(clients)))
    assert len(set(told)) == 1


@simulate(
    seeds=200,
    network=UNRELIABLE,
    faults=FAULTS,
    model=consensus,
    sometimes=["acceptors differ"],
)
async def test_agreement(sim: Simulation) -> None:
    await agreement(sim)


@simulate(seeds=50, network=UNRELIABLE, model=consensus)
async def test_two_proposers(sim: Simulation) -> None:
    """Small enough for a proof: `pytest --sim-exhaust=2`."""
    await agreement(sim, proposers=2)


@pytest.mark.parametrize(
    "bug",
    [
        {"proposer": NeverAdopts},
        {"proposer": AdoptsAny},
        {"acceptor": BreaksPromises},
    ],
    ids=lambda bug: next(iter(bug.values())).__name__,
)
def test_a_planted_bug_is_found(bug: dict[str, Any]) -> None:
    @simulate(seeds=200, network=UNRELIABLE, faults=FAULTS, model=consensus)
    async def buggy(sim: Simulation) -> None:
        await agreement(sim, **bug)

    with pytest.raises((InvariantViolated, NotLinearizable)):
        buggy()
