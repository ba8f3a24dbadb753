"""Attempts at a smaller run: the best that has been found, and whether an edited record is better.

Every attempt is a whole run, so nothing is assumed about the code under test; what a run did not
draw any more is forgotten, and what it draws anew is 0. Every limit is a count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tester.engine.choices import Choices, Record, Replayed
from tester.engine.errors import LimitReached, Livelock
from tester.search.edits import nonzero, trimmed
from tester.search.shortest import Size
from tester.world.run import Outcome, Scenario, run
from tester.world.streams import is_size

RUNS: Final = 400
"""Attempts at the most, for one seed."""
STEPS: Final = 1_000_000
"""Callbacks run in all attempts together, at the most: what bounds the time for long runs."""
PATIENCE: Final = 4
"""An attempt that takes so many times the steps of the best run is not smaller, but given up,"""
AT_LEAST: Final = 2_000
"""unless it is as short as this. Most attempts do not fail, and would go on to the test's end."""


def symptom(outcome: Outcome) -> tuple[str, ...]:
    """What must stay the same while a failure shrinks: its kind, and where the user's code was."""
    return (outcome.kind, *outcome.where)


def size_of(outcome: Outcome, record: Record) -> Size:
    """The size of a failing run with this record."""
    chosen = nonzero(record)
    values = {place: value for place, value in chosen.items() if not is_size(place[0])}
    drawn = sum(values.values())
    return Size(
        faults=len(outcome.choices.faults),
        asked=0 if _until_a_limit(outcome) else outcome.rpcs + outcome.ops,
        wanted=drawn - sum(chosen.values()),
        choices=len(values),
        drawn=drawn,
        late=sum(index for _, index in values),
    )


def _until_a_limit(outcome: Outcome) -> bool:
    """Whether the run would have gone on, so that what it did meanwhile says nothing."""
    return isinstance(outcome.error, Livelock | LimitReached)


class Attempts:
    """The best run so far, and the attempts to better it; each fails as the first one did.

    `attempt` is called before each: somebody may wait for a sign of life.
    """

    def __init__(self, scenario: Scenario, failing: Outcome, attempt: Callable[[], None]) -> None:
        self.best = failing
        self.record = trimmed(failing.choices.record())
        self.runs = 0
        self._scenario = scenario
        self._attempt = attempt
        self._symptom = symptom(failing)
        self.steps = 0
        """Callbacks run in all attempts so far."""
        self._seen: set[str] = set()

    @property
    def size(self) -> Size:
        """Of the best run."""
        return size_of(self.best, self.record)

    def spare(self) -> bool:
        """Whether there may be another one."""
        return self.runs < RUNS and self.steps < STEPS

    def better(self, record: Record, *, simpler: bool = False) -> bool:
        """Run an edited record, and keep it if it is smaller; with `simpler`, also if it is that.

        What is simpler has more left that can be made smaller.
        """
        record = trimmed(record)
        key = repr(record)
        if record == self.record or key in self._seen or not self.spare():
            return False
        self._seen.add(key)
        self.runs += 1
        self._attempt()
        outcome = run(self._patient(), Choices(Replayed(record)))
        self.steps += outcome.steps
        if symptom(outcome) != self._symptom:
            return False
        record = trimmed(outcome.choices.record())
        found, size = size_of(outcome, record), self.size
        if found < size or (simpler and found.simpler(size)):
            self.best, self.record = outcome, record
            return True
        return False

    def _patient(self) -> Scenario:
        """The scenario, ended where a run gets much longer than the best; that is no symptom."""
        limits = self._scenario.limits
        if _until_a_limit(self.best):
            return self._scenario
        steps = min(limits.steps, max(PATIENCE * self.best.steps, AT_LEAST))
        return replace(self._scenario, limits=replace(limits, steps=steps))

    def told(self) -> Outcome:
        """The best run once more, with its trace."""
        self._attempt()
        return run(self._scenario, Choices(Replayed(self.record)), keep_trace=True)
