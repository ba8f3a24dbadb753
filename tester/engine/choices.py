"""Choices: every nondeterministic act of a run is one integer drawn here, and 0 is the boring one.

A *stream* is a named sequence of choices. Streams are named, never numbered by the order of their
creation, so that adding a client shifts nobody else's luck. Where the integers come from is the
*source*: a seed, a record of an earlier run, or any function (Hypothesis, an enumeration).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

SEED_LIMIT: Final = 2**128
"""Seeds are `0 <= seed < SEED_LIMIT`; beyond four 32-bit words numpy runs seed and key together."""

_FIRST_BLOCK: Final = 64
_LARGEST_BLOCK: Final = 4096

Slot = tuple[int, int]
"""`(n, 0)`: an integer below n. `(num, den)`: 1 with probability num/den, else 0; a 1 is a fault."""

Record = dict[str, list[int]]
"""What a run chose: per stream the integers in the order in which they were drawn."""


class Source(Protocol):
    """Where integers come from: makes the reader of one stream."""

    def reader(self, stream: str) -> Reader:
        """The integers of the stream, from its beginning."""


class Reader(Protocol):
    """One stream's integers, read one after the other."""

    def below(self, n: int) -> int:
        """An integer in [0, n)."""

    def chance(self, num: int, den: int) -> int:
        """1 with probability num/den, else 0."""

    def skip(self, count: int) -> None:
        """Pass over `count` integers whose slots allow one value only."""


