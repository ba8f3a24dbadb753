"""Scenarios with a planted bug, each with the least number of faults it takes to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from kvsrv import Clerk, Err, KVServer, PutArgs, Version
from labrpc import UNRELIABLE
from labrpc.conditions import Conditions
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.search.again import record_of
from tester.search.record import Record
from tester.search.shrink import shrink
from tester.world.handles import KV
from tester.world.run import Outcome, Scenario, run
from tester.world.scenario import SimulatedTest
from tests.report.scenarios import ForgetfulServer
from tests.world.lab import CertainClerk

LOSSY = UNRELIABLE.but(request_loss=(1, 5), reply_loss=(1, 5))
"""So much is lost that a bug that takes two faults shows up soon."""
TINY = UNRELIABLE.but(request_delay_ms=0)
"""Losses and nothing else: each RPC has two chances at the most."""


class HalfCertainClerk(Clerk):
    """Says ErrMaybe after one resend, and ErrVersion after two, when it cannot know either."""

    async def put(self, key: str, value: str, version: Version) -> Err:
        tries = 0
        while True:
            reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            if reply is not None:
                maybe = reply.err is Err.VERSION and tries == 1
                return Err.MAYBE if maybe else reply.err
            tries += 1
            await asyncio.sleep(0.1)


async def write(sim: Simulation, ck: KV, key: str) -> None:
    """Put a key a few times, with its version read again when a put was not done."""
    version = 0
    for number in range(sim.at_most(4, "rounds")):
        if await ck.put(key, str(number), version) is Err.OK:
            version += 1
        else:
            _, version, _ = await ck.get(key)


async def one_fault(sim: Simulation) -> None:
    """Fails if a reply of the one client is lost; what the other meets does no harm."""
    sim.serve()
    async with asyncio.TaskGroup() as group:
        group.create_task(write(sim, sim.clerk(CertainClerk), "a"))
        group.create_task(write(sim, sim.clerk(), "b"))


async def two_faults(sim: Simulation) -> None:
    """Fails if one put loses a reply and, besides, a request or another reply."""
    sim.serve()
    await write(sim, sim.clerk(HalfCertainClerk), "a")


async def no_fault(sim: Simulation) -> None:
    """Fails in any case: what was put is never there."""
    sim.serve(ForgetfulServer)
    await write(sim, sim.clerk(), "a")
    await sim.clerk().get("a")


async def correct(sim: Simulation) -> None:
    """Passes in any case."""
    sim.serve()
    await sim.clerk().put("a", "", 0)


async def one_put(sim: Simulation) -> None:
    """Fails if its first reply is lost."""
    sim.serve()
    await sim.clerk(CertainClerk).put("a", "", 0)


async def one_half_certain_put(sim: Simulation) -> None:
    """Fails if two tries are lost, and not both requests."""
    sim.serve()
    await sim.clerk(HalfCertainClerk).put("a", "", 0)


def scenario(test: SimulatedTest, network: Conditions = LOSSY) -> Scenario:
    return Scenario(function=test, name=test.__name__, network=network)


def failing(tested: Scenario, seeds: int) -> Iterator[tuple[int, Outcome]]:
    """The first seeds that fail, as many as asked for, each with its outcome."""
    for seed in range(1_000):
        outcome = run(tested, Choices(Seeded(seed)))
        if outcome.verdict == "fail":
            yield seed, outcome
            seeds -= 1
            if not seeds:
                return
    raise AssertionError(f"{tested.name} fails on {seeds} seeds less than it should")


def recorded(tested: Scenario, *, lab: str, test: str, submission: str) -> Record:
    """The record of the first seed that fails, made small."""
    ((seed, outcome),) = failing(tested, 1)
    small = shrink(tested, seed, outcome)
    return record_of(tested, small, lab=lab, test=test, submission=submission)
