"""One scenario for every way in which student code breaks; the texts it gives are snapshots.

Snapshots quote lines of this file with their numbers: add new scenarios at its end.
"""

import asyncio
import contextlib
import time
from typing import Any

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer, PutArgs, PutReply, Version
from tester import Simulation
from tests.nobody import libc

# -- exceptions ---------------------------------------------------------------------------------


def divide(a: int, b: int) -> int:
    return int(a / b)


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


# The real number of this process: os.getpid() is 1 on a node.
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


class ForgetsToAwait(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        reply = self._end.call(KVServer.put, PutArgs(key, value, version))
        return reply.err  # type: ignore[attr-defined,no-any-return]

    async def get(self, key: str) -> tuple[str, Version, Err]:
        for _ in range(2):
            self._ask(key)  # type: ignore[unused-coroutine]
            asyncio.sleep(0.1)  # type: ignore[unused-coroutine]
        return "", 0, Err.OK

    async def _ask(self, key: str) -> None:
        await self._end.call(KVServer.get, GetArgs(key))


async def forgotten_await(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk(ForgetsToAwait).put("k", "a", 0)


async def forgotten_awaits(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk(ForgetsToAwait).get("k")
    raise AssertionError("no server was asked")


async def forgotten_await_of_the_test(sim: Simulation) -> None:
    sim.serve()
    _, _, _ = sim.clerk().get("k")  # type: ignore[misc]


class ReturnsItsHelper(Clerk):
    async def get(self, key: str) -> tuple[str, Version, Err]:
        return super().get(key)  # type: ignore[return-value]


async def forgotten_await_of_what_is_returned(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk(ReturnsItsHelper).get("k")


class DiesTwice(Background):
    def __init__(self) -> None:
        super().__init__()
        self._others = [asyncio.create_task(self._fail(place)) for place in range(3)]

    async def _fail(self, place: int) -> None:
        await asyncio.sleep(0.3 - place / 10)
        raise LookupError(place)


async def background_tasks(sim: Simulation) -> None:
    sim.serve(DiesTwice)
    ck = sim.clerk()
    for version in range(9):
        await ck.put("k", "a", version)
        await sim.sleep(0.1)


async def a_long_assertion(sim: Simulation) -> None:
    words = [f"word{number}" for number in range(40)]
    raise AssertionError(f"expected no words, and got {words}\nin two lines")


async def died_before_it_crashed(sim: Simulation) -> None:
    sim.serve(Background)
    await sim.sleep(1)
    sim.node("server").crash()
    await sim.sleep(1)
    raise AssertionError("nobody serves")
