"""Scenarios whose digests must be the same everywhere; as a program it prints them as JSON."""

import asyncio
import json
import random
import sys
import time
import uuid
from typing import Any, Final

from kvsrv import Err, GetArgs, GetReply, KVServer, PutArgs, PutReply
from labrpc import LONG_REORDERING, UNRELIABLE, Conditions
from tester import Simulation
from tester.engine.choices import Choices, Seeded, Source
from tester.world.run import Outcome, Scenario, run
from tester.world.scenario import SimulatedTest
from tests.world.lab import AsyncKVServer, CertainClerk, RacyKVServer, put_and_get, unreliable


async def kv(sim: Simulation) -> None:
    sim.serve()
    await put_and_get(sim, [sim.clerk() for _ in range(3)])


async def async_handlers(sim: Simulation) -> None:
    sim.serve(AsyncKVServer)
    await put_and_get(sim, [sim.clerk() for _ in range(3)])


async def not_linearizable(sim: Simulation) -> None:
    sim.serve(RacyKVServer)
    await put_and_get(sim, [sim.clerk(CertainClerk) for _ in range(3)])


async def locks(sim: Simulation) -> None:
    sim.serve()

    async def client(number: int) -> None:
        lock = sim.lock(sim.clerk(), "l")
        await lock.acquire()
        sim.note(f"{number} holds the lock")
        await lock.release()

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(client(number))


async def crashes(sim: Simulation) -> None:
    sim.serve(AsyncKVServer)
    writing = asyncio.create_task(put_and_get(sim, [sim.clerk() for _ in range(2)]))  # noqa: RUF006 - awaited below
    for how in "crash", "stop", "crash":
        await sim.sleep(0.05)
        getattr(sim.node("server"), how)()
        await sim.sleep(0.05)
        sim.node("server").restart()
    await writing


class Moody(KVServer):
    """Looks at everything that could differ from process to process."""

    def __init__(self) -> None:
        super().__init__()
        self.mood = uuid.uuid4().hex

    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        await asyncio.sleep(random.random() / 100)
        return GetReply(f"{self.mood} {time.time()} {random.random()}", 1, Err.OK)


async def moody(sim: Simulation) -> None:
    sim.serve(Moody)
    await put_and_get(sim, [sim.clerk() for _ in range(2)])


class Tired(KVServer):
    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        await asyncio.sleep(0)
        if len(self._table.get("k", ("", 0))[0]) > 1 or random.random() < 0.3:
            raise RuntimeError("tired")
        return super().put(args)


async def exceptions(sim: Simulation) -> None:
    sim.serve(Tired)
    await put_and_get(sim, [sim.clerk() for _ in range(2)])


class Forgets(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self._lock = asyncio.Lock()

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        await self._lock.acquire()
        return super().put(args)


async def deadlocks(sim: Simulation) -> None:
    sim.serve(Forgets)
    await put_and_get(sim, [sim.clerk() for _ in range(2)])


class Cancels(KVServer):
    """Cancels all its tasks, of which it has many, and says in which order they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[str] = []
        for number in range(8):
            self.keep = asyncio.create_task(self.wait(number), name=f"{number}")
            for _ in range(31):  # so that their serials are far apart, as after a long run
                self.keep = asyncio.create_task(asyncio.sleep(0))

    async def wait(self, number: int) -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            self.ended.append(str(number))

    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0.1)
        return GetReply(" ".join(self.ended), 1, Err.OK)


async def cancelled(sim: Simulation) -> None:
    sim.serve(Cancels)
    await sim.sleep(0.1)
    await sim.clerk().get("k")


UNCHECKED: Final = {"model": None, "network": UNRELIABLE}
SCENARIOS: Final[dict[str, tuple[SimulatedTest, dict[str, Any]]]] = {
    "kv": (kv, {"network": UNRELIABLE}),
    "kv, reliable": (kv, {}),
    "kv, all faults": (kv, {"network": unreliable(LONG_REORDERING)}),
    "async handlers": (async_handlers, {"network": UNRELIABLE}),
    "not linearizable": (not_linearizable, {"network": UNRELIABLE}),
    "locks": (locks, {"network": UNRELIABLE}),
    "crashes": (crashes, UNCHECKED),
    "moody": (moody, UNCHECKED),
    "exceptions": (exceptions, UNCHECKED),
    "deadlocks": (deadlocks, {"network": Conditions()}),
    "cancelled": (cancelled, UNCHECKED),
}


def outcome(name: str, source: Source, **changes: Any) -> Outcome:
    """Run a scenario."""
    test, conditions = SCENARIOS[name]
    scenario = Scenario(function=test, name=name, **{**conditions, **changes})
    return run(scenario, Choices(source))


def digests(seeds: int) -> dict[str, list[str]]:
    """The digests of each scenario, by name, seeds in their order."""
    return {
        name: [outcome(name, Seeded(seed)).digest for seed in range(seeds)] for name in SCENARIOS
    }


if __name__ == "__main__":
    print(json.dumps(digests(int(sys.argv[1]))))
