"""A node with student code on it: its handlers, its tasks, and whatever they may raise."""

import asyncio
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer, PutArgs, PutReply
from tester import Simulation
from tests.world.lab import PERFECT, AsyncKVServer, RacyKVServer, failure_of, once, passes


async def get(sim: Simulation) -> None:
    await sim.clerk().get("k")


# -- handlers -----------------------------------------------------------------------------------


def serving(function: Callable[..., Any]) -> Any:
    """A test of a server whose get is this function."""

    class Server(KVServer):
        get = function

    async def test(sim: Simulation) -> None:
        sim.serve(Server)
        await sim.clerk().get("k")

    return test


def at_once(self: object, args: GetArgs) -> GetReply:
    if args.key == "k":
        return None  # type: ignore[return-value]
    return GetReply("", 0, Err.OK)


async def awaiting(self: object, args: GetArgs) -> GetReply:
    await asyncio.sleep(1)
    if args.key == "k":
        return None  # type: ignore[return-value]
    return GetReply("", 0, Err.OK)


@pytest.mark.parametrize(("function", "after"), [(at_once, 2), (awaiting, 3)])
def test_a_handler_that_returns_no_message_fails_with_the_line_of_the_return(
    function: Callable[..., Any], after: int
) -> None:
    failure = failure_of(serving(function))
    assert (failure.kind, failure.frames) == ("NotAMessage", ())
    (shown,) = failure.shown
    assert shown.line == function.__code__.co_firstlineno + after
    assert (shown.file, shown.function) == (__file__, function.__name__)
    assert shown.text.startswith("return None")
    assert failure_of(serving(function), keep_trace=False).shown == ()


def test_a_handler_without_a_return_fails_with_its_last_line() -> None:
    def ends(self: object, args: GetArgs) -> GetReply:  # type: ignore[return]
        for _ in args.key:
            pass

    (shown,) = failure_of(serving(ends)).shown
    assert 1 <= shown.line - ends.__code__.co_firstlineno <= 2


def test_an_operation_of_another_result_fails_with_the_line_of_the_return() -> None:
    class Wrong(Clerk):
        async def get(self, key: str) -> tuple[str, int, Err]:
            await asyncio.sleep(1)
            return None  # type: ignore[return-value]

    async def test(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk(Wrong).get("k")

    failure = failure_of(test)
    assert failure.kind == "WrongResult"
    assert [shown.text[:11] for shown in failure.shown] == ["return None"]


class Hostile(Exception):
    def __str__(self) -> str:
        raise SystemExit("no")


class Unhashable(Exception):
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "error", [ValueError, asyncio.CancelledError, SystemExit, GeneratorExit, Unhashable]
)
def test_whatever_a_handler_raises_fails_the_run(error: type[BaseException]) -> None:
    def plain(self: object, args: GetArgs) -> GetReply:
        raise error("no")

    async def awaits(self: object, args: GetArgs) -> GetReply:
        await asyncio.sleep(0)
        raise error("no")

    for function in plain, awaits:
        failure = failure_of(serving(function))
        assert (failure.kind, failure.message) == (error.__name__, "no")
        assert [frame.function for frame in failure.frames] == [function.__name__]
        assert (failure.node, failure.doing) == ("server", "while it handled #1 KVServer.get")
        assert not failure.misuse


def test_sys_exit_in_a_handler_does_not_end_the_process() -> None:
    def leave(self: object, args: GetArgs) -> GetReply:
        sys.exit(3)

    assert failure_of(serving(leave)).kind == "SystemExit"


def test_an_exception_that_cannot_be_shown_fails_the_run() -> None:
    def hostile(self: object, args: GetArgs) -> GetReply:
        raise Hostile

    failure = failure_of(serving(hostile))
    assert (failure.kind, failure.message) == ("Hostile", "(its __str__ raised SystemExit)")


def test_of_a_group_the_first_exception_counts() -> None:
    async def fail(seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise ValueError(seconds)

    async def two(self: object, args: GetArgs) -> GetReply:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(0.002))
            group.create_task(fail(0.001))
        raise AssertionError("not reached")

    failure = failure_of(serving(two))
    assert (failure.kind, failure.message) == ("ValueError", "0.001")
    assert failure.frames[-1].function == "fail"


def test_a_key_at_the_keyboard_is_nobodys_failure() -> None:
    def pressed(self: object, args: GetArgs) -> GetReply:
        raise KeyboardInterrupt

    async def pressed_later(self: object, args: GetArgs) -> GetReply:
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    for function in pressed, pressed_later:
        with pytest.raises(KeyboardInterrupt):
            once(serving(function))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda self, args: GetReply("", 0, Err.OK), "handler of .* not annotated|annotat"),
        (None, "KVServer.get: Server has no handler get"),
    ],
    ids=["without annotations", "missing"],
)
def test_a_handler_that_is_none_fails_the_run(function: Any, said: str) -> None:
    failure = failure_of(serving(function))
    assert failure.misuse
    assert re.search(said, failure.message), failure.message


def test_a_plain_handler_is_atomic_and_another_one_is_not() -> None:
    def kinds(server: type[KVServer]) -> set[str]:
        async def race(sim: Simulation) -> None:
            sim.serve(server)
            clients = [sim.clerk() for _ in range(2)]
            async with asyncio.TaskGroup() as group:
                for ck in clients:
                    group.create_task(ck.put("k", "a", 0))

        return {once(race, seed, network=PERFECT).kind for seed in range(20)}

    assert kinds(KVServer) == {""}
    assert kinds(AsyncKVServer) == {""}
    assert kinds(RacyKVServer) == {"", "NotLinearizable"}


# -- objects ------------------------------------------------------------------------------------


class Second:
    async def put(self, args: PutArgs) -> PutReply:
        return PutReply(Err.MAYBE)


class Both(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self._second = Second()

    def services(self) -> list[object]:
        return [self, self._second]


class AsksTheSecond(Clerk):
    async def put(self, key: str, value: str, version: int) -> Err:
        reply = await self._end.call(Second.put, PutArgs(key, value, version))
        assert reply is not None
        return reply.err


def test_services_says_which_objects_have_handlers() -> None:
    async def both(sim: Simulation) -> None:
        sim.serve(Both)
        assert await sim.clerk(AsksTheSecond).put("k", "a", 0) is Err.MAYBE
        assert await sim.clerk().put("k", "a", 0) is Err.OK

    passes(both, model=None)


def test_without_services_the_object_serves_alone() -> None:
    async def alone(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk(AsksTheSecond).put("k", "a", 0)

    said = "Second.put: this server has no service Second; it has KVServer"
    assert failure_of(alone).message == said


def test_services_that_cannot_be_listed_fail_the_run() -> None:
    class One(KVServer):
        def services(self) -> object:
            return self

    class Broken(KVServer):
        def services(self) -> object:
            raise LookupError("none")

    for factory, kind in (One, "TypeError"), (Broken, "LookupError"):

        async def serve(sim: Simulation, factory: type = factory) -> None:
            sim.serve(factory)
            await sim.clerk().get("k")

        failure = failure_of(serve)
        assert failure.kind == kind
        assert failure.doing == f"while it listed the services of {factory.__name__}"


def test_a_factory_that_raises_fails_the_run() -> None:
    class Unbuildable(KVServer):
        def __init__(self) -> None:
            raise SystemExit("not today")

    async def build(sim: Simulation) -> None:
        sim.serve(Unbuildable)
        await sim.clerk().get("k")

    failure = failure_of(build)
    assert (failure.kind, failure.doing) == ("SystemExit", "while it made Unbuildable")
