"""A node is a machine: `step(now, inbox) -> (outbox, next_due)`, and nothing else gets in or out.

The same function runs in this process and, driven over a pipe, in a child process: what enters is
plain data, what leaves is plain data, and the choices come from the node's own streams.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tester.engine import guard
from tester.engine.choices import Choices
from tester.engine.errors import Waiting
from tester.engine.loop import Loop
from tester.engine.schedule import Schedule
from tester.engine.waiting import waiting

Event = tuple[Any, ...]
"""What crosses a node's border: a kind, then plain data."""


class Turn(NamedTuple):
    """What one step of a node came to."""

    outbox: Sequence[Event]
    next_due: int | None
    """When the node's earliest timer is due, in microseconds of run time."""
    ran: int
    """How many callbacks ran; the limit, if it was reached."""


class Node:
    """One machine: a loop, a clock, a random generator, and the events it has still to send.

    `incarnation` counts restarts: a restarted node is a new Node of the same name. Subclasses say
    in `receive` what an event means.
    """

    def __init__(
        self, name: str, choices: Choices, schedule: Schedule, incarnation: int = 0
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.outbox: list[Event] = []
        self.choices = choices
        # What AbstractEventLoop asks for and Loop does not simulate raises OutsideWorld.
        self.loop = Loop(self, *schedule.for_node(name, choices))  # type: ignore[abstract]
        self._random: random.Random | None = None

    def receive(self, event: Event) -> None:
        """Act on one event that arrived; runs as a plain callback of this node's loop."""
        raise NotImplementedError

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """Take in what arrived by `now`, then what is due, and run until nothing is ready.

        At most `limit` callbacks run.
        """
        loop = self.loop
        guard.current = self
        asyncio._set_running_loop(loop)
        try:
            loop.begin(now)
            for event in inbox:
                self.receive(event)
            ran = loop.run_ready(limit)
        finally:
            asyncio._set_running_loop(None)
            guard.current = None
        outbox, self.outbox = self.outbox, []
        return Turn(outbox, loop.next_due(), ran)

    def inside(self, function: Callable[[], object]) -> None:
        """Run a function as this node: what a crash-proof `close` needs, outside any step."""
        guard.current = self
        asyncio._set_running_loop(self.loop)
        try:
            function()
        finally:
            asyncio._set_running_loop(None)
            guard.current = None

    def waiting(self) -> list[Waiting]:
        """Where each unfinished task of the node waits."""
        return waiting(self.name, self.loop)

    # -- what the guard asks of a machine ---------------------------------------------------------

    def time_us(self) -> int:
        """The node's clock: microseconds since the start of the run, its skew included."""
        return self.loop.now + self.loop.offset

    def random(self) -> random.Random:
        """The node's generator, seeded by one choice and by its name.

        The name is in the seed because the all-zero run must not give every peer the same
        election timeout: symmetric peers would split their votes for ever.
        """
        if self._random is None:
            seed = self.choices.below(2**32, f"node/{self.name}")
            running, guard.current = guard.current, None  # or this would be the node's own draw
            self._random = random.Random(f"{self.name}/{self.incarnation}/{seed}")
            guard.current = running
        return self._random
