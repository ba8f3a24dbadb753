"""Bugs that a counter by gossip can have; the suite finds each of them."""

from __future__ import annotations

from collections.abc import Sequence

from counter import Counter


class TakesTheLatest(Counter):
    """Believes what it is told last, though it may know better."""

    def _merged(self, told: Sequence[int]) -> list[int]:
        return list(told)


class AddsUp(Counter):
    """Adds what it is told to what it knows: right if everything were told once."""

    def _merged(self, told: Sequence[int]) -> list[int]:
        return [
            mine if at == self._me else mine + theirs
            for at, (mine, theirs) in enumerate(zip(self._counts, told, strict=True))
        ]


class AnswersBeforeTheDisk(Counter):
    """Says that it has added before that is safe."""

    async def add(self) -> None:
        self._counts[self._me] += 1
        self._disk.write({"own": b"%d" % self._counts[self._me]})
