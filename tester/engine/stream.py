"""A stream: one named sequence of choices, and the record of what was chosen in it.

Streams are named, never numbered by the order of their creation, so that adding a client shifts
nobody else's luck. Some choices are faults; the others, such as delays and orders, are not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

Slot = tuple[int, int]
"""`(n, 0)`: an integer below n. `(num, den)`: 1, a fault, with probability num/den, else 0."""

ONLY_ON_RECORD: Final = 1, 2**48
"""The odds of a fault that no seed meets: it strikes where a record or an enumeration says so."""

Fault = tuple[str, int]
"""A choice that was a fault: (stream, index in the stream's record)."""


class Stream:
    """One named sequence of choices, and the record of what was chosen.

    Sources make their own kind of stream: they say where `_below` and `_chance` come from.
    """

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.name = name
        self._record: list[int] = []
        self._owed = 0
        self._owes: Sequence[Slot] = ()
        self._faults = faults
        self._slots: Sequence[Slot] = ()
        self._open: Sequence[_Open] = ()
        self._size = 0
        self._boring: list[int] = []

    @property
    def record(self) -> list[int]:
        """What was chosen so far, in order."""
        if self._owed:
            self._settle()
        return self._record

    def below(self, n: int) -> int:
        """One choice: an integer in [0, n), n >= 1."""
        if self._owed:
            self._settle()
        value = self._below(n)
        self._record.append(value)
        return value

    def one_of(self, values: Sequence[int]) -> Callable[[], int]:
        """Return a function that draws one of these values; the first is the default."""
        below, n = self.below, len(values)
        return lambda: values[below(n)]

    def chance(self, num: int, den: int) -> bool:
        """True with probability num/den: recorded as 1, and counted among the faults."""
        if self._owed:
            self._settle()
        value = self._chance(num, den)
        if value:
            self._faults.append((self.name, len(self._record)))
        self._record.append(value)
        return value == 1

    def given(self, n: int) -> int:
        """An integer in [0, n) that a seed always answers with 0: only a record says otherwise.

        For what a shrinker may turn down and luck may not, such as the size of a workload.
        """
        return self.below(n)

    def draw(self, slots: Sequence[Slot]) -> list[int]:
        """Several choices at once, always `len(slots)` of them, whatever their values.

        Slots with one possible value take up their place without being computed: flipping one
        fault, or switching a network to reliable and back, leaves all later choices alone. The
        list may be the same for several calls: it is to be read only.
        """
        if self._owed:
            self._settle()
        if slots is not self._slots:
            self._prepare(slots)
        if not self._open:
            self._skip(self._size)
            self._record += self._boring
            return self._boring
        values = [*self._boring]
        self._fill(values)
        self._record += values
        return values

    def owe(self, slots: Sequence[Slot]) -> None:
        """Draw these slots, of which none is a fault, at a time when somebody wants to see them.

        For a draw whose values change nothing. It takes up its place at once; its values come when
        the record is read, or before anything else is drawn. Most runs are never asked.
        """
        if slots is not self._owes:
            if self._owed:
                self._settle()
            self._owes = slots
        self._owed += 1

    def _settle(self) -> None:
        """Draw what is owed."""
        owed, self._owed = self._owed, 0
        for _ in range(owed):
            self.draw(self._owes)

    def _prepare(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._open = _open(tuple(slots))
        self._size = len(slots)
        self._boring = [0] * self._size

    def resume(self, drawn: Sequence[int]) -> None:
        """Go on behind choices that were drawn from this stream elsewhere: in a child process."""
        if self._owed:
            self._settle()
        self._skip(len(drawn))
        self._record += drawn

    def _fill(self, values: list[int]) -> None:
        start = len(self._record)
        passed = 0
        for at, num, den, _ in self._open:
            self._skip(at - passed)
            passed = at + 1
            if not den:
                values[at] = self._below(num)
            elif self._chance(num, den):
                values[at] = 1
                self._faults.append((self.name, start + at))
        self._skip(len(values) - passed)

    def _below(self, n: int) -> int:
        raise NotImplementedError

    def _chance(self, num: int, den: int) -> int:
        raise NotImplementedError

    def _skip(self, count: int) -> None:
        """Skip this many integers."""
        raise NotImplementedError


_Open = tuple[int, int, int, int]
"""A slot with several possible values: its place, the slot itself, and `least_word` of it."""


@functools.lru_cache
def _open(slots: tuple[Slot, ...]) -> tuple[_Open, ...]:
    return tuple(
        (at, num, den, least_word(num, den) if den else 0)
        for at, (num, den) in enumerate(slots)
        if (num > 0 if den else num > 1)
    )


def least_word(num: int, den: int) -> int:
    """The least word that is a fault of probability num/den: `word * den >> 64 >= den - num`."""
    return -((num - den << 64) // den)
