"""What a stuck Raft group has, and does not commit, send on or apply: a bug for each sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Edits, Patch, Rewrite, planted
from tester.report.audit import behind
from tester.report.reason import reason
from tester.world.failure import Stuck
from tester.world.run import Outcome, run

SCENARIO = suite.tests_of(LABS["raft"].suite)["test_fail_agree_3b"]
COMMIT = "        self.commit = max(self.commit, min(args.leader_commit, args.last_new_index))\n"
PREV = "        prev = progress.next - 1\n"
BUGS: dict[str, tuple[Edits, str, str]] = {
    "commits what all have": (
        (("matches[-self.majority]", "matches[0]"),),
        "s2 does not commit entry 2, which a majority has",
        behind.COMMITS,
    ),
    "commits with new entries only": (
        ((COMMIT, f"        if args.entries:\n    {COMMIT}"),),
        "s0 does not commit entry 1, which s2 has committed",
        behind.FOLLOWS,
    ),
    "applies one entry": (
        (("while self.applied < self.commit:", "while self.applied < min(1, self.commit):"),),
        "s2 does not apply entry 2, which it has committed",
        behind.APPLIES,
    ),
    "sends one entry": (
        ((PREV, f"{PREV}        entries = [] if prev else entries\n"),),
        "s2 does not send s1 entry 2",
        behind.SENDS,
    ),
}


def kept() -> Outcome:
    return run(SCENARIO, Choices(Seeded(0)), keep_trace=True)


@pytest.mark.parametrize("name", BUGS)
def test_what_should_have_come_of_it_is_named(name: str, tmp_path: Path) -> None:
    edits, headline, rule = BUGS[name]
    with planted(Patch("a_bug", "A bug of this test.", "raft/core.py", edits), tmp_path):
        outcome = kept()
    assert isinstance(outcome.error, Stuck)
    found = reason(outcome)
    assert found is not None
    assert (found.headline, found.rule) == (headline, rule)
    assert reason(replace(kept(), error=outcome.error)) is None


def test_a_leader_that_shows_no_log_is_known_by_what_it_sent(tmp_path: Path) -> None:
    edits, headline, _ = BUGS["commits what all have"]
    files = {
        file: Patch("a_bug", "A bug of this test.", file, edit).source()
        for file, edit in (
            ("raft/core.py", edits),
            ("raft/raft.py", (("def describe(", "def undescribed("),)),
        )
    }
    with planted(Rewrite("silent", "A bug of this test.", tuple(files.items())), tmp_path):
        outcome = kept()
    found = reason(outcome)
    assert found is not None
    assert found.headline == headline
    assert "s2 had applied up to 1." in found.sentence
