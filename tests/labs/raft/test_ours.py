"""What our own Raft tests demand is no more than the lab does."""

from __future__ import annotations

from pathlib import Path

from tester.engine.choices import Choices, Seeded
from tester.labs import suite
from tester.labs.bugs.patch import Patch, planted
from tester.world.run import run

POWER = suite.tests_of("tester.labs.raft")["test_entries_outlive_power_failures"]
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
