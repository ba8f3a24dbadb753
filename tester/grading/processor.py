"""One processor for a run: the grader and the nodes take turns, and to move between them is dear.

Whoever asks a process on another processor has that one woken, and the memory that both use moves
across: that takes about a third of the CPU time of isolated runs. And a process that is moved
while it runs can tell, so this is one way less for nodes to learn of each other.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Final

from tester.grading import kernel

_STAY_S: Final = 1.0
"""Seconds until the system may move us to a processor that has more to spare."""


class Processor:
    """Keeps this thread, and the processes that it drives, on one of the processors they may use.

    What the system refuses is left as it is: all that it costs is time.
    """

    def __init__(self) -> None:
        self._free: set[int] = set()
        """All that we may use, while we stay on one; empty: the system chooses."""
        self._until = 0.0
        self._refused = sys.platform != "linux"

    def stay(self, move: Callable[[int], None]) -> None:
        """Stay where the system has put us; `move` takes the other processes there."""
        if self._refused or self._free:
            return
        try:
            free, here = os.sched_getaffinity(0), kernel.current_processor()
            os.sched_setaffinity(0, {here})
        except OSError:
            self._refused = True
            return
        self._free, self._until = free, time.monotonic() + _STAY_S
        move(here)

    def loosen(self) -> None:
        """Let the system move us, if it has not been able to for long: we are about to wait."""
        if self._free and time.monotonic() >= self._until:
            self.leave()

    def leave(self) -> None:
        """Let the system move us."""
        if self._free:
            free, self._free = self._free, set()
            os.sched_setaffinity(0, free)
