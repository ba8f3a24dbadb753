"""Tasks, futures and handles: asyncio's own, except that they are ordered by serials.

asyncio keeps tasks and futures in sets, and theirs hash by address: `TaskGroup` cancels its tasks
in the order of such a set. Here they hash by a number the loop gives them, from 1 in every run.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tester.engine.loop import Loop

T = TypeVar("T")


class Task(asyncio.Task[T]):
    """asyncio's C task, hashed by its serial; equality stays identity."""

    __slots__ = ("_serial", "died_us")

    died_us: int | None
    """When it raised, if its loop notes that; in microseconds since the start of the run."""

    def __init__(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        loop: Loop,
        serial: int,
        name: str | None,
        context: contextvars.Context | None,
    ) -> None:
        self._serial = serial  # first: the base constructor already hashes the task
        self.died_us = None
        name = f"task-{serial}" if name is None else name
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self._serial


def failed_unheard(task: Task[Any]) -> bool:
    """Whether it has raised what nobody has asked for yet."""
    return task.done() and bool(task._log_traceback)


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

    def __init__(self, *, loop: Loop, serial: int) -> None:
        self._serial = serial
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._serial


class Handle(asyncio.Handle):
    """A callback that waits for its turn. asyncio's own constructor costs more than the rest."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        # `context or ...` would be wrong: an empty Context is false.
        self._context = contextvars.copy_context() if context is None else context
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._cancelled = False

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

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        Handle.__init__(self, callback, args, context)
        self._when = when

    def when(self) -> float:
        return self._when
