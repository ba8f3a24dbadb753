"""Schedules: which of several ready tasks or nodes runs first, and which woken task is delayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from tester.engine.choices import Choices

_PUT_OFF_US: Final = (0,) * 13 + (500, 4_000, 16_000)
"""What a draw below 16 puts a woken task off by: mostly not at all, at times by a few messages."""

Pick = Callable[[int], int]
"""Chooses among n >= 2; 0 is first come, first served."""
PutOff = Callable[[], int]
"""Microseconds by which a task that was woken is put off; 0 for not at all."""


class Schedule(Protocol):
    """A way of choosing; whatever it chooses, it draws from the run's choices."""

    def for_node(self, name: str, choices: Choices) -> tuple[Pick, PutOff | None]:
        """How the node picks among its ready tasks, and whether it puts them off."""

    def for_run(self, choices: Choices) -> Pick:
        """How the run picks among the nodes that are due at one instant."""


def _first(n: int) -> int:
    return 0


class Fifo:
    """First come, first served, everywhere: draws nothing."""

    def for_node(self, name: str, choices: Choices) -> tuple[Pick, PutOff | None]:
        return _first, None

    def for_run(self, choices: Choices) -> Pick:
        return _first


class Random:
    """Uniform among the ready; with `put_off`, woken tasks are at times put off.

    Putting off makes a real interleaving point of every await, even of `await sleep(0)`: without
    it nothing else can happen in between unless it happens at the very same microsecond.
    """

    def __init__(self, *, put_off: bool) -> None:
        self._put_off = put_off

    def for_node(self, name: str, choices: Choices) -> tuple[Pick, PutOff | None]:
        stream = choices.stream(f"sched/{name}")
        return stream.below, stream.one_of(_PUT_OFF_US) if self._put_off else None

    def for_run(self, choices: Choices) -> Pick:
        return choices.stream("order").below


SCHEDULES: Final[Mapping[str, Callable[[bool], Schedule]]] = {
    "fifo": lambda disturbed: Fifo(),
    "random": lambda disturbed: Random(put_off=disturbed),
}
"""Every schedule by its name. What makes one is told whether anything disturbs the run: a network
that is not reliable, or a nemesis. A further schedule is a further entry."""
DEFAULT: Final = "random"
