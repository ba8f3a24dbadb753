"""Interleaved rounds: the figures of one run, each beside the figure it is to be compared with."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tester.engine.choices import Choices, Seeded
from tester.world.run import Scenario, run

ROUNDS: Final = 7
"""How often each figure is taken. Medians are printed, so up to three rounds may be disturbed."""

Figure = Callable[[], float]
"""Measures once, in well under a second, and returns a figure."""


@dataclass(frozen=True)
class Row:
    """A line of the table: something measured, and a yardstick measured beside it."""

    name: str
    """With its unit: "RPCs/s, def, 10 clients"."""
    figure: Figure
    yardstick: Figure
    against: str
    """What the yardstick is: "stock asyncio"."""
    at_least: float | None = None
    """The budget, where more is better."""
    at_most: float | None = None
    """The budget, where less is better."""


@dataclass(frozen=True)
class Result:
    """What the rounds of a row came to."""

    row: Row
    measured: float
    """The median of the figure."""
    ratio: float
    """The median of figure / yardstick, each pair taken side by side."""
    noise: float
    """How far a typical round lies from the median, as a part of it."""

    @property
    def within_budget(self) -> bool | None:
        """Whether the figure keeps the row's budget on this machine; None without a budget."""
        if self.row.at_least is not None:
            return self.measured >= self.row.at_least
        return None if self.row.at_most is None else self.measured <= self.row.at_most


def measure(rows: Sequence[Row], rounds: int = ROUNDS) -> list[Result]:
    """Take every figure and its yardstick once per round, after one round that nobody counts.

    A machine that slows down for a while then slows both sides of a ratio down.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in rows]
    for number in range(rounds + 1):
        for row, pairs in zip(rows, taken, strict=True):
            gc.collect()
            pair = row.figure(), row.yardstick()
            if number:
                pairs.append(pair)
    return [_result(row, pairs) for row, pairs in zip(rows, taken, strict=True)]


def _result(row: Row, pairs: list[tuple[float, float]]) -> Result:
    figures = [figure for figure, _ in pairs]
    middle = statistics.median(figures)
    return Result(
        row,
        measured=middle,
        ratio=statistics.median(figure / yardstick for figure, yardstick in pairs),
        noise=statistics.median(abs(figure - middle) for figure in figures) / middle,
    )


def per_second(count: int, work: Callable[[], object]) -> float:
    """How often per second of this process's own time, when `work` does it `count` times."""
    start = time.process_time_ns()
    work()
    return count * 1e9 / (time.process_time_ns() - start)


def simulate_once(test: Callable[..., Coroutine[Any, Any, object]], **arguments: Any) -> None:
    """Run a simulated test once on a reliable network, without a model; it must pass.

    On seed 1, because seed 0 is audited besides: its nodes are watched step by step.
    """
    scenario = Scenario(test, test.__name__, model=None).with_arguments(**arguments)
    outcome = run(scenario, Choices(Seeded(1)))
    assert outcome.verdict == "pass", outcome.error
