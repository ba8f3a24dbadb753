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
FAULTS = [faults.partition, faults.isolate, faults.pause, faults.one_way]
KEYS = ["a", "b"]


def step(value: str, input: Any, output: Any) -> tuple[bool, str]:
    """One key."""
    method, args = input
    if method == "put":
        return True, args[1]
    return output is OPEN or output == value, value


table = Model("table", init=str, step=step, partition=lambda input: input[1][0])


def safe(states: States) -> bool:
    return bool(states["views"]["safe"])


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

    over = False

    async def client(number: int) -> None:
        node = sim.client_node()
        ends = [node.end(f"{node.name}-{name}", name) for name in names]
        to_views = node.end(f"{node.name}-views", "views")
        ck: Any = node.make(Client, ends, names, to_views, node.name, name=node.name)
        i = 0
        while not over:
            i += 1
            await ck.put(random.choice(KEYS), f"{number}.{i}")
            for _ in range(2):
                await sim.sleep(random.random() / 2)
                await ck.get(random.choice(KEYS))

    async with asyncio.TaskGroup() as clients:
        for number in range(3):
            clients.create_task(client(number))
        await sim.sleep(10)  # the nemesis strikes
        await sim.quiet()
        for _ in range(3):  # and then servers crash, but never the only one that has the table
            await sim.eventually("two have the table", safe, views, within=10)
            victim = random.randrange(len(group))
            group.crash(victim)
            await sim.sleep(random.random())
            group.restart(victim)
            await sim.sleep(2)
        over = True


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
