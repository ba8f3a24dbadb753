"""Tasks, futures and handles: asyncio's own, except that they are ordered by serials.

asyncio keeps tasks and futures in sets, and theirs hash by address: `TaskGroup` cancels its tasks
in the order of such a set. Here they hash by a number the loop gives them, from 1 in every run.
See https://github.com/python/cpython/issues/93297, which made it a set. Loops may reuse asyncio's
own classes: https://docs.python.org/3/library/asyncio-extending.html
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tester.engine.loop import Loop

T = TypeVar("T")


class Task(asyncio.Task[T]):
    """asyncio's C task, hashed by its serial; equality stays identity.

    Like the future and the handles below it has no constructor of its own, which would be most of
    what one costs: the loop makes it, and sets what is ours.
    """

    __slots__ = ("_serial", "died_us")

    died_us: int | None
    """When it raised, if its loop notes that; in microseconds since the start of the run."""

    _serial: int

    def __hash__(self) -> int:
        return self._serial


def failed_unheard(task: Task[Any]) -> bool:
    """Whether it has raised an exception that was not retrieved yet, by asyncio's private flag.

    See https://docs.python.org/3/library/asyncio-dev.html#detect-never-retrieved-exceptions
    """
    return bool(task._log_traceback)


def note_death(loop: Loop, step: Callable[..., object], *args: Any) -> None:
    """Make a step of a task, and note it as the last one if the task raises in it."""
    try:
        step(*args)
    finally:
        task: Task[Any] = step.__self__  # type: ignore[attr-defined]
        if task.died_us is None and failed_unheard(task):
            task.died_us = loop.now


class Future(asyncio.Future[T]):
    """asyncio's C future, hashed by its serial; equality stays identity."""

    __slots__ = ("_serial",)

    _serial: int

    def __hash__(self) -> int:
        return self._serial


class Handle(asyncio.Handle):
    """A callback that waits for its turn."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self) -> None:
            """Make one that nothing has been set of."""
    else:
        __init__ = object.__init__

    _callback: Callable[..., object] | None
    _args: tuple[Any, ...]
    _context: contextvars.Context
    _cancelled: bool

    def __repr__(self) -> str:
        name = getattr(self._callback, "__qualname__", type(self._callback).__name__)
        return f"<Handle {'cancelled' if self._cancelled else name}>"

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = None
        self._args = ()

    def cancelled(self) -> bool:
        return self._cancelled


class TimerHandle(Handle, asyncio.TimerHandle):
    """A callback with a time; `when()` is in seconds of the node's clock."""

    __slots__ = ()

    _when: float

    def when(self) -> float:
        return self._when


def timer_handle(
    when: float,
    callback: Callable[..., object],
    args: tuple[Any, ...],
    context: contextvars.Context | None,
) -> TimerHandle:
    """Make a timer, for `when` by the node's clock."""
    handle = TimerHandle()
    handle._context = contextvars.copy_context() if context is None else context
    handle._callback = callback
    handle._args = args
    handle._cancelled = False
    handle._when = when
    return handle
