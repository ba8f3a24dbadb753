"""The plan of a sweep: which chunks of seeds are still to be run, and how long they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tester.sweep.store import Subject
from tester.workers.launch import Setup
from tester.workers.wire import Chunk

CHUNK_US: Final = 500_000
"""How long a chunk is to take: what goes round it, some milliseconds, is to be little of that."""
MOST: Final = 10_000
"""Seeds of a chunk: they are lost together when somebody kills the sweep."""
_FIRST: Final = 8
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Until(NamedTuple):
    """When a sweep ends before its seeds do: after so many seconds, or failures; 0: never."""

    seconds: int = 0
    failures: int = 0


def parse_until(text: str) -> Until:
    """`90s`, `15m`, `8h`, `1d`, `3-failures`. Raises ValueError, one sentence."""
    if found := re.fullmatch(r"([1-9]\d{0,8})([smhd])", text):
        return Until(seconds=int(found[1]) * _UNITS[found[2]])
    if found := re.fullmatch(r"([1-9]\d{0,8})-failures?", text):
        return Until(failures=int(found[1]))
    raise ValueError(f"expected a time such as 90s, 15m or 8h, or 3-failures, got {text!r}")


@dataclass
class Sought:
    """One test of a target, and the seeds of it that are still to be run."""

    setup: Setup
    subject: Subject
    wanted: range
    """All seeds that were asked for."""
    left: list[range]
    """Those that nobody has been given, in order."""
    weight: int = 1
    mean_us: int = 0
    given: int = field(default=0)

    def take(self, jobs: int) -> Chunk | None:
        """The next chunk: as long as chunks are to be, and short where little is left."""
        if not self.left:
            return None
        seeds = self.left[0]
        rest = sum(map(len, self.left))
        size = CHUNK_US // max(self.mean_us, 1) if self.mean_us else _FIRST // self.weight
        size = max(1, min(size, MOST, len(seeds), -(-rest // (2 * jobs))))
        self.left[0] = seeds[size:]
        if not self.left[0]:
            del self.left[0]
        self.given += size
        return Chunk(self.subject.test, seeds.start, size, in_detail=True)

    def measured(self, mean_us: int) -> None:
        """Runs of a chunk took so long on average."""
        self.mean_us = mean_us if not self.mean_us else (3 * self.mean_us + mean_us) // 4


class Piece(NamedTuple):
    """A chunk, of what it is, and how often it has come to grief."""

    sought: Sought
    chunk: Chunk
    failed: int = 0

    def halves(self) -> list[Piece]:
        """Two chunks that are together this one, of two seeds or more."""
        first, count = self.chunk.first, self.chunk.count
        near = Chunk(self.chunk.test, first, count // 2, in_detail=True)
        far = Chunk(self.chunk.test, first + count // 2, count - count // 2, in_detail=True)
        return [Piece(self.sought, near), Piece(self.sought, far)]


class SweepPlan:
    """Where the chunks come from. Tests take turns, by the share of their seeds that is given."""

    def __init__(self, sought: Sequence[Sought], jobs: int) -> None:
        self.sought = list(sought)
        self._jobs = jobs
        self.returned: list[Piece] = []
        """Chunks that were lost with the executor that had them; nobody blames them."""
        self.suspected: list[Piece] = []
        """Chunks whose worker died: each is run alone, so that it is known who is to blame."""

    @property
    def total(self) -> int:
        """How many seeds were asked for."""
        return sum(len(one.wanted) for one in self.sought)

    @property
    def is_empty(self) -> bool:
        """Whether every chunk has been given to somebody."""
        waiting = any(one.left for one in self.sought)
        return not (waiting or self.returned or self.suspected)

    def next(self) -> Piece | None:
        """A chunk that nobody has, and nobody blames."""
        if self.returned:
            return self.returned.pop()
        waiting = [one for one in self.sought if one.left]
        if not waiting:
            return None
        one = min(waiting, key=lambda one: one.given * one.weight)
        chunk = one.take(self._jobs)
        assert chunk is not None
        return Piece(one, chunk)
