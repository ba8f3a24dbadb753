"""Every planted bug is found by each test that should, within few seeds; no variant ever fails.

Workloads are a tenth as large here; `labtester mutants` runs them whole.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, crowd, suite
from tester.labs.dedup import suite as dedup
from tester.labs.patch import Patch, Rewrite, planted
from tester.world import submission
from tester.world.failure import HandlerCrashed
from tester.world.run import Outcome, Scenario, run
from tests.tree import ROOT

CATALOGUES = {name: lab.catalogue() for name, lab in LABS.items() if lab.bugs}
SUITES = {lab: suite.tests_of(LABS[lab].suite) for lab in CATALOGUES}
LIGHT = """
    initial_election_3a re_election_3a rpc_bytes_3b concurrent_starts_3b rejoin_3b count_3b
    persist1_3c snapshot_basic_3d snapshot_init_3d figure8_scripted old_leader_is_not_heeded
    only_one_can_win entries_outlive_power_failures duplicates_and_late_requests
    snapshots_twice_and_late backup_is_fast late_answers counts_begin_anew
    votes_outlive_power_failures power_fails_at_any_save
    entries_from_before_a_snapshot entries_of_an_older_term votes_asked_for_long_ago
    snapshots_from_long_ago snapshots_answered_late requests_from_long_ago
    snapshots_at_own_paces snapshots_handed_over_late
    basic_4b one_partition_4b snapshot_rpc_4c snapshot_recover_4c leader_crashes
    wrong_leader_is_no_proof unreliable_one_key_4a one_partition_4a snapshot_rpc_4b
    next_leader_knows snapshots_at_different_times puts_behind_a_snapshot
