"""The suites have the tests of the course, and the reference passes each of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tester.engine.choices import Choices, Replayed, Seeded
from tester.labs import suite
from tester.world.run import Scenario, run

SUITES = {
    "rsm": suite.tests_of("tester.labs.rsm.suite"),
    "versioned": suite.tests_of("tester.labs.kvraft.suite"),
    "append": suite.tests_of("tester.labs.kvraft_dedup.suite"),
}
RSM = """
    basic_4a concurrent_4a leader_failure_4a leader_partition_4a restart_replay_4a shutdown_4a
    restart_submit_4a snapshot_4c
"""
KVRAFT = """
    basic_4b speed_4b concurrent_4b unreliable_4b one_partition_4b many_partitions_one_client_4b
    many_partitions_many_clients_4b persist_one_client_4b persist_concurrent_4b
    persist_concurrent_unreliable_4b persist_partition_4b persist_partition_unreliable_4b
    persist_partition_unreliable_linearizable_4b
    snapshot_rpc_4c snapshot_size_4c speed_4c snapshot_recover_4c snapshot_recover_many_clients_4c
    snapshot_unreliable_4c snapshot_unreliable_recover_4c
    snapshot_unreliable_recover_concurrent_partition_4c
    snapshot_unreliable_recover_concurrent_partition_linearizable_4c
"""
APPEND = KVRAFT.replace("_4b", "_4a").replace("_4c", "_4b")
APPEND = APPEND.replace("unreliable_4a one", "unreliable_4a unreliable_one_key_4a one", 1)
ALL = [
    pytest.param(scenario, id=f"{lab}-{name}")
    for lab, tests in SUITES.items()
    for name, scenario in tests.items()
]


@pytest.mark.parametrize(
    ("lab", "course"), [("rsm", RSM), ("versioned", KVRAFT), ("append", APPEND)]
)
def test_a_suite_has_the_tests_of_the_course_in_its_order(lab: str, course: str) -> None:
    names = [f"test_{name}" for name in course.split()]
    assert list(SUITES[lab])[: len(names)] == names


@pytest.mark.parametrize("scenario", ALL)
def test_the_reference_passes(scenario: Scenario) -> None:
    outcome = run(scenario, Choices(Seeded(1)))
    if outcome.error is not None:
        raise outcome.error


@pytest.mark.parametrize("scenario", ALL)
def test_the_reference_passes_without_luck(scenario: Scenario) -> None:
    """Nothing is lost or delayed then, the test chooses 0 everywhere, and so do the servers."""
    outcome = run(scenario, Choices(Replayed({})))
    if outcome.error is not None:
        raise outcome.error


@pytest.mark.parametrize(
    ("lab", "name"),
    [
        ("rsm", "test_restart_submit_4a"),
        ("rsm", "test_snapshot_4c"),
        ("versioned", "test_one_partition_4b"),
        ("versioned", "test_snapshot_unreliable_recover_4c"),
        ("append", "test_persist_concurrent_unreliable_4a"),
    ],
)
def test_servers_in_child_processes_run_the_same(lab: str, name: str) -> None:
    scenario = SUITES[lab][name]
    here = run(scenario, Choices(Seeded(7)))
    there = run(replace(scenario, isolated=True), Choices(Seeded(7)))
    assert (there.verdict, there.digest) == ("pass", here.digest)
    assert there.choices.record() == here.choices.record()
