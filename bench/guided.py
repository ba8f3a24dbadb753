"""Guidance by coverage: runs that hit something new are continued in other ways.

The way of greybox fuzzers, for the bench of strategies: a run that made a fault hit a kind of
operation that none had hit before is kept. Half of the later runs begin as one that was kept, up
to a place of their own in each stream, and go on as their seed says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from tester.engine.choices import Choices, Record, Seeded, words
from tester.engine.stream import Fault, Stream, least_word
from tester.world.coverage import Coverage
from tester.world.run import Outcome, run
from tester.world.scenario import Scenario

NAME: Final = "coverage"


class _Continued(Stream):
    """Begins with values of another run, and goes on with the words of a seed."""

    def __init__(self, seed: int, name: str, faults: list[Fault], values: Sequence[int]) -> None:
        super().__init__(name, faults)
        self._words = (word for block in itertools.count() for word in words(seed, name, block))
        self._values = iter(values)

    def _below(self, n: int) -> int:
        word, value = next(self._words), next(self._values, None)
        return word * n >> 64 if value is None else min(value, n - 1)

    def _chance(self, num: int, den: int) -> int:
        word, value = next(self._words), next(self._values, None)
        if value is not None and 0 < num < den:
            return min(value, 1)
        return int(word >= least_word(num, den))

    def _skip(self, count: int) -> None:
        for _ in range(count):
            _ = next(self._words), next(self._values, None)


class Continuation(Seeded):
    """The run of a seed that begins as another run did."""

    def __init__(self, seed: int, parent: Record) -> None:
        super().__init__(seed)
        self._parent = parent

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        values = self._parent.get(name, ())
        cut = words(self.seed, f"cut/{name}", 0)[0] * (len(values) + 1) >> 64
        return _Continued(self.seed, name, faults, values[:cut])


def guided(scenario: Scenario, base: int) -> Iterator[Outcome]:
    """The runs of the seeds from `base` on; what each is depends on what came before it."""
    seen: set[tuple[str, str]] = set()
    kept: list[Record] = []
    for seed in itertools.count(base):
        word = words(seed, "parent", 0)[0]
        parent = kept[word % len(kept)] if kept and word >> 63 else None
        source = Seeded(seed) if parent is None else Continuation(seed, parent)
        coverage = Coverage()
        outcome = run(scenario, Choices(source), coverage=coverage)
        hits = set(coverage.hits(outcome.choices.faults))
        if not hits <= seen:
            seen |= hits
            kept.append(outcome.choices.record())
        yield outcome
