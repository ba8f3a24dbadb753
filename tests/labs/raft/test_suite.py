"""The Raft suite has the tests of the course, and the reference passes each of them."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from tester.engine.choices import Choices, Replayed, Seeded
from tester.labs import suite
from tester.labs.raft import agreement, election, persistence, snapshots
from tester.world.run import run

SUITE = suite.tests_of("tester.labs.raft.suite")
COURSE = """
    initial_election_3a re_election_3a many_elections_3a
    basic_agree_3b rpc_bytes_3b follower_failure_3b leader_failure_3b fail_agree_3b
    fail_no_agree_3b concurrent_starts_3b rejoin_3b backup_3b count_3b
    persist1_3c persist2_3c persist3_3c figure8_3c unreliable_agree_3c figure8_unreliable_3c
    reliable_churn_3c unreliable_churn_3c
    snapshot_basic_3d snapshot_install_3d snapshot_install_unreliable_3d snapshot_install_crash_3d
    snapshot_install_un_crash_3d snapshot_all_crash_3d snapshot_init_3d
"""


def test_the_suite_has_the_tests_of_the_course_in_its_order() -> None:
    assert list(SUITE)[:28] == [f"test_{name}" for name in COURSE.split()]


@pytest.mark.parametrize(
    ("part", "letter"),
    [(election, "a"), (agreement, "b"), (persistence, "c"), (snapshots, "d")],
)
def test_each_part_has_its_tests(part: ModuleType, letter: str) -> None:
    names = [name for name in vars(part) if name.startswith("test_")]
    assert names
    assert all(name.endswith(f"_3{letter}") for name in names)


@pytest.mark.parametrize("name", SUITE)
def test_the_reference_passes(name: str) -> None:
    outcome = run(SUITE[name], Choices(Seeded(1)))
    if outcome.error is not None:
        raise outcome.error


# Without luck nobody else is ever elected in the churn tests: they end with 4 000 entries, and all
# are saved anew with each.
@pytest.mark.parametrize("name", [name for name in SUITE if "churn" not in name])
def test_the_reference_passes_without_luck(name: str) -> None:
    """Nothing is lost or delayed then, the test chooses 0 everywhere, and so do the peers."""
    outcome = run(SUITE[name], Choices(Replayed({})))
    if outcome.error is not None:
        raise outcome.error


@pytest.mark.parametrize(
    "name", ["test_re_election_3a", "test_persist3_3c", "test_snapshot_init_3d"]
)
def test_peers_in_child_processes_run_the_same(name: str) -> None:
    scenario = SUITE[name]
    here = run(scenario, Choices(Seeded(7)))
    there = run(replace(scenario, isolated=True), Choices(Seeded(7)))
    assert (there.verdict, there.digest) == ("pass", here.digest)
    assert there.choices.record() == here.choices.record()
