"""No right solution fails a small test of its lab, whichever one message is lost or copied."""

from pathlib import Path

import pytest

from tester.labs import LABS, suite
from tester.labs.dedup import suite as dedup
from tester.labs.kvsrv import suite as kvsrv
from tester.labs.patch import Patch, Rewrite, planted
from tester.search.exhaust import exhaust
from tester.world.run import Scenario

TESTS = {
    "kvsrv": ("test_unreliable_net", "test_copies"),
    "lock": ("test_two_clients_once_unreliable",),
    "dedup": ("test_unreliable_one_key", "test_unreliable_one_key_put", "test_copies_in_flight"),
}
SUITES = {lab: suite.tests_of(LABS[lab].suite) for lab in TESTS}
REFERENCE = [
    pytest.param(SUITES[lab][test], id=f"{lab}-{test}") for lab in TESTS for test in TESTS[lab]
]
VARIANTS = [
    pytest.param(variant, SUITES[lab][test], id=f"{lab}-{variant.name}-{test}")
    for lab in TESTS
    for variant in LABS[lab].catalogue().variants
    for test in TESTS[lab]
]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvsrv, "TIMES", 5)
    monkeypatch.setattr(kvsrv, "ROUNDS", 6)
    monkeypatch.setattr(dedup, "APPENDS", 2)
    monkeypatch.setattr(dedup, "ROUNDS", 10)


def check(scenario: Scenario) -> None:
    """With a lost reply to a put that is certainly refused among the faults."""
    proof = exhaust(scenario, 1)
    assert proof.failing is None, proof.sentence
    assert proof.placements > 10


@pytest.mark.parametrize("scenario", REFERENCE)
def test_one_fault_does_not_fail_the_reference(scenario: Scenario) -> None:
    check(scenario)


@pytest.mark.parametrize(("variant", "scenario"), VARIANTS)
def test_one_fault_does_not_fail_a_right_variant(
    variant: Patch | Rewrite, scenario: Scenario, tmp_path: Path
) -> None:
    with planted(variant, tmp_path):
        check(scenario)
