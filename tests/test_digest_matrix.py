"""The comparison that CI trusts notices what it should."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tester.labs import LABS, suite
from tests import digest_matrix
from tests.digest_matrix import Outcome, differences, find, reason_to_skip


@pytest.mark.parametrize("identity", ["CPython 3.11.0", "CPython 3.13.0rc2", "CPython 4.0.0"])
def test_a_recent_cpython_fits(identity: str) -> None:
    assert reason_to_skip(identity) is None


@pytest.mark.parametrize("identity", ["CPython 3.10.13", "CPython 2.7.18", "PyPy 3.11.13"])
def test_pypy_and_older_versions_do_not_fit(identity: str) -> None:
    assert reason_to_skip(identity)


def test_each_skipped_interpreter_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bins = tmp_path / "bin", tmp_path / "pyenv" / "versions" / "3.9.1" / "bin"
    for folder in bins:
        folder.mkdir(parents=True)
    for path, script in {
        bins[0] / "python3.98": "echo CPython 3.98.0",
        bins[0] / "python3.99": "exit 127",
        bins[0] / "python3.98-config": "echo CPython 3.97.0",
        bins[1] / "python": "echo CPython 3.9.1",
    }.items():
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(bins[0]))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    found = list(find())
    assert len(found) == 2
    assert found[1] == "CPython 3.98.0"
    skipped = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in skipped] == [
        "does not start",
        "CPython 3.9.1 is older than 3.11",
    ]


def test_a_difference_names_the_interpreters_and_the_tests() -> None:
    outcomes = [
        Outcome("CPython 3.11.7, one worker", "a", {"t1": "1", "t2": "2"}),
        Outcome("CPython 3.12.1, one worker", "a", {"t1": "1", "t2": "2"}),
        Outcome("CPython 3.13.0, one worker", "b", {"t1": "1", "t2": "3"}),
    ]
    assert differences(outcomes[:2]) == []
    assert differences(outcomes) == [
        "CPython 3.13.0, one worker: b, but CPython 3.11.7, one worker: a; these tests differ: t2"
    ]


def test_a_few_are_one_of_each_minor_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = {"a": "CPython 3.11.7", "b": "CPython 3.11.2", "c": "CPython 3.12.1"}
    monkeypatch.setattr(digest_matrix, "candidates", lambda: map(Path, "abac"))
    monkeypatch.setattr(digest_matrix, "run", lambda command: versions[str(command[0])])
    assert list(digest_matrix.find()) == ["CPython 3.11.7", "CPython 3.11.2", "CPython 3.12.1"]
    assert list(digest_matrix.find(few=True)) == ["CPython 3.11.7", "CPython 3.12.1"]
    assert capsys.readouterr().out.startswith("skipped b: CPython 3.11.2 is of a minor version")


def test_one_of_two_interpreters_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def install(identity: str, python: Path) -> Path:
        if identity == "CPython 3.12.1":
            raise digest_matrix.CannotCompare("has no wheels")
        return python

    def run_lab(
        where: str, bin_dir: Path, lab: str, way: str, tests: Sequence[str] = ()
    ) -> Outcome:
        return Outcome(where, "a", {})

    both = {"CPython 3.11.7": Path("a"), "CPython 3.12.1": Path("b")}
    monkeypatch.setattr(digest_matrix, "install", install)
    monkeypatch.setattr(digest_matrix, "run_lab", run_lab)
    monkeypatch.setattr(digest_matrix, "draw_page", run_lab)
    monkeypatch.setattr(digest_matrix, "find", lambda *, few: both)
    assert digest_matrix.main() == 1
    del both["CPython 3.12.1"]
    assert digest_matrix.main() == 0


def test_the_few_tests_are_tests() -> None:
    for lab, names in digest_matrix.FEW.items():
        known = suite.tests_of(LABS[lab].suite).keys()
        assert set(names) <= known


def test_a_page_of_other_bytes_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw_page(where: str, bin_dir: Path, page: str, hash_seed: str) -> Outcome:
        return Outcome(f"{where}, hash seed {hash_seed}", hash_seed, {page: hash_seed})

    monkeypatch.setattr(digest_matrix, "draw_page", draw_page)
    assert digest_matrix.compare_pages({"CPython 3.11.7": Path("a")}) == 1
    assert "page of raft differs: CPython 3.11.7, hash seed 1: 1" in capsys.readouterr().out


def test_each_planted_bug_is_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the lock's bugs stand for all; one interpreter disagrees about one of them."""
    monkeypatch.setattr(digest_matrix, "SEEDS", {"lock": 20})
    run_bugs, bin_dir = digest_matrix.run_bugs, Path(sys.executable).parent

    def disagreeing(where: str, folder: Path, lab: str) -> Outcome:
        found = run_bugs(where, folder, lab)
        if where == "CPython 3.11.7":
            return found
        first = next(iter(found.tests))
        return Outcome(where, "another", found.tests | {first: "pass, and another digest"})

    assert digest_matrix.compare_bugs({"CPython 3.11.7": bin_dir}) == 0
    bugs = {bug.name for bug in LABS["lock"].catalogue().bugs}
    assert f"{len(bugs)} bugs of lock, CPython 3.11.7: " in capsys.readouterr().out
    monkeypatch.setattr(digest_matrix, "run_bugs", disagreeing)
    both = {"CPython 3.11.7": bin_dir, "CPython 3.12.1": bin_dir}
    assert digest_matrix.compare_bugs(both) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        "the bugs of lock differ: CPython 3.12.1: another, but CPython 3.11.7: "
    )
    assert last.rpartition("these tests differ: ")[2].split()[0] in bugs
