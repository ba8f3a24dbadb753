"""The pulse of this process: it tells the watchdog that a long run makes progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

EVERY_STEPS: Final = 256
"""A run beats once in so many callbacks, or more often where its listeners wish; never while it
is stuck in one."""

_listeners: list[Callable[[], int]] = []


def listen(listener: Callable[[], int]) -> None:
    """Call the listener at each beat, as long as this process lives.

    It returns the most callbacks until it must be called again.
    """
    _listeners.append(listener)


def silence() -> None:
    """Drop all listeners, in this process and those that it forks."""
    _listeners.clear()


def beat() -> int:
    """Call the listeners; returns the number of callbacks to the next beat. Changes no run."""
    return min([EVERY_STEPS, *(listener() for listener in _listeners)])
