"""Choices: every nondeterministic act of a run is one integer drawn here, and 0 is the default.

They are drawn from named streams. Where the integers come from is the *source*: a seed, a record
of an earlier run, or any function (Hypothesis, an enumeration).
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from tester.engine import SEED_LIMIT
from tester.engine.stream import Fault, Slot, Stream, least_word

_WORDS: Final = 64
"""Of a block."""
_BEGINNING: Final = 24
"""The first words of a stream: the fates of two RPCs, which is all that many streams are for."""

Record = dict[str, list[int]]
"""What a run chose: per stream the integers in the order in which they were drawn."""


class Source(Protocol):
    """Where the integers of a run come from."""

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """The stream of this name, at its beginning; its faults are to be added to the list."""


class Seeded:
    """Integers of a seed: SHAKE-128 (FIPS 202) of seed, stream and block, mapped by us.

    A standard, so the words are the same everywhere and for ever; and a function of its arguments,
    so a stream costs two microseconds to begin, where a generator of numpy's costs thirteen, and a
    run of a millisecond begins a dozen. The mapping `word * n >> 64` is pinned by golden vectors
    in the tests; its bias is below 2**-32 for n up to 2**32.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < SEED_LIMIT:
            raise ValueError(f"expected a seed in [0, 2**128), got {seed}")
        self.seed = seed

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        return SeededStream(self.seed, name, faults)

    def words(self, stream: str, block: int) -> tuple[int, ...]:
        """The words of a block, as a `Dealt` source asks; BEGINNING: the first few of block 0."""
        if block == BEGINNING:
            return words(self.seed, stream, 0, _BEGINNING)
        return words(self.seed, stream, block)


BEGINNING: Final = -1
"""The number of a stream's first few words, when they are asked for by themselves."""
Deal = Callable[[str, int], Sequence[int]]
"""`deal(stream, block)`: see `Seeded.words`."""


class Dealt:
    """Integers of a seed that this process does not know: whoever knows it deals the words.

    They are the same as those of `Seeded`, and say nothing about the seed or another stream.
    `drawn` is what has been drawn from the streams before: they go on behind that.
    """

    def __init__(self, deal: Deal, drawn: Mapping[str, Sequence[int]]) -> None:
        self._deal = deal
        self._drawn = drawn

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        drawn = self._drawn.get(name, ())
        made = WordStream(self._blocks(name, len(drawn)), name, faults)
        made.record.extend(drawn)
        return made

    def _blocks(self, name: str, drawn: int) -> Iterator[bytes]:
        begun = 0
        if not drawn:
            beginning = self._deal(name, BEGINNING)
            begun = len(beginning)
            yield _packed(beginning)
        block, at = divmod(drawn, _WORDS)
        yield _packed(self._deal(name, block)[at or begun :])
        for later in itertools.count(block + 1):
            yield _packed(self._deal(name, later))


def words(seed: int, stream: str, block: int, count: int = _WORDS) -> tuple[int, ...]:
    """The first words (of 64 bits) of the `block`-th block of a stream of a seed."""
    return struct.unpack(f"<{count}Q", _bytes(seed, stream, block, count))


def _packed(words: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(words)}Q", *words)


def _bytes(seed: int, stream: str, block: int, count: int) -> bytes:
    text = f"labtester {seed} {stream} {block}".encode("ascii")
    return hashlib.shake_128(text).digest(8 * count)


def _blocks(seed: int, stream: str) -> Iterator[bytes]:
    """All words of a stream: the first few by themselves, which costs a third of a block."""
    yield _bytes(seed, stream, 0, _BEGINNING)
    yield _bytes(seed, stream, 0, _WORDS)[8 * _BEGINNING :]
    for block in itertools.count(1):
        yield _bytes(seed, stream, block, _WORDS)