"""
"""The tests of Raft, and of stores on it, that also take a variant no time."""
HEAVY = ("raft", "kvraft", "kvraft-dedup")


def _is_light(test: str) -> bool:
    return test.removeprefix("test_") in LIGHT.split()


BUGS = [
    pytest.param(bug, SUITES[lab][test], id=f"{lab}-{bug.name}-{test}")
    for lab, patches in CATALOGUES.items()
    for bug in patches.bugs
    for test in bug.killed_by
]
VARIANTS = [
    pytest.param(variant, scenario, id=f"{lab}-{variant.name}-{test}")
    for lab, patches in CATALOGUES.items()
    for variant in patches.variants
    for test, scenario in SUITES[lab].items()
    if lab not in HEAVY or _is_light(test)
]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "CLIENTS", 1_000)
    monkeypatch.setattr(dedup, "MANY_APPENDS", 100)
    monkeypatch.setattr(dedup, "LARGE", 2**17)
    monkeypatch.setattr(dedup, "SLACK", 2**14)


def outcomes(scenario: Scenario, seeds: int) -> Iterator[Outcome]:
    return (run(scenario, Choices(Seeded(seed))) for seed in range(seeds))


@pytest.mark.parametrize(("bug", "scenario"), BUGS)
def test_a_planted_bug_is_found(bug: Patch | Rewrite, scenario: Scenario, tmp_path: Path) -> None:
    with planted(bug, tmp_path):
        found = next((o for o in outcomes(scenario, bug.seeds) if o.verdict == "fail"), None)
    assert found is not None, f"{bug.about} Nothing in {bug.seeds} seeds says so."
    # The bug misbehaves; it does not raise, as a mistake in its patch would.
    assert not isinstance(found.error, HandlerCrashed), found.error


@pytest.mark.parametrize(("variant", "scenario"), VARIANTS)
def test_a_correct_variant_passes(
    variant: Patch | Rewrite, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedup, "ITERATIONS", 1)
    with planted(variant, tmp_path):
        seeds = 1 if _is_light(scenario.name) else scenario.seeds_of(4)
        found = [o.error for o in outcomes(scenario, seeds) if o.error]
    assert found == [], variant.about


@pytest.mark.parametrize(
    ("lab", "name", "test", "seed"),
    [
        ("rsm", "snapshots_in_background", "test_forgets_requests_that_are_over", 8),
        ("kvraft", "leader_lease", "test_no_majority_for_long", 3),
    ],
)
def test_a_variant_that_failed_once_passes(
    lab: str, name: str, test: str, seed: int, tmp_path: Path
) -> None:
    variant = next(one for one in CATALOGUES[lab].variants if one.name == name)
    with planted(variant, tmp_path):
        outcome = run(SUITES[lab][test], Choices(Seeded(seed)))
    assert outcome.error is None


def test_every_lab_has_a_catalogue_of_a_size() -> None:
    sizes = {"kvsrv": 12, "lock": 8, "dedup": 10, "raft": 40}
    sizes |= {"rsm": 16, "kvraft": 16, "kvraft-dedup": 14, "mapreduce": 12}
    for lab, least in sizes.items():
        assert len(CATALOGUES[lab].bugs) >= least
        assert len(CATALOGUES[lab].variants) >= 5
        names = [patch.name for patch in (*CATALOGUES[lab].bugs, *CATALOGUES[lab].variants)]
        assert len(set(names)) == len(names)
        assert "reference" not in names


def test_each_bug_has_a_test_that_finds_it() -> None:
    for lab, patches in CATALOGUES.items():
        for bug in patches.bugs:
            assert bug.killed_by, bug.name
            assert set(bug.killed_by) <= SUITES[lab].keys(), bug.name
            assert all(bug.seeds <= SUITES[lab][test].seeds_of(200) for test in bug.killed_by)
        assert not any(variant.killed_by for variant in patches.variants)


def test_each_patch_fits_the_reference() -> None:
    for patches in CATALOGUES.values():
        for patch in (*patches.bugs, *patches.variants):
            for file, source in patch.sources():
                compile(source, file, "exec")


def test_a_patch_must_fit_the_reference(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not exactly one"):
        Patch("stale", "Nothing.", "kvsrv/client.py", (("no such line", ""),)).write(tmp_path)
    with pytest.raises(FileNotFoundError, match="package nothing"):
        Patch("lost", "Nothing.", "nothing/client.py", ()).write(tmp_path)


LOADED = """
import json, sys
from pathlib import Path
from tester.engine.choices import Choices, Seeded
from tester.world import submission
submission.load(Path(sys.argv[1]))
from tester.labs.suite import tests_of
from tester.world.run import run
outcome = run(tests_of(sys.argv[2])[sys.argv[3]], Choices(Seeded(0)))
print(json.dumps([outcome.verdict, outcome.kind, outcome.digest]))
"""


@pytest.mark.parametrize(
    ("lab", "name", "test", "kind"),
    [
        ("kvsrv", "resend_says_version", "test_unreliable_net", "NotLinearizable"),
        ("raft", "keeps_what_conflicts", "test_rejoin_3b", "StateMachineSafetyViolated"),
    ],
)
def test_a_patch_behaves_as_the_submission_it_makes(
    lab: str, name: str, test: str, kind: str, tmp_path: Path
) -> None:
    bug = next(bug for bug in CATALOGUES[lab].bugs if bug.name == name)
    with planted(bug, tmp_path):
        here = run(SUITES[lab][test], Choices(Seeded(0)))
    command = [sys.executable, "-c", LOADED, str(tmp_path), LABS[lab].suite, test]
    there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(there.stdout) == [here.verdict, here.kind, here.digest]
    assert here.kind == kind


def test_what_was_planted_is_taken_out_again(tmp_path: Path) -> None:
    bug = next(bug for bug in LABS["raft"].catalogue().bugs if bug.name == "storms")
    before = dict(sys.modules)
    ours = run(SUITES["raft"]["test_count_3b"], Choices(Seeded(0)))
    finders = list(sys.meta_path)
    with planted(bug, tmp_path):
        assert run(SUITES["raft"]["test_count_3b"], Choices(Seeded(0))).verdict == "fail"
        assert submission.current().folder == tmp_path
    assert sys.meta_path == finders
    assert submission.current() is submission.REFERENCE
    assert all(sys.modules[name] is module for name, module in before.items())
    again = run(SUITES["raft"]["test_count_3b"], Choices(Seeded(0)))
    assert (again.verdict, again.digest) == ("pass", ours.digest)
