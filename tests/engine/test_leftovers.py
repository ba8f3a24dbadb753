"""The end of a run: whatever still waits goes in silence, and nothing hangs."""

import asyncio
import contextlib
import gc
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from tester.engine.errors import Deadlock
from tests.engine.stage import Stage
from tests.tree import ROOT


def left(*mains: Callable[[], Coroutine[Any, Any, object]]) -> Stage:
    """A stage on which the tasks have begun and wait for ever."""
    stage = Stage("n")
    for main in mains:
        stage.start("n", main)
    with contextlib.suppress(Deadlock):
        stage.run()
    return stage


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_what_waits_is_ended_oldest_first() -> None:
    order: list[str] = []

    def waiter(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def main() -> None:
            try:
                await for_ever()
            finally:
                order.append(name)

        return main

    stage = left(waiter("a"), waiter("b"))
    assert order == []
    stage.close()
    assert order == ["a", "b"]
    assert stage.actors["n"].loop.tasks() == []
    assert stage.actors["n"].loop.is_closed()


def test_awaits_in_finally_are_passed_through() -> None:
    reached: list[int] = []

    async def main() -> None:
        try:
            await for_ever()
        finally:
            try:
                reached.append(1)
                await asyncio.sleep(1)
            finally:
                reached.append(2)
                async with asyncio.timeout(1):
                    await for_ever()
                reached.append(3)

    left(main).close()
    gc.collect()  # an unraisable exception would be an error here
    assert reached == [1, 2]


def test_an_error_at_the_end_is_void() -> None:
    async def main() -> None:
        try:
            await for_ever()
        finally:
            raise ValueError

    stage = left(main, main)
    stage.close()
    gc.collect()
    assert stage.actors["n"].loop.unretrieved() == []


def test_tasks_that_are_started_at_the_end_never_begin() -> None:
    begun: list[str] = []
    started: list[asyncio.Task[None]] = []

    async def child() -> None:
        begun.append("child")

    async def main() -> None:
        try:
            await for_ever()
        finally:
            started.extend(asyncio.create_task(child()) for _ in range(200))
            async with asyncio.TaskGroup() as group:
                group.create_task(child())

    left(main).close()
    gc.collect()  # "was never awaited" would be an error here
    assert begun == []
    assert len(started) == 200


def test_a_task_that_never_began_goes_in_silence() -> None:
    stage = Stage("n")
    stage.actors["n"].step(
        0, [("do", lambda n: [n.loop.create_task(for_ever()) for _ in range(3)])], limit=1
    )
    stage.close()
    gc.collect()


def test_somebody_at_the_keyboard_gets_through_when_all_has_ended() -> None:
    order: list[str] = []

    async def interrupted() -> None:
        try:
            await for_ever()
        finally:
            raise KeyboardInterrupt

    async def other() -> None:
        try:
            await for_ever()
        finally:
            order.append("ended")

    stage = left(interrupted, other)
    with pytest.raises(KeyboardInterrupt):
        stage.close()
    assert order == ["ended"]


def test_a_generator_that_outlives_its_run_is_dropped_as_it_is() -> None:
    ran: list[str] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ran.append("finally")
            await asyncio.sleep(1)

    async def main() -> None:
        kept.extend([numbers(), numbers()])
        for generator in kept:
            await anext(generator)
        async for _ in numbers():
            await for_ever()

    left(main).close()
    assert len(kept) == 2
    gc.collect()
    kept.pop()
    later = Stage("later")
    later.do("later", lambda _: kept.clear())  # in the middle of another run
    with contextlib.suppress(Deadlock):
        later.run()
    assert ran == []


def test_a_generator_that_is_lost_between_two_steps_is_dropped_as_it_is() -> None:
    """Closed at once, it would be closed on the loop that happened to run last."""
    ran: list[str] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ran.append("finally")

    async def main() -> None:
        kept.append(numbers())
        await anext(kept[0])

    stage = Stage("n")
    stage.start("n", main)
    stage.scheduler.post(5, lambda kept: kept.clear(), kept)
    stage.scheduler.post(6, stage.places["n"].put, ("do", lambda _: None))
    with contextlib.suppress(Deadlock):
        stage.run()
    assert kept == []
    assert ran == []


STUBBORN = """
    import asyncio, contextlib, gc
    from tester.engine.errors import Deadlock
    from tests.engine.stage import Stage

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(1)
            except:
                pass

    for _ in range(3):
        stage = Stage("n", time_limit_us=5_000_000)
        stage.start("n", stubborn)
        with contextlib.suppress(AssertionError):
            stage.run()
        stage.close()
        del stage
        gc.collect()
    print("done")
"""


def test_a_coroutine_that_nothing_can_end_hangs_nobody() -> None:
    """The end of the run, a garbage collection and the exit of the process all go on."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STUBBORN)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
