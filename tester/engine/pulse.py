"""The pulse of this process: a sign of life for whoever watches it, while a long run gets on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

EVERY_STEPS: Final = 5_000
"""A run beats once in so many callbacks, and never while it is stuck.

Many times a second, also where code under test is slow and a machine has other things to do.
"""

_listeners: list[Callable[[], object]] = []


def listen(listener: Callable[[], object]) -> None:
    """Have it called at each beat, for as long as this process lives."""
    _listeners.append(listener)


def beat() -> None:
    """Say that a run gets on; it changes nothing in the run."""
    for listener in _listeners:
        listener()
