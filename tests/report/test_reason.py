"""Which answer breaks which rule: a bug for each sentence, and right variants that break none."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import planted
from tester.report.reason import reason
from tester.world.run import Outcome, Scenario, run
from tests import snapshots

TESTS = {lab: suite.tests_of(LABS[lab].suite) for lab in ("kvsrv", "dedup")}
UNNAMED = {
    "remembers_every_put",
    "remembers_every_answer",
    "remembers_what_it_replaced",
    "remembers_whole_requests",
    "remembers_its_readers",
    "remembers_every_number",
    "creates_what_is_read",
    "forgets_what_it_waited_for",
}
"""They only take memory, so no answer of theirs is wrong; or the reply came, and whether the clerk
still waited for it is seen by nobody."""
BUGS = {
    f"{lab} {bug.name}": (bug, TESTS[lab][bug.killed_by[0]])
    for lab in TESTS
    for bug in LABS[lab].catalogue().bugs
    if bug.name not in UNNAMED
}
VARIANTS = {
    f"{lab} {variant.name}": (variant, lab)
    for lab in TESTS
    for variant in LABS[lab].catalogue().variants
}
DISTURBED = {
    "kvsrv": ("test_unreliable_net", "test_copies"),
    "dedup": ("test_unreliable_one_key", "test_copies_in_flight"),
}
"""The tests in which most kinds of sentences would come, if they were wrong."""


def kept(scenario: Scenario, seed: int) -> Outcome:
    return run(scenario, Choices(Seeded(seed)), keep_trace=True)


@pytest.mark.parametrize("name", BUGS)
def test_the_wrong_answer_is_named(name: str, tmp_path: Path) -> None:
    bug, scenario = BUGS[name]
    with planted(bug, tmp_path):
        outcomes = (kept(scenario, seed) for seed in range(bug.seeds))
        failing = next(outcome for outcome in outcomes if outcome.verdict == "fail")
    found = reason(failing)
    assert found is not None, failing.error
    snapshots.check(
        f"reason/{name}", textwrap.fill(f"{found.sentence} {found.perhaps}".strip(), 80) + "\n"
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_is_said_of_right_answers(name: str, tmp_path: Path) -> None:
    variant, lab = VARIANTS[name]
    with planted(variant, tmp_path):
        for test in DISTURBED[lab]:
            outcome = kept(TESTS[lab][test], 0)
            assert outcome.error is None
            assert reason(replace(outcome, error=AssertionError("to be told"))) is None


def test_writes_that_no_history_has_are_no_reason() -> None:
    outcome = kept(TESTS["dedup"]["test_forgotten_client"], 0)
    assert outcome.error is None
    assert reason(replace(outcome, error=AssertionError("to be told"))) is None


def test_no_sentence_is_left_over() -> None:
    assert snapshots.unused("reason", set(BUGS)) == set()


def test_a_pass_breaks_no_rule() -> None:
    assert reason(kept(TESTS["kvsrv"]["test_reliable_put"], 0)) is None
