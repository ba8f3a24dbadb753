"""The event loop of one node: asyncio over integer virtual time, without a hidden order.

The rules (each has its tests, and CPython's own asyncio tests run against this loop):

1. Time is integer microseconds and never moves while anything is runnable.
2. Timers leave the heap by (due, serial); a tie between two callbacks is never a choice.
3. Plain callbacks run first in, first out, and before any task. Only among ready *tasks* is there
   a choice, because only tasks may legally run in any order.
4. Tasks and futures hash by serials that restart with every run, so a set of them (asyncio keeps
   several) iterates in the same order everywhere.
5. What is not simulated raises OutsideWorld; what belongs to another node raises SharedState.
6. An exception nobody handles is kept for the verdict and never only logged.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from heapq import heappop, heappush
from typing import Any, Final, NoReturn, TypeVar

from tester.engine import current, leftovers
from tester.engine.errors import OutsideWorld, SharedState
from tester.engine.tasks import (
    Future,
    Handle,
    Task,
    TimerHandle,
    note_death,
    timer_handle,
)

T = TypeVar("T")

_MICROSECONDS: Final = 1_000_000
_new_task: Final = asyncio.Task.__new__
_NEVER: Final = 2**40
"""Seconds, 35 000 years: a timer beyond them never fires, and its microseconds fit into a word."""


class Loop(asyncio.AbstractEventLoop):
    """One node's loop: its clock and its queues. `Node.step` runs what is in them.

    `pick(n)` chooses among n >= 2 ready tasks. `put_off()` gives the microseconds by which a
    task that becomes ready is put off, 0 for not at all; without it no task ever is.
    """

    def __init__(
        self, owner: object, pick: Callable[[int], int], put_off: Callable[[], int] | None = None
    ) -> None:
        self.owner = owner
        self.now = 0
        self.offset = 0
        """The node's clock minus the run's, in microseconds; kept up to date by each step."""
        self.drift_ppm = 0
        self._drifting = 0, 0  # since when, and the offset at that time
        self.errors: list[BaseException] = []
        """What nobody handled, in the order in which it happened."""
        self.pick = pick
        self._put_off = put_off
        self.ready: deque[Handle] = deque()
        """Plain callbacks, which run first in, first out."""
        self.runnable: list[Handle] = []
        """Steps of tasks, among which there is a choice."""
        self.timers: list[tuple[int, int, Handle]] = []
        """A heap of what is due when: timers, and steps of tasks that have been put off."""
        self._serial = 0
        self._born: list[Task[Any]] = []
        self._prune_at = 64
        self.notes_deaths = False  # when a task raised; it takes time, and is for stories
        self._closed = False

    # -- time ---------------------------------------------------------------------------------

    def time(self) -> float:
        return (self.now + self.offset) / _MICROSECONDS

    def drift(self, ppm: int) -> None:
        """Make the node's clock gain this many microseconds a second from now on, or lose them."""
        self.drift_ppm = ppm
        self._drifting = self.now, self.offset

    def move_offset(self) -> None:
        """Move the node's clock with the run's, at the pace at which it drifts."""
        since, offset = self._drifting
        self.offset = offset + (self.now - since) * self.drift_ppm // _MICROSECONDS

    def next_due(self) -> int | None:
        """When the earliest timer is due (run time, microseconds), None without one."""
        timers = self.timers
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        return timers[0][0] if timers else None

    # -- what asyncio asks of a loop --------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        if current.node is not self.owner:
            self._foreign("call_soon")
        handle: Handle = Handle()
        handle._context = copy_context() if context is None else context
        handle._callback = callback
        handle._args = args
        handle._cancelled = False
        try:
            of = type(callback.__self__)  # type: ignore[attr-defined]
        except AttributeError:
            of = None
        # A C task's step and its wake-up both show the task they belong to. So does `task.cancel`,
        # which keeps its place among the steps that were there before it.
        if of is not Task:
            self.ready.append(handle)
            return handle
        if self.notes_deaths:
            handle._callback, handle._args = note_death, (self, callback, *args)
        if self._put_off is None or not (delay := self._put_off()):
            self.runnable.append(handle)
            return handle
        self._serial += 1
        heappush(self.timers, (self.now + delay, self._serial, handle))
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> TimerHandle:
        if not delay >= 0:
            raise ValueError(f"expected a delay of 0 or more seconds, got {delay!r}")
        ahead = (round(delay * _MICROSECONDS) or int(delay > 0)) if delay < _NEVER else None
        return self._timer(ahead, callback, args, context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> TimerHandle:
        if math.isnan(when):
            raise ValueError("expected a time in seconds, got nan")
        ahead = None
        if when < _NEVER:
            local = self.now + self.offset
            ahead = max(0, round(max(when, -_NEVER) * _MICROSECONDS) - local)
            if not ahead and when > self.time():
                ahead = 1  # or whoever waits until then, and looks at the clock, waits for ever
        return self._timer(ahead, callback, args, context)

    def _timer(
        self,
        ahead: int | None,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> TimerHandle:
        """Have the callback run in `ahead` microseconds of the node's clock; None: never."""
        if current.node is not self.owner:
            self._foreign("call_later")
        if ahead is None:
            return timer_handle(math.inf, callback, args, context)
        due = self.now + ahead
        handle = timer_handle((due + self.offset) / _MICROSECONDS, callback, args, context)
        if self.drift_ppm:
            due = self.now - (-ahead * _MICROSECONDS // (_MICROSECONDS + self.drift_ppm))
        self._serial += 1
        heappush(self.timers, (due, self._serial, handle))
        return handle

    def create_future(self) -> Future[Any]:
        self._serial += 1
        future: Future[Any] = Future(loop=self)
        future._serial = self._serial
        return future

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        eager_start: bool | None = None,
    ) -> Task[T]:
        """A task that starts in its turn: an eager start would run it inside its creator."""
        if current.node is not self.owner:
            self._foreign("create_task")
        self._serial += 1
        task: Task[T] = _new_task(Task)
        task._serial = serial = self._serial  # first: the constructor hashes the task
        task.died_us = None
        task.__init__(coro, loop=self, name=name or f"task-{serial}", context=context)  # type: ignore[misc]
        born = self._born
        born.append(task)
        if len(born) >= self._prune_at:
            born[:] = [task for task in born if not task.done() or task._log_traceback]
            self._prune_at = 2 * len(born) + 64
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            error = RuntimeError(context.get("message", "asyncio reported an error"))
        self.errors.append(error)

    # asyncio asks this whenever it makes a future or a task; `bool()` is the fastest False.
    get_debug = staticmethod(bool)

    def set_debug(self, enabled: bool) -> None:
        """The loop has no debug mode: what it would find is always an error here."""

    def is_running(self) -> bool:
        return current.node is self.owner

    def is_closed(self) -> bool:
        return self._closed

    def get_task_factory(self) -> None:
        return None

    def set_task_factory(self, factory: object) -> None:
        if factory is not None:
            raise OutsideWorld("a node's tasks are made by the simulator; drop set_task_factory")

    def get_exception_handler(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    # -- the end of a run -------------------------------------------------------------------------

    def tasks(self) -> list[Task[Any]]:
        """The tasks that have not finished, in the order of their creation."""
        return [task for task in self._born if not task.done()]

    def unretrieved(self) -> list[tuple[BaseException, int | None]]:
        """What tasks raised and nobody awaited, in the order of their creation; and when."""
        return [
            (error, task.died_us)
            for task in self._born
            if task._log_traceback  # as `failed_unheard`, without a call for each task
            and (error := task.exception()) is not None
        ]

    def shutdown(self) -> None:
        """End all unfinished tasks without effect. Call it inside the node, after the verdict."""
        self._closed = True
        self._put_off = None
        interrupt = None
        while self._born:  # a task that ends may start others, which end before they have begun
            tasks, self._born = self.tasks(), []
            for task in tasks:
                coro = task.get_coro()
                try:
                    if coro is not None:
                        leftovers.end(coro)
                except KeyboardInterrupt as pressed:
                    interrupt = pressed
        for queue in (self.ready, self.runnable, self.timers):
            if queue:
                queue.clear()
        if interrupt is not None:
            raise interrupt

    def _foreign(self, what: str) -> None:
        here = asyncio._get_running_loop()
        if current.node is None or not isinstance(here, Loop) or here._closed:
            return  # the engine between two steps, or the end of a run
        there = getattr(self.owner, "name", "another node")
        error = SharedState(
            f"{getattr(here.owner, 'name', 'a node')} called {what} on the event loop of {there}"
            f"{' in an earlier run' if self._closed else ''}: an Event, Queue, Lock, Future or "
            f"Task of {there} is used elsewhere. Nodes share nothing; send a message."
        )
        here.errors.append(error)  # its caller may catch it; the run has gone wrong all the same
        raise error


_NOT_SIMULATED: Final = {
    "run_in_executor": "call the function directly",
    "set_default_executor": "call functions directly",
    "subprocess_exec": "start another node",
    "subprocess_shell": "start another node",
    "add_signal_handler": "let the test call kill()",
    "remove_signal_handler": "let the test call kill()",
    "call_soon_threadsafe": "there are no threads; use call_soon",
    "run_forever": "await what you wait for",
    "run_until_complete": "await what you wait for",
    "stop": "return from your coroutine",
    "close": "the loop ends with the run",
    "set_exception_handler": "an unhandled exception ends the run",
    "shutdown_asyncgens": "close your generators yourself",
    "shutdown_default_executor": "there is no executor",
}
"""Methods of asyncio's loops that a node's has not, and what to do instead."""


def _refusal(name: str) -> Callable[..., NoReturn]:
    instead = _NOT_SIMULATED.get(name, "use a ClientEnd; the network is simulated")

    def refused(loop: Loop, *args: Any, **kwargs: Any) -> NoReturn:
        error = OutsideWorld(f"loop.{name} is not simulated: {instead}")
        current.refusals.append(error)
        raise error

    refused.__name__ = name
    return refused


for _name in dir(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(Loop):
        setattr(Loop, _name, _refusal(_name))
