"""Records are replayed to the same run, and what the code has made of one since is said."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tester import simulate
from tester.search.again import StaleReplay, check_fresh, code_digest, replay
from tester.search.record import Record, load
from tester.world.run import Scenario
from tests.search import planted
from tests.tree import ROOT

TESTED: Scenario = simulate(network=planted.LOSSY)(planted.one_put).simulation


@pytest.fixture(scope="module")
def record() -> Record:
    """The record of a seed that fails, made small."""
    return planted.recorded(TESTED, lab="mine", test="one_put", submission="theirs")


def test_a_replay_is_the_same_run_with_its_trace(record: Record, tmp_path: Path) -> None:
    outcome = replay(load(record.save(tmp_path)), TESTED)
    assert (outcome.kind, outcome.digest) == (record.kind, record.digest)
    assert outcome.trace


def test_a_replay_that_differs_because_the_code_has_changed_says_so(record: Record) -> None:
    outcome = replay(record, TESTED)
    check_fresh(record, TESTED, outcome)
    with pytest.raises(StaleReplay) as stale:
        check_fresh(replace(record, digest="another", code="another"), TESTED, outcome)
    assert str(stale.value) == (
        "the code has changed since this record was made: it failed with NotLinearizable then, "
        "and now it fails with NotLinearizable"
    )


def test_a_replay_that_passes_now_is_stale(record: Record) -> None:
    mended = replace(TESTED, function=planted.correct)
    outcome = replay(record, mended)
    assert outcome.verdict == "pass"
    with pytest.raises(StaleReplay, match="and now it passes"):
        check_fresh(replace(record, code="another"), mended, outcome)


@pytest.mark.parametrize("change", [{"code": "another"}, {"digest": "another"}])
def test_a_record_is_stale_only_if_both_code_and_result_have_changed(
    record: Record, change: dict[str, str]
) -> None:
    other = replace(record, **change)  # type: ignore[arg-type]
    check_fresh(other, TESTED, replay(other, TESTED))


def test_the_code_digest_is_of_the_sources_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "of_a_student.py"
    source.write_text("async def test(sim): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    tested = Scenario(function=importlib.import_module("of_a_student").test, name="test")
    before = code_digest(tested)
    source.write_text("async def test(sim): return\n")
    assert code_digest(tested) != before
    source.write_text("async def test(sim): pass\n")
    assert code_digest(tested) == before


IMPORT = "import sys, tester.search.corpus; print('tester.world.run' in sys.modules)"


def test_who_only_keeps_records_needs_no_simulation() -> None:
    """The parent of the workers: it would import most of the house for nothing."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
