"""Where tasks wait: the line of the user's code, whatever lies below it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tester.engine.errors import Deadlock, Waiting
from tester.guard.waiting import waiting
from tests.engine.stage import Stage


def where(*mains: Callable[[], Coroutine[Any, Any, object]]) -> list[Waiting]:
    """What is said of a node on which the tasks wait for ever."""
    stage = Stage("n")
    for main in mains:
        stage.start("n", main)
    with contextlib.suppress(Deadlock):
        stage.run()
    found = waiting("n", stage.actors["n"].loop)
    stage.close()
    return found


async def deep(levels: int) -> None:
    if levels:
        await deep(levels - 1)
    else:
        await asyncio.Event().wait()  # innermost


def test_it_is_the_innermost_line_of_the_user() -> None:
    [found] = where(lambda: deep(5))
    assert found.line == "await asyncio.Event().wait()  # innermost"
    assert (found.node, found.task, found.file) == ("n", "n", __file__)
    assert Path(__file__).read_text().splitlines()[found.number - 1].strip() == found.line


async def in_lock() -> None:
    lock = asyncio.Lock()
    await lock.acquire()
    async with lock:  # the second time
        pass


async def in_group() -> None:
    async with asyncio.TaskGroup() as group:  # its exit waits
        group.create_task(deep(0), name="child")


async def in_gather() -> None:
    await asyncio.gather(deep(1), deep(2))  # all of them


async def in_timeout() -> None:
    async with asyncio.timeout(None):
        await asyncio.Event().wait()  # in a timeout


async def in_task() -> None:
    await asyncio.create_task(deep(0))  # a task


class Awaitable:
    """Awaited through two generators."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from self.inner()

    def inner(self) -> Generator[Any, None, None]:
        yield from asyncio.Event().wait().__await__()  # in a generator


async def in_awaitable() -> None:
    await Awaitable()


async def numbers() -> AsyncIterator[int]:
    await asyncio.Event().wait()
    yield 1


async def in_generator() -> None:
    async for _ in numbers():  # the loop over it
        pass


@pytest.mark.parametrize(
    ("main", "lines"),
    [
        (in_lock, ["async with lock:  # the second time"]),
        (in_group, ["async with asyncio.TaskGroup() as group:  # its exit waits", "innermost"]),
        (in_gather, ["await asyncio.gather(deep(1), deep(2))  # all of them", *["innermost"] * 2]),
        (in_timeout, ["await asyncio.Event().wait()  # in a timeout"]),
        (in_task, ["await asyncio.create_task(deep(0))  # a task", "innermost"]),
        (in_awaitable, ["yield from asyncio.Event().wait().__await__()  # in a generator"]),
        (in_generator, ["async for _ in numbers():  # the loop over it"]),
    ],
)
def test_lines(main: Callable[[], Coroutine[Any, Any, None]], lines: list[str]) -> None:
    innermost = "await asyncio.Event().wait()  # innermost"
    assert [found.line.replace(innermost, "innermost") for found in where(main)] == lines


def test_tasks_come_in_the_order_of_their_creation_and_finished_ones_not_at_all() -> None:
    async def first() -> None:
        _kept = [asyncio.create_task(deep(0), name=name) for name in "cab"]
        await asyncio.create_task(asyncio.sleep(1), name="finished")

    found = where(first, lambda: deep(0))
    assert [place.task for place in found] == ["n", "c", "a", "b"]


def test_a_task_that_never_entered_the_users_code_is_left_out() -> None:
    assert where(lambda: asyncio.Event().wait()) == []


def test_a_task_that_has_not_begun_waits_at_its_beginning() -> None:
    stage = Stage("n")
    stage.actors["n"].step(0, [("do", lambda n: n.loop.create_task(deep(0)))], limit=0)
    [found] = stage.actors["n"].waiting()
    assert found.line == "async def deep(levels: int) -> None:"
    stage.close()


def test_a_place_is_plain_data() -> None:
    """A place crosses the pipe from a child process, and its reader needs no object."""
    [found] = where(lambda: deep(0))
    data = msgspec.msgpack.decode(msgspec.msgpack.encode(found))
    assert msgspec.convert(data, Waiting) == found
