"""The story of each planted bug names the event that decides, without having been shrunk.

Each sentence is a snapshot, and none is said of the reference in the same test, even if that is
taken to have failed as the bug did.
"""

import re
import textwrap
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from linearizability import Illegal
from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Patch, Rewrite, planted
from tester.report import machine_rules
from tester.report.broken import Broken
from tester.report.inside import NOTHING, look
from tester.report.reason import reason
from tester.report.story import render_story
from tester.world.failure import NotLinearizable, Stuck
from tester.world.run import Outcome, Scenario, run
from tests import snapshots
from tests.report import deciding

TABLES = {
    "raft": deciding.RAFT,
    "lock": deciding.LOCK,
    "rsm": deciding.RSM,
    "kvraft": deciding.KVRAFT,
    "kvsrv": deciding.KVSRV,
    "dedup": deciding.DEDUP,
    "kvraft-dedup": deciding.KVRAFT_DEDUP,
    "mapreduce": deciding.MAPREDUCE,
}
LOOKED_INTO = {"kvsrv", "dedup"}
OF_ANSWERS = {"kvsrv", "dedup"}
"""The labs whose sentences are snapshots of tests/report/test_reason.py."""
"""The labs whose bugs are looked at while they run, once more: so their tables name code, too."""
SUITES = {lab: suite.tests_of(LABS[lab].suite) for lab in TABLES}
BUGS = [
    pytest.param(lab, bug, id=f"{lab}-{bug.name}")
    for lab in TABLES
    for bug in LABS[lab].catalogue().bugs
]


def failing(bug: Patch | Rewrite, scenario: Scenario) -> Outcome:
    for seed in range(bug.seeds):
        outcome = run(scenario, Choices(Seeded(seed)), keep_trace=True)
        if outcome.verdict == "fail":
            return outcome
    raise AssertionError(f"{bug.name}: nothing in {bug.seeds} seeds fails")


@cache
def right(lab: str, test: str) -> Outcome:
    """The same test of the reference, which passes it."""
    outcome = run(SUITES[lab][test], Choices(Seeded(0)), keep_trace=True)
    assert outcome.verdict == "pass"
    return outcome


def unjustly(lab: str, test: str, failed: Outcome) -> Broken | None:
    """Which rule the reference is said to break, had its run ended as that of a bug did.

    What a test has looked up itself, such as what a server applied or that a job is not done, is
    not doubted, and left out.
    """
    outcome = right(lab, test)
    is_of_run = isinstance(failed.error, Stuck | NotLinearizable) and lab != "mapreduce"
    error = failed.error if is_of_run else AssertionError("to be told")
    checked = failed.checked
    known = len(outcome.history.ops)
    if isinstance(checked, Illegal) and max(op.metadata for op in checked.headline.core) >= known:
        checked = None
    return reason(replace(outcome, error=error, checked=checked))


def decides(lab: str, name: str, story: str) -> bool:
    """Whether a story has the event that its table names as deciding."""
    return re.search(TABLES[lab][name], " ".join(story.split())) is not None


HASHED = ("partitions_by_hash",)
"""Bugs whose words are others in each process: they depend on how Python hashes texts there."""


@pytest.mark.parametrize(("lab", "bug"), BUGS)
def test_a_story_names_the_event_that_decides(
    lab: str, bug: Patch | Rewrite, tmp_path: Path
) -> None:
    with planted(bug, tmp_path):
        scenario = SUITES[lab][bug.killed_by[0]]
        outcome = failing(bug, scenario)
        closer = partial(look, scenario, outcome) if lab in LOOKED_INTO else lambda broken: NOTHING
        story = render_story(0, outcome, "labtester replay", look=closer)
        why = reason(outcome)
    assert decides(lab, bug.name, story), story
    if why is not None and lab not in OF_ANSWERS and bug.name not in HASHED:
        said = [why.headline, f"{why.sentence} {why.perhaps}", why.reference]
        shown = "\n".join(textwrap.fill(text.strip(), 80) for text in said if text)
        snapshots.check(f"rules/{lab} {bug.name}", f"{shown}\n")
    if outcome.kind in machine_rules.JUDGED:
        assert "So the test failed" not in story  # what it found is what the rule is about
    if why is not None:
        assert unjustly(lab, bug.killed_by[0], outcome) is None
    if why is None or not why.stands_alone:
        return
    assert why.source
    assert 0 <= (why.cause or 0) <= why.place < len(outcome.trace)
    rows = story.split("\n\n")[1].splitlines()
    marked = [at for at, row in enumerate(rows) if row.startswith(">")]
    assert len(marked) == 1, story
    assert all(row.startswith(" " * 20) for row in rows[marked[0] + 1 :]), story  # it is the last


def test_the_tables_list_the_bugs_there_are() -> None:
    for lab, table in TABLES.items():
        assert table.keys() == {bug.name for bug in LABS[lab].catalogue().bugs}


def test_no_sentence_is_left_over() -> None:
    names = {f"{lab} {name}" for lab, table in TABLES.items() for name in table}
    assert snapshots.unused("rules", names) == set()
