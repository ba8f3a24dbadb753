"""Paths in texts: from the submission on, from the reader on, or from our packages on."""

from pathlib import Path

import pytest

from tester.report.paths import relative, short
from tester.world import submission
from tests.tree import ROOT


def test_a_file_is_named_as_seen_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert relative(str(ROOT / "tests" / "tree.py")) == "tests/tree.py"
    monkeypatch.chdir(ROOT / "tests")
    assert relative(str(ROOT / "tests" / "tree.py")) == "tree.py"
    assert relative("/elsewhere/server.py") == "/elsewhere/server.py"


def test_a_file_of_ours_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests")
    assert relative(str(ROOT / "kvsrv" / "rpc.py")) == "kvsrv/rpc.py"
    assert short(str(ROOT / "tests" / "tree.py")) == "tests/tree.py"


def test_a_file_of_a_submission_is_named_from_there_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kvsrv" / "server.py"
    assert short(str(file)) == relative(str(file)) == str(file)
    with submission.overlaid(tmp_path):
        assert short(str(file)) == relative(str(file)) == "kvsrv/server.py"
        monkeypatch.chdir(tmp_path.parent)
        assert relative(str(file)) == f"{tmp_path.name}/kvsrv/server.py"
        assert short(str(file)) == "kvsrv/server.py"
