"""A node is a machine: `step(now, inbox) -> (outbox, next_due)`, and nothing else gets in or out.

The same function runs in this process and, driven over a pipe, in a child process: what enters is
plain data, what leaves is plain data, and the choices come from the node's own streams.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Sequence
from typing import Any

from tester.engine import current
from tester.engine.choices import Choices
from tester.engine.loop import Loop
from tester.engine.schedule import Schedule

Event = tuple[Any, ...]
"""What crosses a node's border: a kind, then plain data."""


Turn = tuple[Sequence[Event], int | None, int]
"""What one step came to: (outbox, when the earliest timer is due, how many callbacks ran)."""


class Node:
    """One machine: a loop, a clock, a random generator, and the events it has still to send.

    `incarnation` counts restarts: a restarted node is a new Node of the same name. Subclasses fill
    `receivers`: what is done with an event, by its kind. Whoever steps nodes leaves asyncio's
    running loop as it was before.
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
        self._context = contextvars.Context()
        self.choices = choices
        # What AbstractEventLoop asks for and Loop does not simulate raises OutsideWorld.
        self.loop = Loop(self, *schedule.for_node(name, choices))  # type: ignore[abstract]
        self._random: random.Random | None = None

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """Take in what arrived by `now`, then what is due, and run until nothing is ready.

        At most `limit` callbacks run.
        """
        loop = self.loop
        current.node = self
        asyncio._set_running_loop(loop)
        try:
            ran = self._context.run(loop.turn, now, inbox, self.receivers, limit)
        finally:
            current.node = None
        if loop.errors:
            for error in loop.errors:
                self.failed(error, "in a task or a callback")
            loop.errors.clear()
        outbox = self.outbox
        self.outbox = []
        return outbox, loop.next_due(), ran

    def failed(self, error: BaseException, doing: str) -> None:
        """Report an exception that nobody handled; the run is over."""
        raise NotImplementedError

    def inside(self, function: Callable[[], object]) -> None:
        """Run a function as this node: what a crash-proof `close` needs, outside any step."""
        outer = asyncio._get_running_loop()
        current.node = self
        asyncio._set_running_loop(self.loop)
        try:
            self._context.run(function)
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
