"""No rule is said to be broken in a run of a right group of replicas, whatever its style is."""

from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.engine.errors import Livelock
from tester.labs import LABS, suite
from tester.labs.patch import Patch, Rewrite, planted
from tester.report.reason import reason
from tester.world.run import run
from tests.tree import ROOT

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


def raft_with_other_names(**names: str) -> Rewrite:
    """The reference, whose handlers are called otherwise."""
    source = (ROOT / "raft" / "raft.py").read_text()
    for old, new in names.items():
        source = source.replace(f"def {old}(", f"def {new}(").replace(f"Raft.{old}", f"Raft.{new}")
    return Rewrite(
        "other_names", "Its messages have names of their own.", (("raft/raft.py", source),)
    )


@pytest.mark.parametrize(
    "names",
    [
        {"request_vote": "ballot", "append_entries": "sync", "install_snapshot": "state"},
        {"append_entries": "sync"},
        {"request_vote": "ballot"},
    ],
    ids=lambda names: "-".join(names),
)
def test_nothing_is_concluded_from_silence_if_messages_have_unknown_names(
    names: dict[str, str], tmp_path: Path
) -> None:
    with planted(raft_with_other_names(**names), tmp_path):
        outcome = run(SCENARIOS["raft"], Choices(Seeded(0)), keep_trace=True)
        stuck = Livelock("nothing gets on", ())
        found = [reason(replace(outcome, error=error)) for error in (AssertionError(), stuck)]
    assert outcome.verdict == "pass"
    assert found == [None, None]
