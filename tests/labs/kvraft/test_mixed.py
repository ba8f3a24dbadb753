"""Whoever hands in a Raft alone, or an RSM alone, is tested with the reference for the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Patch, Rewrite, planted
from tester.world.run import run

RAFTS = LABS["raft"].catalogue().variants
RSMS = LABS["rsm"].catalogue().variants
TESTS = {lab: suite.tests_of(LABS[lab].suite) for lab in ("rsm", "kvraft", "kvraft-dedup")}


def failures(tests: dict[str, tuple[str, ...]]) -> dict[str, object]:
    """What these tests of these labs fail with, on one seed each."""
    found: dict[str, object] = {}
    for lab, names in tests.items():
        for name in names:
            outcome = run(TESTS[lab][name], Choices(Seeded(2)))
            if outcome.error is not None:
                found[name] = outcome.error
    return found


@pytest.mark.parametrize("variant", RAFTS, ids=lambda variant: variant.name)
def test_any_right_raft_fits_under_the_reference(variant: Patch | Rewrite, tmp_path: Path) -> None:
    with planted(variant, tmp_path):
        assert not failures(
            {
                "rsm": ("test_basic_4a", "test_leader_partition_4a", "test_snapshot_4c"),
                "kvraft": ("test_snapshot_rpc_4c", "test_leader_crashes"),
            }
        )


@pytest.mark.parametrize("variant", RSMS, ids=lambda variant: variant.name)
def test_any_right_rsm_fits_under_the_servers(variant: Patch | Rewrite, tmp_path: Path) -> None:
    with planted(variant, tmp_path):
        assert not failures(
            {
                "kvraft": ("test_snapshot_rpc_4c", "test_leader_crashes"),
                "kvraft-dedup": ("test_next_leader_knows",),
            }
        )


def test_one_may_hand_in_a_kvsrv_of_ones_own_beside_it(tmp_path: Path) -> None:
    """The servers of the reference stand on the kvsrv of the reference, whatever is there."""
    for file in ("kvsrv/server.py", "kvsrv/dedup/server.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("class KVServer:\n    pass\n")
    with planted(RSMS[0], tmp_path):
        assert not failures(
            {"kvraft": ("test_snapshot_rpc_4c",), "kvraft-dedup": ("test_next_leader_knows",)}
        )
