"""One scenario for every text that a person reads when a seed fails; the texts are snapshots.

Snapshots quote lines of this file with their numbers: add new scenarios at its end.
"""

import asyncio

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer, PutArgs, PutReply, Version
from tester import Simulation
from tests.world.lab import CertainClerk

# -- wrong answers ------------------------------------------------------------------------------


async def lost_reply(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk(CertainClerk).put("k", "a", 0)


async def lost_reply_among_others(sim: Simulation) -> None:
    sim.serve()
    certain = sim.clerk(CertainClerk)
    honest = sim.clerk()
    for version in range(6):
        await honest.put("other", str(version), version)
    await certain.put("k", "a", 0)
    sim.note("and now the others again")
    await honest.get("other")


class ForgetfulServer(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        return GetReply("", 0, Err.NO_KEY)


async def stale_read(sim: Simulation) -> None:
    sim.serve(ForgetfulServer)
    one, two = sim.clerk(), sim.clerk()
    await one.put("k", "a", 0)
    await two.get("k")


# -- a run that never ends ----------------------------------------------------------------------


class ForgetsToRelease(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self._lock = asyncio.Lock()

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        await self._lock.acquire()
        return super().put(args)


async def deadlock(sim: Simulation) -> None:
    sim.serve(ForgetsToRelease)
    ck = sim.clerk()
    await ck.put("k", "a", 0)
    await ck.put("k", "b", 1)


async def deadlock_alone(sim: Simulation) -> None:
    await asyncio.get_running_loop().create_future()


async def too_many_steps(sim: Simulation) -> None:
    while True:
        await asyncio.sleep(1)


async def one_instant(sim: Simulation) -> None:
    while True:
        await asyncio.sleep(0)


class Patient(Clerk):
    async def get(self, key: str) -> tuple[str, Version, Err]:
        while True:
            await asyncio.sleep(10)


async def too_long(sim: Simulation) -> None:
    await sim.clerk(Patient).get("k")


async def silent_rpcs(sim: Simulation) -> None:
    await sim.clerk().get("k")


# -- what the network and the test do -----------------------------------------------------------


async def duplicate(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk()
    await ck.put("k", "a", 0)
    await sim.sleep(0.1)
    raise AssertionError("to see the story")


async def one_way_partition(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk()
    sim.network.block("c0", replies=True)
    writing = asyncio.ensure_future(ck.put("k", "a", 0))
    await sim.sleep(0.15)
    sim.network.block("c0", requests=True)
    await sim.sleep(0.2)
    sim.network.block("c0")
    await writing
    raise AssertionError("to see the story")


async def unreachable(sim: Simulation) -> None:
    ck = sim.clerk()
    reading = asyncio.ensure_future(ck.get("k"))
    await sim.sleep(0.05)
    sim.serve()
    await reading
    raise AssertionError("to see the story")


class Slow(KVServer):
    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        await asyncio.sleep(1)
        return super().get(args)


async def crash_and_restart(sim: Simulation) -> None:
    sim.serve(Slow)
    ck = sim.clerk()
    reading = asyncio.ensure_future(ck.get("k"))
    await sim.sleep(0.5)
    sim.note("now it crashes")
    sim.node("server").crash()
    await sim.sleep(0.05)
    sim.node("server").restart()
    await reading
    sim.node("server").stop()
    raise AssertionError("to see the story")


async def caller_gave_up(sim: Simulation) -> None:
    sim.serve(Slow)
    ck = sim.clerk()
    try:
        async with asyncio.timeout(0.5):
            await ck.get("k")
    except TimeoutError:
        await sim.sleep(1)
    raise AssertionError("to see the story")


async def node_down(sim: Simulation) -> None:
    ck = sim.clerk()
    sim.node("c0").crash()
    await ck.get("k")


async def long_run(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk()
    for version in range(20):
        await ck.put("k", "a", version)
    raise AssertionError("to see the story")


async def long_values(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk()
    await ck.put("key" * 20, "value " * 1000, 0)
    await ck.get("key" * 20)
    sim.note("a note that is far too long for a line of eighty columns " * 3)
    raise AssertionError("to see the story")


async def undecided(sim: Simulation) -> None:
    sim.serve()
    for _ in range(3):
        await sim.clerk().get("k")


# -- slow rather than stuck ---------------------------------------------------------------------


async def too_much_work(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk()
    for number in range(1_000):
        await asyncio.sleep(9)
        await ck.put("k", f"{number}", number)
