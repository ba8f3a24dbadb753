"""What the apps of the tests see of the machine they run on."""

from __future__ import annotations

from typing import Protocol

from mapreduce.api import Disk

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


class Machine(Protocol):
    """The machine of one worker, simulated or real."""

    name: str
    """No other worker has the same."""
    disk: Disk

    def below(self, n: int) -> int:
        """A random integer in [0, n)."""
        ...

    async def crash_or_stall(self) -> None:
        """Now and then the worker crashes here, or stands still for up to ten seconds."""
        ...
