"""The story of each planted bug names the event that decides, without having been shrunk."""

import re
from functools import partial
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Patch, Rewrite, planted
from tester.report.inside import NOTHING, look
from tester.report.reason import reason
from tester.report.story import render_story
from tester.world.run import Outcome, Scenario, run
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
"""The labs whose bugs are looked at while they run, once more: so their tables name code, too."""
SUITES = {lab: suite.tests_of(LABS[lab].suite) for lab in TABLES}
BUGS = [
    pytest.param(lab, bug, id=f"{lab}-{bug.name}")
    for lab in TABLES
    for bug in LABS[lab].catalogue().bugs
]


def failing(bug: Patch | Rewrite, scenario: Scenario) -> Outcome:
    for seed in range(bug.seeds):
        if run(scenario, Choices(Seeded(seed))).verdict == "fail":
            return run(scenario, Choices(Seeded(seed)), keep_trace=True)
    raise AssertionError(f"{bug.name}: nothing in {bug.seeds} seeds fails")


def decides(lab: str, name: str, story: str) -> bool:
    """Whether a story has the event that its table names as deciding."""
    return re.search(TABLES[lab][name], " ".join(story.split())) is not None


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
