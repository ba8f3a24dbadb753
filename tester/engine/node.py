"""A node is a machine: `step(now, inbox) -> (outbox, next_due)`, and nothing else gets in or out.

The same function runs in this process and, driven over a pipe, in a child process: what enters is
plain data, what leaves is plain data, and the choices come from the node's own streams.
"""

from __future__ import annotations

import asyncio
import contextvars
import random

# asyncio has it for event loops of others: https://github.com/python/cpython/pull/4782
from asyncio import _set_running_loop
from collections.abc import Callable, Sequence
from heapq import heappop
from typing import Any, Final

from tester.engine import current, pulse, reserve
from tester.engine.choices import Choices
from tester.engine.loop import Loop
from tester.engine.schedule import Schedule
from tester.engine.tasks import TimerHandle

_running: Final = vars(current)
"""Where `current.node` is kept: to assign it through the module takes twice as long."""

Event = tuple[Any, ...]
"""What crosses a node's border: a kind, then plain data."""


MOST_READY: Final = 120_000
"""More callbacks and tasks than this, ready on one node at one instant, are a flood."""
_LOOKS_EVERY: Final = 4096
"""So many callbacks are run between two looks at how many are ready."""

Turn = tuple[Sequence[Event], int | None, int]
"""What one step came to: (outbox, when the earliest timer is due, how many callbacks ran)."""


class Node:
    """One machine: a loop, a clock, a random generator, and the events it has still to send.

    `incarnation` counts restarts: a restarted node is a new Node of the same name. Subclasses fill
    `receivers`: what is done with an event, by its kind; one that runs the user's code enters the
    node's `context` for it. Whoever steps nodes leaves asyncio's running loop as it was before.
    """

    def __init__(
        self, name: str, choices: Choices, schedule: Schedule, incarnation: int = 0
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.ahead_us = 0
        """By how much the node's wall clock is set ahead of its monotonic one."""
        self.outbox: list[Event] = []
        self.receivers: dict[str, Callable[[Event], None]] = {}
        self.looks: list[Callable[[], object]] = []
        """What the tester's own code here does at the end of each step, once nothing is ready."""
        self.context = contextvars.Context()
        self.choices = choices
        # What AbstractEventLoop asks for and Loop does not simulate raises OutsideWorld.
        self.run_on(Loop(self, *schedule.for_node(name, choices)))  # type: ignore[abstract]
        self._random: random.Random | None = None

    def run_on(self, loop: Loop) -> None:
        """Have a loop; what each step needs of it is kept, to be had at once."""
        self.loop = loop
        self._queues = loop, loop.ready, loop.runnable, loop.timers

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """Move the clock to `now`, take in what is due and what arrived, and run until idle.

        At most `limit` callbacks run; what the limit leaves stays queued, and the caller calls it
        a livelock. A flood ends the step as well: one more than `limit` are said to have run. The
        timers that are due go first, in the order in which they were set, and then the events; but
        an event is acted upon as it is taken in, and a timer when its turn comes.
        """
        loop, ready, tasks, timers = self._queues
        receivers = self.receivers
        loop.now = now
        ran = 0
        if loop.drift_ppm:
            loop.move_offset()
        _running["node"] = self
        _set_running_loop(loop)
        try:
            while timers and timers[0][0] <= now:
                handle = heappop(timers)[2]
                # What is no timer is a task that had been put off.
                (ready if type(handle) is TimerHandle else tasks).append(handle)
            for event in inbox:
                receivers[event[0]](event)
            beat_at = pulse.EVERY_STEPS
            while ran < limit:
                if ready:
                    handle = ready.popleft()
                elif tasks:
                    handle = tasks.pop()
                    if tasks:
                        tasks.append(handle)
                        handle = tasks.pop(loop.pick(len(tasks)))
                else:
                    break
                ran += 1
                if ran == beat_at:  # many callbacks at one instant may take long
                    if not ran % _LOOKS_EVERY and len(ready) + len(tasks) > MOST_READY:
                        ran = limit + 1
                        break
                    beat_at = min(ran + pulse.beat(), ran - ran % _LOOKS_EVERY + _LOOKS_EVERY)
                if handle._cancelled:
                    continue
                try:  # few arguments are passed one by one, for `*args` is thrice as slow
                    match handle._args:
                        case (argument,):  # a task's wake-up
                            handle._context.run(handle._callback, argument)  # type: ignore[arg-type]
                        case ():  # its first step
                            handle._context.run(handle._callback)  # type: ignore[arg-type]
                        case args:
                            handle._context.run(handle._callback, *args)  # type: ignore[arg-type]
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001 - also SystemExit: for the verdict
                    reserve.release()
                    loop.errors.append(error)
        finally:
            _running["node"] = None
        if loop.errors:
            self._report_errors()
        outbox, self.outbox = self.outbox, []
        next_due = None
        if timers:
            while timers and timers[0][2]._cancelled:
                heappop(timers)
            if timers:
                next_due = timers[0][0]
        if self.looks and not loop._closed:
            return self._looked_at(now, (outbox, next_due, ran), limit)
        return outbox, next_due, ran

    def _report_errors(self) -> None:
        for error in self.loop.errors:
            self.failed(error, "in a task or a callback")
        self.loop.errors.clear()

    def _looked_at(self, now: int, turn: Turn, limit: int) -> Turn:
        """Have whoever is to look at the node do so, once; and run what that woke, too."""
        loop = self.loop
        outbox, _, ran = turn
        current.node = self
        try:
            self.context.run(self._look)
        finally:
            current.node = None
        if not (loop.ready or loop.runnable or loop.errors):
            next_due = loop.next_due()
            if next_due is None or next_due > now:
                if self.outbox:
                    outbox, self.outbox = [*outbox, *self.outbox], []
                return outbox, next_due, ran
        looks, self.looks = self.looks, []
        more, next_due, woken = self.step(now, (), limit - ran)
        self.looks = looks
        return [*outbox, *more], next_due, ran + woken

    def _look(self) -> None:
        for look in self.looks:
            try:
                look()
            except BaseException as error:  # noqa: BLE001 - it asks the user's code
                reserve.release()
                self.failed(error, "while it was looked at")

    def failed(self, error: BaseException, doing: str) -> None:
        """Report an exception that nobody handled; the run is over."""
        raise NotImplementedError

    def inside(self, function: Callable[[], object]) -> None:
        """Run a function as this node: what a crash-proof `close` needs, outside any step."""
        outer = asyncio._get_running_loop()
        current.node = self
        asyncio._set_running_loop(self.loop)
        try:
            self.context.run(function)
        finally:
            asyncio._set_running_loop(outer)
            current.node = None

    def freeze(self) -> None:
        """Nothing: a frozen node's tasks stay as they are until the run ends."""

    # -- as the code that runs on it sees the machine: a CurrentNode ------------------------------

    def time_us(self) -> int:
        """The node's monotonic clock: microseconds since the start of the run, with its drift."""
        return self.loop.now + self.loop.offset

    def random(self) -> random.Random:
        """The node's generator, seeded by one choice and by its name.

        The name is in the seed because the all-zero run must not give every peer the same
        election timeout: symmetric peers would split their votes for ever.
        """
        if self._random is None:
            seed = self.choices.below(2**32, f"node/{self.name}")
            running, current.node = current.node, None  # or this would be the node's own draw
            self._random = random.Random(f"{self.name}/{self.incarnation}/{seed}")
            current.node = running
        return self._random