class Seeded:
    """Integers of a seed: `SeedSequence(seed, spawn_key=stream) -> PCG64`, mapped by us.

    numpy promises the raw words of a bit generator for ever; it does not promise the methods of
    `Generator`, which is why none of them is used. The mapping `word * n >> 64` is pinned by
    golden vectors in the tests; its bias is below 2**-32 for n up to 2**32.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < SEED_LIMIT:
            raise ValueError(f"a seed is an integer in [0, 2**128), and {seed} is not")
        self.seed = seed

    def reader(self, stream: str) -> Reader:
        return _SeededReader(self.seed, stream)


class _SeededReader:
    """Raw 64-bit words in growing blocks; making the generator waits until the first real draw."""

    __slots__ = ("_at", "_bits", "_block", "_seed", "_stream", "_words")

    def __init__(self, seed: int, stream: str) -> None:
        self._seed = seed
        self._stream = stream
        self._bits: np.random.PCG64 | None = None
        self._words: list[int] = []
        self._at = 0
        self._block = _FIRST_BLOCK

    def _word(self) -> int:
        at = self._at
        if at >= len(self._words):
            at = self._refill()
        self._at = at + 1
        return self._words[at]

    def _refill(self) -> int:
        skipped = self._at - len(self._words)
        if self._bits is None:
            key = tuple(self._stream.encode("ascii"))
            self._bits = np.random.PCG64(np.random.SeedSequence(self._seed, spawn_key=key))
        if skipped:
            self._bits.advance(skipped)
        self._words = self._bits.random_raw(self._block).tolist()
        self._block = min(2 * self._block, _LARGEST_BLOCK)
        return 0

    def below(self, n: int) -> int:
        return self._word() * n >> 64

    def chance(self, num: int, den: int) -> int:
        return 1 if (self._word() * den >> 64) >= den - num else 0

    def skip(self, count: int) -> None:
        self._at += count


class Replayed:
    """Integers of a record: a missing one is 0, one that is too large is the largest allowed."""

    def __init__(self, record: Mapping[str, Sequence[int]]) -> None:
        self._record = record

    def reader(self, stream: str) -> Reader:
        return _ReplayedReader(self._record.get(stream, ()))


class _ReplayedReader:
    __slots__ = ("_at", "_values")

    def __init__(self, values: Sequence[int]) -> None:
        self._values = values
        self._at = 0

    def below(self, n: int) -> int:
        at = self._at
        self._at = at + 1
        if at >= len(self._values):
            return 0
        return min(self._values[at], n - 1)

    def chance(self, num: int, den: int) -> int:
        return self.below(2) if num else self.below(1)

    def skip(self, count: int) -> None:
        self._at += count


class Injected:
    """Integers of any function `draw(n, stream)`: Hypothesis, an enumeration, a test."""

    def __init__(self, draw: Callable[[int, str], int]) -> None:
        self._draw = draw

    def reader(self, stream: str) -> Reader:
        return _InjectedReader(self._draw, stream)


class _InjectedReader:
    __slots__ = ("_draw", "_stream")

    def __init__(self, draw: Callable[[int, str], int], stream: str) -> None:
        self._draw = draw
        self._stream = stream

    def below(self, n: int) -> int:
        if n == 1:
            return 0
        value = self._draw(n, self._stream)
        if not 0 <= value < n:
            raise ValueError(f"the source drew {value} for {self._stream}, not one of [0, {n})")
        return value

    def chance(self, num: int, den: int) -> int:
        if num == 0:
            return 0
        return 1 if num >= den else self.below(2)

    def skip(self, count: int) -> None:
        """Slots with one possible value ask the function nothing."""


class Stream:
    """One named sequence of choices, and the record of what was chosen."""

    __slots__ = ("_active", "_blank", "_faults", "_reader", "_slots", "name", "record")

    def __init__(self, name: str, reader: Reader, faults: list[tuple[str, int]]) -> None:
        self.name = name
        self.record: list[int] = []
        self._reader = reader
        self._faults = faults
        self._slots: Sequence[Slot] = ()
        self._active: list[tuple[int, int, int]] = []
        self._blank: list[int] = []

    def below(self, n: int) -> int:
        """One choice: an integer in [0, n), n >= 1."""
        value = self._reader.below(n)
        self.record.append(value)
        return value

    def chance(self, num: int, den: int) -> bool:
        """True with probability num/den: recorded as 1, and counted among the faults."""
        value = self._reader.chance(num, den)
        if value:
            self._faults.append((self.name, len(self.record)))
        self.record.append(value)
        return value == 1

    def draw(self, slots: Sequence[Slot]) -> list[int]:
        """Several choices at once, always `len(slots)` of them, whatever their values.

        Slots with one possible value take up their place without being computed: flipping one
        fault, or switching a network to reliable and back, leaves all later choices alone.
        """
        if slots is not self._slots:
            self._plan(slots)
        reader = self._reader
        values = self._blank.copy()
        passed = 0
        for at, num, den in self._active:
            if at > passed:
                reader.skip(at - passed)
            passed = at + 1
            if den:
                if reader.chance(num, den):
                    values[at] = 1
                    self._faults.append((self.name, len(self.record) + at))
            else:
                values[at] = reader.below(num)
        if passed < len(values):
            reader.skip(len(values) - passed)
        self.record += values
        return values

    def _plan(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._blank = [0] * len(slots)
        self._active = [
            (at, num, den) for at, (num, den) in enumerate(slots) if (num > 0 if den else num > 1)
        ]


class Choices:
    """All choices of one run, by stream, and what was chosen."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[tuple[str, int]] = []
        """Every choice that was a fault: (stream, index in the stream's record), in time order."""
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """The stream of this name: non-empty ASCII (an empty name would be numpy's "no key")."""
        found = self._streams.get(name)
        if found is None:
            if not name or not name.isascii():
                raise ValueError(f"a stream's name is non-empty ASCII text, and {name!r} is not")
            found = Stream(name, self.source.reader(name), self.faults)
            self._streams[name] = found
        return found

    def below(self, n: int, stream: str) -> int:
        """One choice of the stream: an integer in [0, n), and 0 is the boring answer."""
        return self.stream(stream).below(n)

    def chance(self, num: int, den: int, stream: str) -> bool:
        """True with probability num/den; a True is a fault."""
        return self.stream(stream).chance(num, den)

    def draw(self, stream: str, slots: Sequence[Slot]) -> list[int]:
        """Several choices of the stream at once: see `Stream.draw`."""
        return self.stream(stream).draw(slots)

    def record(self) -> Record:
        """What was chosen, per stream in order of name; streams without a choice are left out."""
        used = sorted(self._streams.items())
        return {name: list(stream.record) for name, stream in used if stream.record}
