"""Whose code runs now: the node being stepped, and what has been refused to code on nodes."""

from __future__ import annotations

import random
from typing import Protocol

from tester.engine.errors import OutsideWorld


class CurrentNode(Protocol):
    """The node whose code runs, as whoever answers that code in the machine's place sees it."""

    @property
    def name(self) -> str:
        """The node's name, for sentences and log records: "server", "c0"."""

    def time_us(self) -> int:
        """Return the microseconds since the run began by the node's clock; it never goes back."""

    @property
    def ahead_us(self) -> int:
        """By how much the node's wall clock is ahead of that clock, or behind if negative."""

    def random(self) -> random.Random:
        """Return the node's own generator, seeded from the run's choices."""


node: CurrentNode | None = None
"""Assigned around every step of a node; None while the engine, the tester or nobody runs."""

refusals: list[OutsideWorld] = []
"""What code on nodes was refused in the active run, in order: swallowed by that code or not."""
