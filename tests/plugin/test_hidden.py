"""Projects that have modules named as packages of ours, beside their tests."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labtester import hidden
from tests.tree import PACKAGES, ROOT

TEST = """
from tester import Simulation, simulate

@simulate(seeds=1)
async def test_a(sim: Simulation) -> None:
    sim.serve()
    await sim.lock(sim.clerk(), "l").acquire()
"""
PLUGIN = ("-p", "no:labtester", "-p", "labtester.entry")


def pytest_in(
    folder: Path, *args: str, isolated: bool = False
) -> subprocess.CompletedProcess[str]:
    """`python -m pytest`, which also searches the current folder; or, isolated, `pytest`."""
    python = [sys.executable, *(["-P"] if isolated else []), "-m", "pytest"]
    return subprocess.run(
        [*python, "-q", *PLUGIN, *args],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "500"},
    )


def test_our_packages_are_named() -> None:
    assert {*hidden.PACKAGES, "labtester"} == {*PACKAGES}


@pytest.mark.parametrize("package", ["kvsrv", "labrpc", "linearizability", "lock"])
def test_a_module_beside_the_tests_is_named(package: str, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(TEST)
    theirs = tmp_path / "tests" / f"{package}.py"
    theirs.write_text("x = 1\n")
    done = pytest_in(tmp_path)
    assert done.returncode != 0
    said = "".join(done.stdout.split())  # a story breaks its lines, and long paths
    ours = ROOT / package / "__init__.py"
    assert f"tests/{theirs.name}hides{ours},apackageoflabtesterthatisimportedhere" in said
    assert "isnotapackage" not in said


def test_a_tester_of_the_projects_own_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(TEST)
    (tmp_path / "tester.py").write_text("x = 1\n")
    done = pytest_in(tmp_path)
    assert done.returncode == 2
    sentence = f"test_a.py: {tmp_path / 'tester.py'} hides {ROOT / 'tester' / '__init__.py'}"
    assert sentence in done.stdout


def test_a_project_that_has_nothing_to_do_with_us_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tester.py").write_text("def check(): return 1\n")
    (tmp_path / "test_b.py").write_text("import tester\ndef test_b(): assert tester.check()\n")
    assert pytest_in(tmp_path).returncode == 0
    (tmp_path / "test_c.py").write_text("from tester import nothing_of_ours\n")
    said = pytest_in(tmp_path, "test_c.py").stdout
    assert "cannot import name 'nothing_of_ours' from 'tester'" in said
    assert "hides" not in said


@pytest.mark.parametrize("file", ["test_a.py", "conftest.py"])
@pytest.mark.parametrize("module", ["tester.py", "tester/__init__.py"])
def test_a_module_that_ours_hides_is_named(file: str, module: str, tmp_path: Path) -> None:
    """Of `pytest` the current folder is searched after ours, which it has loaded by then."""
    theirs = tmp_path / module
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("def mine(): return 1\n")
    (tmp_path / file).write_text("from tester import mine\ndef test_a(): assert mine()\n")
    done = pytest_in(tmp_path, isolated=True)
    assert done.returncode != 0
    sentence = f"{file}: {theirs} is hidden by {ROOT / 'tester' / '__init__.py'}, a package of"
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_only_what_ours_has_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lock.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "lock"]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    assert hidden.hiding("lock") == str(tmp_path / "lock.py")
    assert hidden.hiding("raft") == ""
    for name, text in [("lock", "cannot import name 'Lock' from 'lock'"), ("lock.lock", "")]:
        assert "hides" in hidden.sentence(ImportError(text, name=name))
    for name, text in [
        ("lock", "cannot import name 'Nothing' from 'lock'"),
        ("lock.nothing", ""),
        ("raft.nothing", ""),
        ("json", ""),
    ]:
        assert hidden.sentence(ImportError(text, name=name)) == ""
    assert hidden.sentence(ValueError("lock")) == ""
