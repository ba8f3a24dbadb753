"""One scenario for every text that a person reads when a seed fails; the texts are snapshots.

Snapshots quote lines of this file with their numbers: add new scenarios at its end.
"""

import asyncio
import contextlib
import ctypes
import time
from typing import Any

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


# -- exceptions ---------------------------------------------------------------------------------


def divide(a: int, b: int) -> int:
    return a // b


class BrokenServer(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        return GetReply("", divide(1, 0), Err.OK)

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        await asyncio.sleep(0.001)
        raise KeyError(args.key)


async def handler(sim: Simulation) -> None:
    sim.serve(BrokenServer)
    await sim.clerk().get("k")


async def async_handler(sim: Simulation) -> None:
    sim.serve(BrokenServer)
    await sim.clerk().put("k", "a", 0)


class BrokenClerk(Clerk):
    async def get(self, key: str) -> tuple[str, Version, Err]:
        reply = await self._end.call(KVServer.get, GetArgs(key))
        return reply.value, reply.version, reply.err  # type: ignore[union-attr]


async def clerk(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk(BrokenClerk).get("k")


class Unbuildable(KVServer):
    def __init__(self) -> None:
        raise NotImplementedError


async def factory(sim: Simulation) -> None:
    sim.serve(Unbuildable)
    await sim.clerk().get("k")


class Background(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        await asyncio.sleep(0.5)
        raise RuntimeError("the ticker has stopped")


async def background_task(sim: Simulation) -> None:
    sim.serve(Background)
    await sim.sleep(1)


async def background_task_before_the_assertion(sim: Simulation) -> None:
    sim.serve(Background)
    await sim.sleep(1)
    raise AssertionError("the server does not tick")


class Callback(KVServer):
    def __init__(self) -> None:
        super().__init__()
        asyncio.get_running_loop().call_later(0.25, divide, 1, 0)


async def callback(sim: Simulation) -> None:
    sim.serve(Callback)
    await sim.sleep(1)


async def the_test_itself(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk().get("k")
    divide(1, 0)


async def one_of_a_group(sim: Simulation) -> None:
    async def client(seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise ValueError(f"after {seconds} seconds")

    async with asyncio.TaskGroup() as group:
        group.create_task(client(2))
        group.create_task(client(1))


async def an_assertion(sim: Simulation) -> None:
    sim.serve()
    _, version, _ = await sim.clerk().get("k")
    raise AssertionError(f"expected version 1, and got version {version}")


class Recursive(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        return self.get(args)


async def recursion(sim: Simulation) -> None:
    sim.serve(Recursive)
    await sim.clerk().get("k")


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("you will never know")


async def hostile_exception(sim: Simulation) -> None:
    raise Hostile


# -- misuse -------------------------------------------------------------------------------------


class WrongReply(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        return {args.key}  # type: ignore[return-value]


async def not_a_message(sim: Simulation) -> None:
    sim.serve(WrongReply)
    await sim.clerk().get("k")


async def not_an_argument(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk().put("k", b"a", 0)  # type: ignore[arg-type]


class WrongAnswer(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        return "OK"  # type: ignore[return-value]


async def wrong_result(sim: Simulation) -> None:
    await sim.clerk(WrongAnswer).put("k", "a", 0)


class Sleepy(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        time.sleep(1)
        return super().get(args)


async def outside_world(sim: Simulation) -> None:
    sim.serve(Sleepy)
    await sim.clerk().get("k")


class Swallows(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        with contextlib.suppress(Exception):
            time.sleep(1)
        return super().get(args)


async def swallowed(sim: Simulation) -> None:
    sim.serve(Swallows)
    await sim.clerk().get("k")


class Waiter(KVServer):
    def __init__(self, events: Any) -> None:
        super().__init__()
        events.append(asyncio.Event())
        self._event = events[0]

    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        await self._event.wait()
        return super().get(args)


async def shared_event(sim: Simulation) -> None:
    events: list[asyncio.Event] = []
    sim.serve(lambda: Waiter(events))
    reading = asyncio.create_task(sim.clerk().get("k"))
    await sim.sleep(1)
    events[0].set()
    await reading


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


libc = ctypes.CDLL(None)
PYTEST = libc.getpid()


class Ends(KVServer):
    """Kills its process with a signal: only for a child process, and it looks."""

    def get(self, args: GetArgs) -> GetReply:
        me = libc.getpid()
        assert me != PYTEST
        libc.kill(me, 9)
        return super().get(args)


async def process_died(sim: Simulation) -> None:
    sim.serve(Ends)
    await sim.clerk().get("k")
