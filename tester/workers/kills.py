"""Kills: which tests of a suite fail on a mutant, and on which seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tester.engine.schedule import DEFAULT
from tester.workers.first import FirstFailurePlan, FirstFailureTracker
from tester.workers.plan import Plan, SeedTracker
from tester.workers.pool import Pool
from tester.workers.runner import Misuse
from tester.workers.wire import Listed


class Kill(NamedTuple):
    """The first seed on which a test failed, or could not decide."""

    test: str
    seed: int
    how: str
    """`fail`; `unknown`: the test could not decide; `lost`: the run's process hung or died."""
    schedule: str = DEFAULT


class Mutant(NamedTuple):
    """A solution, and the kills of the tests, in the order of the suite."""

    name: str
    about: str
    kills: tuple[Kill, ...]

    @property
    def found(self) -> tuple[Kill, ...]:
        """The kills that count for a bug; a test that could not decide has not found it."""
        return tuple(kill for kill in self.kills if kill.how != "unknown")

    @property
    def first(self) -> Kill | None:
        """The kill on the lowest seed."""
        return min(self.found, key=lambda kill: kill.seed, default=None)

    @property
    def mean_seeds(self) -> float | None:
        """How many seeds the tests that found a bug needed for it, on average."""
        if not self.found:
            return None
        return sum(kill.seed + 1 for kill in self.found) / len(self.found)


def find_kills(
    pool: Pool,
    lab: str,
    tests: Sequence[Listed],
    progress: Callable[[Plan], None] = lambda plan: None,
    *,
    first: bool = False,
) -> tuple[Kill, ...]:
    """Run each test until its first failing seed, or to the end of its seeds.

    With `first`, end at the first of the tests, in this order, that has failed. The result does
    not depend on the number of workers. Raises Misuse.
    """
    plan = (FirstFailurePlan if first else Plan)(lab, tests, pool.jobs, FirstFailureTracker)
    pool.work(plan, lambda: progress(plan))
    if plan.misuse:
        raise Misuse(plan.misuse)
    kills = []
    for tracker in plan.trackers:
        if (kill := _kill(tracker)) is not None:
            kills.append(kill)
        if first and tracker.counted.failed:
            break
    return tuple(kills)


def _kill(tracker: SeedTracker) -> Kill | None:
    counted = tracker.counted
    if counted.failed:
        how = "lost" if tracker.lost is not None else "fail"
        return Kill(tracker.test.name, counted.failed[0], how, tracker.test.schedule)
    if counted.unknown:
        return Kill(tracker.test.name, counted.unknown[0], "unknown", tracker.test.schedule)
    return None
