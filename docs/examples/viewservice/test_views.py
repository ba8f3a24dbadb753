"""The suite of primary and backup: run it with `pytest docs/examples/viewservice`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from bugs import CountsTwice, ForgetsTheTable, HurriesOn, ReadsAlone
from views import Client, Server, ViewServer

from labrpc import UNRELIABLE
from linearizability import OPEN, Model
from tester import NotLinearizable, Simulation, faults, simulate

States = Mapping[str, Mapping[str, Any]]
FAULTS = [faults.isolate, faults.pause, faults.one_way, faults.losses]


def step(value: str, input: Any, output: Any) -> tuple[bool, str]:
    """One key."""
    method, args = input
    if method == "put":
        return True, args[1]
    return output is OPEN or output == value, value


table = Model("table", init=str, step=step, partition=lambda input: input[1][0])


def moved_on(states: States) -> bool:
    return any(state["view"] > 3 for state in states.values())


async def failovers(
    sim: Simulation,
    server: type[Server] = Server,
    view_server: type[ViewServer] = ViewServer,
) -> None:
    views: Any = sim.serve(view_server, "views")
    names = [f"s{i}" for i in range(3)]
    group = sim.group("s", 3, server, names, lambda node: node.end(f"{node.name}-views", "views"))
    sim.sometimes("views have changed three times", moved_on, views)

    async def client(number: int) -> None:
        node = sim.client_node()
        ends = [node.end(f"{node.name}-{name}", name) for name in names]
        to_views = node.end(f"{node.name}-views", "views")
        ck: Any = node.make(Client, ends, names, to_views, node.name, name=node.name)
        for i in range(6):
            await ck.put("k", f"{number}.{i}")
            await ck.get("k")
            await sim.sleep(random.random())

    async def crashes() -> None:
        """One at a time, and never the only one that has the table."""
        while sim.now() < 10:
            await sim.sleep(2)
            if (await views.describe())["safe"]:
                victim = random.randrange(len(group))
                group.crash(victim)
                await sim.sleep(0.1 + random.random())
                group.restart(victim)

    crashing = asyncio.create_task(crashes())
    async with asyncio.TaskGroup() as clients:
        for number in range(3):
            clients.create_task(client(number))
    crashing.cancel()


@simulate(
    seeds=200,
    network=UNRELIABLE,
    faults=FAULTS,
    model={Client: table},
    sometimes=["views have changed three times"],
)
async def test_failovers(sim: Simulation) -> None:
    await failovers(sim)


@pytest.mark.parametrize(
    "bug",
    [
        {"server": ReadsAlone},
        {"server": ForgetsTheTable},
        {"server": CountsTwice},
        {"view_server": HurriesOn},
    ],
    ids=lambda bug: next(iter(bug.values())).__name__,
)
def test_a_planted_bug_is_found(bug: dict[str, Any]) -> None:
    @simulate(seeds=200, network=UNRELIABLE, faults=FAULTS, model={Client: table})
    async def buggy(sim: Simulation) -> None:
        await failovers(sim, **bug)

    with pytest.raises(NotLinearizable):
        buggy()
