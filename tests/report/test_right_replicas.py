"""No rule is said to be broken in a run of a right group of replicas, whatever its style is."""

from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Patch, Rewrite, planted
from tester.report.reason import reason
from tester.world.run import run

TESTS = {
    "raft": "test_rejoin_3b",
    "rsm": "test_snapshot_4c",
    "kvraft": "test_unreliable_4b",
    "kvraft-dedup": "test_unreliable_one_key_4a",
}
"""A test of each lab in which leaders change, or messages are lost, or snapshots taken."""
SCENARIOS = {lab: suite.tests_of(LABS[lab].suite)[test] for lab, test in TESTS.items()}
VARIANTS = [
    pytest.param(lab, variant, id=f"{lab}-{variant.name}")
    for lab in TESTS
    for variant in LABS[lab].catalogue().variants
]


@pytest.mark.parametrize(("lab", "variant"), VARIANTS)
def test_nothing_is_said_of_a_right_variant(
    lab: str, variant: Patch | Rewrite, tmp_path: Path
) -> None:
    with planted(variant, tmp_path):
        outcome = run(SCENARIOS[lab], Choices(Seeded(0)), keep_trace=True)
        found = reason(replace(outcome, error=AssertionError("to be told")))
    assert outcome.verdict == "pass"
    assert found is None
