"""Nodes that share an object of asyncio are found, and both of them named."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from tester.engine.errors import Deadlock, SharedState
from tester.engine.loop import Loop
from tests.engine.stage import Actor, Stage


def quiet(stage: Stage) -> None:
    with contextlib.suppress(Deadlock):
        stage.run()


def b_uses_what_is_as(use: Callable[[Loop], object]) -> Stage:
    stage = Stage("a", "b")
    stage.do("b", lambda b: use(stage.actors["a"].loop))
    quiet(stage)
    return stage


async def nothing() -> None:
    """A coroutine that somebody else's loop is given."""


def create_task(loop: Loop) -> None:
    coro = nothing()
    try:
        _ = loop.create_task(coro)
    finally:
        coro.close()


@pytest.mark.parametrize(
    ("use", "called"),
    [
        (lambda loop: loop.call_soon(print), "call_soon"),
        (lambda loop: loop.call_later(1, print), "call_later"),
        (lambda loop: loop.call_at(1, print), "call_later"),
        (create_task, "create_task"),
    ],
)
def test_another_nodes_loop_takes_no_calls(use: Callable[[Loop], object], called: str) -> None:
    def attempt(loop: Loop) -> None:
        with pytest.raises(SharedState, match=f"^b called {called} on the event loop of a: "):
            use(loop)

    stage = b_uses_what_is_as(attempt)
    # Whoever catches it does not save the run: it is kept all the same, where it happened.
    assert [type(error) for error in stage.actors["b"].failures] == [SharedState]
    assert stage.actors["a"].failures == []


def smuggled(wait: Callable[[], Any], use: Callable[[], object]) -> list[str]:
    """What is said when a task on a waits, and code on b then ends its wait."""
    stage = Stage("a", "b")
    stage.start("a", wait)
    said: list[str] = []

    def attempt(b: Actor) -> None:
        with pytest.raises(SharedState) as caught:
            use()
        said.append(str(caught.value))

    stage.scheduler.post(5, stage.places["b"].put, ("do", attempt))
    quiet(stage)
    stage.close()
    return said


def test_an_event_smuggled_between_nodes() -> None:
    event = asyncio.Event()
    [said] = smuggled(event.wait, event.set)
    assert said == (
        "b called call_soon on the event loop of a: an Event, Queue, Lock, Future or Task of a is "
        "used elsewhere. Nodes share nothing; send a message."
    )


def test_a_queue_smuggled_between_nodes() -> None:
    queue = asyncio.Queue[int]()
    assert smuggled(queue.get, lambda: queue.put_nowait(1))


def test_a_lock_smuggled_between_nodes() -> None:
    lock = asyncio.Lock()

    async def wait() -> None:
        await lock.acquire()
        await lock.acquire()

    assert smuggled(wait, lock.release)


def test_a_task_smuggled_between_nodes() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def wait() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(9)))
        await asyncio.sleep(9)

    def cancel() -> None:
        tasks[0].cancel()

    assert smuggled(wait, cancel)


def test_a_future_kept_from_an_earlier_run() -> None:
    kept: list[asyncio.Future[None]] = []

    async def wait() -> None:
        kept.append(asyncio.get_running_loop().create_future())
        kept[0].add_done_callback(print)

    first = Stage("old")
    first.start("old", wait)
    quiet(first)
    first.close()
    said: list[str] = []

    def attempt(new: Actor) -> None:
        with pytest.raises(SharedState) as caught:
            kept[0].set_result(None)
        said.append(str(caught.value))

    second = Stage("new")
    second.do("new", attempt)
    quiet(second)
    assert len(said) == 1
    assert said[0].startswith("new called call_soon on the event loop of old in an earlier run: ")


def test_nobody_is_blamed_between_the_steps_or_after_the_run() -> None:
    """The engine itself may touch a loop, and what ends with its run may touch anything."""
    stage = Stage("a", "b")
    event = asyncio.Event()

    async def wait() -> None:
        await event.wait()

    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            event.set()

    stage.start("a", wait)
    stage.start("b", late)
    called: list[int] = []

    def between(loop: Loop) -> None:
        loop.call_soon(called.append, 1)

    stage.scheduler.post(1, between, stage.actors["a"].loop)
    stage.scheduler.post(2, stage.places["a"].put, ("do", lambda a: None))
    quiet(stage)
    stage.actors["b"].inside(stage.actors["b"].loop.shutdown)
    assert stage.actors["b"].failures == []
    assert called == [1]
    stage.close()
