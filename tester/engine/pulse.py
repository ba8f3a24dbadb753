"""The pulse of this process: it tells the watchdog that a long run makes progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

EVERY_STEPS: Final = 256
"""A run beats once in so many callbacks, or more often where its listeners wish; never while it
is stuck in one."""

_listeners: list[Callable[[], int]] = []


def listen(listener: Callable[[], int]) -> None:
    """Have it called at each beat, for as long as this process lives.

    It returns after how many callbacks it wants to be called again, at the latest.
    """
    _listeners.append(listener)


def silence() -> None:
    """Have nobody called any more, in this process and those that it forks."""
    _listeners.clear()


def beat() -> int:
    """Say that a run gets on; after how many callbacks to do so again. It changes nothing."""
    return min([EVERY_STEPS, *(listener() for listener in _listeners)])
