"""What our own Raft tests demand is no more than the lab does."""

from __future__ import annotations

import re
from pathlib import Path

from tester.engine.choices import Choices, Seeded
from tester.labs import suite
from tester.labs.patch import Patch, planted
from tester.report.story import render_story
from tester.world.run import run

SUITE = suite.tests_of("tester.labs.raft.suite")
POWER = SUITE["test_entries_outlive_power_failures"]
REJOIN = SUITE["test_rejoin_3b"]
REFUSES_IF_EITHER_IS_LESS = Patch(
    "refuses_if_either_is_less",
    "A vote is refused if the candidate's last term is less or its last index.",
    "raft/log.py",
    (
        (
            "(last_term, last_index) >= (self.last_term, self.last_index)",
            "last_term >= self.last_term and last_index >= self.last_index",
        ),
    ),
)
NEVER_SYNCS = Patch(
    "never_syncs",
    "It takes what was saved for safe.",
    "raft/raft.py",
    (("await self._persister.sync()", "pass"),),
)


def test_a_raft_that_never_syncs_is_not_judged_by_power_failures(tmp_path: Path) -> None:
    with planted(NEVER_SYNCS, tmp_path):
        outcomes = [run(POWER, Choices(Seeded(seed)), keep_trace=True) for seed in range(10)]
    assert all(outcome.error is None for outcome in outcomes)
    assert all("nobody has synced" in str(outcome.trace) for outcome in outcomes)


def test_a_raft_that_syncs_is(tmp_path: Path) -> None:
    assert "nobody has synced" not in str(run(POWER, Choices(Seeded(0)), keep_trace=True).trace)


def test_the_story_of_an_election_that_nobody_wins_names_the_vote_that_was_due(
    tmp_path: Path,
) -> None:
    with planted(REFUSES_IF_EITHER_IS_LESS, tmp_path):
        outcome = run(REJOIN, Choices(Seeded(0)), keep_trace=True)
    assert outcome.kind == "Livelock"
    told = " ".join(render_story(0, outcome, "labtester replay").split())
    found = re.search(r"(s\d) refused (s\d) its vote in term (\d) \(#(\d+)\)", told)
    assert found is not None
    voter, candidate, term, rpc = found.groups()
    assert f"seed 0: {voter} refused its vote to {candidate}" in told
    assert re.search(rf"> +[0-9.]+ {voter} #{rpc} term={term}, granted=False", told)
    assert "Later, at" in told
    assert len(re.findall(r"s\d can be elected", told)) == 1
