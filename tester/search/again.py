"""Running a record again, and making the record of a run.

If the code has changed since, a record may fail in another way, or pass.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from labrpc.errors import TesterError
from tester.engine import VERSION
from tester.engine.choices import Choices, Replayed
from tester.search.record import Record
from tester.search.shrink import Shrunk
from tester.world.run import Outcome, run
from tester.world.scenario import Scenario, code_under_test


class StaleReplay(TesterError):
    """A record no longer does what it did, because the code has changed since it was made."""


class Again(NamedTuple):
    """The result of running a record again."""

    outcome: Outcome
    stale: StaleReplay | None
    anew: bool
    """Whether the record passed, so that the outcome is that of its seed."""


def replay(record: Record, scenario: Scenario) -> Outcome:
    """Run a record under its schedule, with its trace."""
    choices = Choices(Replayed(record.choices))
    return run(scenario.under(record.schedule, record.strategy), choices, keep_trace=True)


def run_again(record: Record, scenario: Scenario) -> Again:
    """Run a record; if it passes, run its seed, which changed code may turn into other choices."""
    scenario = scenario.under(record.schedule, record.strategy)
    outcome = replay(record, scenario)
    stale = None
    try:
        check_fresh(record, scenario, outcome)
    except StaleReplay as error:
        stale = error
    if outcome.verdict != "pass":
        return Again(outcome, stale, anew=False)
    return Again(run(scenario, scenario.choices(record.seed)), stale, anew=True)


def check_fresh(record: Record, scenario: Scenario, outcome: Outcome) -> None:
    """Raise StaleReplay if a record's digest differs and its code has changed."""
    if outcome.digest != record.digest and record.code != code_digest(scenario):
        raise StaleReplay(
            f"the code has changed since this record was made: it failed with {record.kind} "
            f"then, and now it {outcome.saying}"
        )


def record_of(
    scenario: Scenario, shrunk: Shrunk, *, lab: str, test: str, submission: str
) -> Record:
    """The record of a failing run."""
    outcome = shrunk.outcome
    return Record(
        lab=lab,
        test=test,
        seed=shrunk.seed,
        submission=submission,
        kind=outcome.kind,
        digest=outcome.digest,
        code=code_digest(scenario),
        python=platform.python_version(),
        labtester=VERSION,
        choices=shrunk.record,
        schedule=scenario.schedule,
        strategy=scenario.strategy,
    )


def code_digest(scenario: Scenario) -> str:
    """Digest of the sources of the code under test, and of the test."""
    return _digest(code_under_test(scenario))


def _digest(modules: Iterable[ModuleType]) -> str:
    sources = hashlib.blake2b(digest_size=8)
    for module in modules:
        file = getattr(module, "__file__", None)
        if file and Path(file).is_file():
            sources.update(module.__name__.encode())
            sources.update(Path(file).read_bytes())
    return sources.hexdigest()
