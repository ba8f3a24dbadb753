"""What a node does beside its handlers: its tasks, its end, and what it must not share."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer
from labrpc import UNRELIABLE, ClientEnd
from tester import Deadlock, HandlerCrashed, Livelock, SharedState, Simulation
from tester.world.failure import Misused
from tests.world.lab import AsyncKVServer, failure_of, once, passes

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
    assert (failure.doing, failure.time_us) == ("in a task that nobody awaited", 500_000)
    error = once(wait, keep_trace=False).error
    assert isinstance(error, HandlerCrashed)
    assert error.failure.time_us is None  # only a run that is told notes it


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
    assert all(w.file.endswith(("test_background.py", "client.py")) for w in error.waiting)


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
