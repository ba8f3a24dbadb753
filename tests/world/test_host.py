"""A node with student code on it: its handlers, its tasks, and whatever they may raise."""

import asyncio
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer, PutArgs, PutReply
from labrpc import UNRELIABLE, ClientEnd
from tester import Deadlock, HandlerCrashed, Livelock, SharedState, Simulation
from tester.world.failure import Misused
from tests.world.lab import PERFECT, AsyncKVServer, RacyKVServer, once, passes


def failure_of(test: Any, **conditions: Any) -> Any:
    """What the node reported."""
    error = once(test, **conditions).error
    assert isinstance(error, HandlerCrashed | Misused), error
    return error.failure


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


def test_an_exception_that_cannot_be_shown_fails_the_run_all_the_same() -> None:
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


# -- tasks and callbacks ------------------------------------------------------------------------


class Ticker(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self.task = asyncio.create_task(self.tick())

    async def tick(self) -> None:
        await asyncio.sleep(0.5)
        raise LookupError("tock")


class Retrieves(Ticker):
    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        with pytest.raises(LookupError):
            await self.task
        return super().get(args)


def test_a_background_task_that_dies_unheard_fails_the_run() -> None:
    async def wait(sim: Simulation) -> None:
        sim.serve(Ticker)
        await sim.sleep(1)

    failure = failure_of(wait)
    assert (failure.kind, failure.message) == ("LookupError", "tock")
    assert (failure.doing, failure.time_us) == ("in a task that nobody awaited", None)


def test_a_background_task_that_somebody_awaited_does_not() -> None:
    async def wait(sim: Simulation) -> None:
        sim.serve(Retrieves)
        await sim.clerk().get("k")

    passes(wait)


def test_a_background_task_that_died_comes_before_what_failed_because_of_it() -> None:
    async def failing(sim: Simulation) -> None:
        sim.serve(Ticker)
        await sim.sleep(1)
        raise AssertionError("it does not tick")

    async def stuck(sim: Simulation) -> None:
        sim.serve(Ticker)
        await asyncio.Event().wait()

    assert failure_of(failing).kind == "LookupError"
    assert failure_of(stuck).kind == "LookupError"


def test_a_task_of_the_test_that_died_does_not_come_before_the_tests_own_failure() -> None:
    async def fail() -> None:
        raise LookupError("also")

    async def failing(sim: Simulation) -> None:
        task = asyncio.create_task(fail())
        await sim.sleep(1)
        assert task.done()
        raise AssertionError("first")

    async def passing(sim: Simulation) -> None:
        task = asyncio.create_task(fail())
        await sim.sleep(1)
        assert task.done()

    assert once(failing).kind == "AssertionError"
    failure = failure_of(passing)
    assert (failure.kind, failure.node) == ("LookupError", "test")


def test_a_callback_that_raises_fails_the_run() -> None:
    def pop(nothing: list[int]) -> None:
        nothing.pop()

    class Callback(KVServer):
        def __init__(self) -> None:
            asyncio.get_running_loop().call_later(0.25, pop, [])

    async def wait(sim: Simulation) -> None:
        sim.serve(Callback)
        await sim.sleep(1)

    failure = failure_of(wait)
    assert (failure.kind, failure.doing) == ("IndexError", "in a task or a callback")
    assert (failure.node, failure.time_us) == ("server", 250_000)


# -- what is shut down --------------------------------------------------------------------------


def test_kill_may_be_missing_or_raise() -> None:
    class Killable(KVServer):
        def kill(self) -> None:
            raise OSError("I will not")

    for factory, kind in (KVServer, ""), (Killable, "OSError"):

        async def stop(sim: Simulation, factory: type = factory) -> None:
            sim.serve(factory)
            await sim.sleep(0.1)
            sim.node("server").stop()
            await sim.sleep(0.1)

        outcome = once(stop)
        assert outcome.kind == kind
        if isinstance(outcome.error, HandlerCrashed):
            assert outcome.error.failure.doing == "while it ran kill()"


# -- nodes share nothing ------------------------------------------------------------------------


def test_an_end_is_used_on_its_own_node_only() -> None:
    ends: list[ClientEnd] = []

    def factory(end: ClientEnd) -> Clerk:
        ends.append(end)
        return Clerk(end)

    async def smuggle(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk(factory).get("k")
        with pytest.raises(SharedState, match="end 'c0' belongs to c0, and code on test called"):
            await ends[0].call(KVServer.get, GetArgs("k"))

    passes(smuggle)


@pytest.mark.parametrize("touch", [asyncio.Event.set, asyncio.Event.wait], ids=["set", "wait"])
def test_an_event_of_another_node_is_refused(touch: Callable[[asyncio.Event], Any]) -> None:
    events: list[asyncio.Event] = []

    class Waits(KVServer):
        async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
            events.append(asyncio.Event())
            await events[0].wait()
            return super().get(args)

    async def smuggle(sim: Simulation) -> None:
        sim.serve(Waits)
        reading = asyncio.ensure_future(sim.clerk().get("k"))
        await sim.sleep(1)
        coming = touch(events[0])
        if coming is not None:
            await coming
        await reading

    error = once(smuggle).error
    if touch is asyncio.Event.set:
        assert isinstance(error, Misused)
        assert "test called call_soon on the event loop of server" in str(error)
    else:  # asyncio itself sees that the event is of another loop
        assert isinstance(error, RuntimeError)


# -- student code that will not end -------------------------------------------------------------


class Stubborn(Clerk):
    async def get(self, key: str) -> Any:
        while True:
            try:
                await self._end.call(KVServer.get, GetArgs(key))
                await asyncio.sleep(0.1)
            except BaseException:
                continue


def test_code_that_catches_everything_is_a_livelock_and_leaves_no_trace() -> None:
    async def stubborn(sim: Simulation) -> None:
        sim.serve()
        async with asyncio.timeout(10):
            await sim.clerk(Stubborn).get("k")

    async def for_ever(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk(Stubborn).get("k")

    assert once(stubborn).kind == "TimeoutError"
    error = once(for_ever).error
    assert isinstance(error, Livelock)
    assert [(w.node, w.task) for w in error.waiting] == [("test", "test"), ("c0", "get")]


def test_a_deadlock_lists_who_waits_and_where() -> None:
    class Forgets(KVServer):
        async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
            await asyncio.Event().wait()
            raise AssertionError("not reached")

    async def stuck(sim: Simulation) -> None:
        sim.serve(Forgets)
        await sim.clerk().get("k")

    error = once(stuck).error
    assert isinstance(error, Deadlock)
    assert [(w.node, w.task, w.line) for w in error.waiting] == [
        ("test", "test", 'await sim.clerk().get("k")'),
        ("server", "#1 KVServer.get", "await asyncio.Event().wait()"),
        ("c0", "get", "reply = await self._end.call(KVServer.get, GetArgs(key))"),
    ]
    assert all(w.file.endswith(("test_host.py", "client.py")) for w in error.waiting)


def test_a_reply_that_comes_after_its_caller_has_gone_is_dropped() -> None:
    class Impatient(Clerk):
        async def get(self, key: str) -> Any:
            try:
                async with asyncio.timeout(0.000_6):
                    await self._end.call(KVServer.get, GetArgs(key))
            except TimeoutError:
                return "", 0, Err.MAYBE

    async def leave(sim: Simulation) -> None:
        sim.serve()
        assert await sim.clerk(Impatient).get("k") == ("", 0, Err.MAYBE)
        await sim.sleep(1)

    passes(leave, model=None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_ends_in_the_middle_warns_of_nothing(seed: int) -> None:
    async def leave(sim: Simulation) -> None:
        sim.serve(AsyncKVServer)
        writing = [asyncio.ensure_future(sim.clerk().put("k", "a", 0)) for _ in range(5)]
        stubborn = asyncio.ensure_future(sim.clerk(Stubborn).get("k"))
        await sim.sleep(0.004)
        assert not all(task.done() for task in [*writing, stubborn])

    passes(leave, seed, network=UNRELIABLE)