class WordStream(Stream):
    """One word for each choice; a block of them is made when its first one is needed.

    The choice is `word * n >> 64`. A word's first byte says nearly always what that is, whatever
    the other seven are: where `byte * n` leaves at least `n` below the next multiple of 256. So
    the words themselves, which are integers too long to be cheap, are made only where they matter.

    `below`, `one_of` and `draw` are written out: they are the hottest lines of a run, and calls
    would double their cost.
    """

    def __init__(self, blocks: Iterator[bytes], name: str, faults: list[Fault]) -> None:
        super().__init__(name, faults)
        self._blocks = blocks
        self._bytes = b""
        self._heads: list[int] = []
        """The first byte of each word at hand, the most significant one."""
        self._at = self._end = 0
        """Which of them comes next, and how many there are."""

    def below(self, n: int) -> int:
        if self._owed:
            self._settle()
        at = self._at
        if at == self._end:
            at = self._have(1)
        self._at = at + 1
        value = self._heads[at] * n
        value = value >> 8 if (value & 255) + n <= 256 else self._word(at) * n >> 64
        self._record.append(value)
        return value

    def one_of(self, values: Sequence[int]) -> Callable[[], int]:
        record, n = self._record, len(values)

        def draw() -> int:
            if self._owed:
                self._settle()
            at = self._at
            if at == self._end:
                at = self._have(1)
            self._at = at + 1
            value = self._heads[at] * n
            value = value >> 8 if (value & 255) + n <= 256 else self._word(at) * n >> 64
            record.append(value)
            return values[value]

        return draw

    def given(self, n: int) -> int:
        self.below(1)
        return 0

    def draw(self, slots: Sequence[Slot]) -> list[int]:
        if self._owed:
            self._settle()
        if slots is not self._slots:
            self._prepare(slots)
        first = self._at
        if first + self._size > self._end:
            first = self._have(self._size)
        self._at = first + self._size
        values = [*self._boring]
        heads = self._heads
        for at, num, den, least in self._open:
            if not den:
                value = heads[first + at] * num
                exact = (value & 255) + num > 256
                values[at] = self._word(first + at) * num >> 64 if exact else value >> 8
            elif heads[first + at] >= least >> 56 and self._word(first + at) >= least:
                values[at] = 1
                self._faults.append((self.name, len(self._record) + at))
        self._record += values
        return values

    def _chance(self, num: int, den: int) -> int:
        return 1 if self._next_word() >= least_word(num, den) else 0

    def _skip(self, count: int) -> None:
        if count:
            self._at = self._have(count) + count

    def _next_word(self) -> int:
        at = self._have(1)
        self._at = at + 1
        return self._word(at)

    def _word(self, at: int) -> int:
        return int.from_bytes(self._bytes[8 * at : 8 * at + 8], "little")

    def _have(self, count: int) -> int:
        """Have so many words at hand; returns where the first of them is."""
        if self._at + count > self._end:
            data = self._bytes[8 * self._at :]
            while len(data) < 8 * count:
                data += next(self._blocks)
            self._bytes = data
            self._heads = [*data[7::8]]
            self._at, self._end = 0, len(self._heads)
        return self._at


class SeededStream(WordStream):
    """The words of a seed."""

    def __init__(self, seed: int, name: str, faults: list[Fault]) -> None:
        super().__init__(_blocks(seed, name), name, faults)


class Replayed:
    """Integers of a record: a missing one is 0, one out of range the nearest allowed."""

    def __init__(self, record: Mapping[str, Sequence[int]]) -> None:
        self.record = record

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        return _ReplayedStream(self.record.get(name, ()), name, faults)


class _ReplayedStream(Stream):
    def __init__(self, values: Sequence[int], name: str, faults: list[Fault]) -> None:
        super().__init__(name, faults)
        self._values = values
        self._at = 0

    def _below(self, n: int) -> int:
        at = self._at
        self._at = at + 1
        if at >= len(self._values):
            return 0
        return max(0, min(self._values[at], n - 1))

    def _chance(self, num: int, den: int) -> int:
        return self._below(2 if num else 1)

    def _skip(self, count: int) -> None:
        self._at += count


class Injected:
    """Integers of any function `draw(n, stream)`: Hypothesis, an enumeration, a test."""

    def __init__(self, draw: Callable[[int, str], int]) -> None:
        self._draw = draw

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        return _InjectedStream(self._draw, name, faults)


class _InjectedStream(Stream):
    def __init__(self, draw: Callable[[int, str], int], name: str, faults: list[Fault]) -> None:
        super().__init__(name, faults)
        self._draw = draw

    def _below(self, n: int) -> int:
        if n == 1:
            return 0
        value = self._draw(n, self.name)
        if not 0 <= value < n:
            raise ValueError(f"expected a choice in [0, {n}) for {self.name}, got {value}")
        return value

    def _chance(self, num: int, den: int) -> int:
        if num == 0:
            return 0
        return 1 if num >= den else self._below(2)

    def owe(self, slots: Sequence[Slot]) -> None:
        """Draw now: to the function it may matter when it is asked, and that the run goes on."""
        self.draw(slots)

    def _skip(self, count: int) -> None:
        """Slots with one possible value ask the function nothing."""


class Choices:
    """All choices of one run, by stream, and what was chosen."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []
        """Every choice that was a fault, in the order in which they were drawn."""
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """The stream of this name: non-empty ASCII without a space."""
        found = self._streams.get(name)
        if found is None:
            if not name or not name.isascii() or " " in name:
                raise ValueError(f"expected a stream name in ASCII without spaces, got {name!r}")
            found = self._streams[name] = self.source.stream(name, self.faults)
        return found

    def below(self, n: int, stream: str) -> int:
        """One choice of the stream: an integer in [0, n), and 0 is the default."""
        return self.stream(stream).below(n)

    def chance(self, num: int, den: int, stream: str) -> bool:
        """True with probability num/den; a True is a fault."""
        return self.stream(stream).chance(num, den)

    def draw(self, stream: str, slots: Sequence[Slot]) -> list[int]:
        """Several choices of the stream at once: see `Stream.draw`."""
        return (self._streams.get(stream) or self.stream(stream)).draw(slots)

    def record(self) -> Record:
        """What was chosen, per stream in order of name; streams without a choice are left out."""
        used = sorted(self._streams.items())
        return {name: list(stream.record) for name, stream in used if stream.record}
