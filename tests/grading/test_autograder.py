"""The Gradescope zip, run in a folder that is laid out as Gradescope's, and the workflow."""

import json
import os
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import msgspec
import pytest

from tester.grading.autograder import gradescope_zip, public_rubric
from tester.grading.rubric_file import load
from tester.grading.seeds import read_secret
from tests.grading import schemas
from tests.grading.packing import folder, solution, wrong
from tests.running import Runner, labtester
from tests.tree import ROOT

__all__ = ["labtester"]

SMALL = """\
lab = "kvsrv"
[seeds]
public = 1
hidden = 2
secret = "../secret.txt"
[[tests]]
name = "test_reliable_put"
[[tests]]
name = "test_unreliable_net"
"""
METADATA = {
    "id": 1,
    "created_at": "2026-11-30T09:00:00.000000-08:00",
    "assignment": {"id": 1, "title": "Lab", "due_date": "2026-12-30T09:00:00.000000-08:00"},
    "users": [{"id": 17, "email": "a@x", "name": "A"}],
    "submission_method": "upload",
    "previous_submissions": [],
}


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("5" * 64)
    file = tmp_path / "course" / "rubric.toml"
    file.parent.mkdir()
    file.write_text(SMALL)
    return file


@pytest.fixture
def autograder(labtester: Runner, rubric: Path, tmp_path: Path) -> Path:
    """What `/autograder` is on Gradescope, with the zip unpacked and no submission yet."""
    done = labtester("new", "kvsrv", "auto", "--autograder", "--rubric", str(rubric))
    assert done.status == 0, done.err
    root = tmp_path / "autograder"
    for name in ("source", "results", "submission", "venv/bin"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "auto" / "autograder.zip") as archive:
        archive.extractall(root / "source")
    python = root / "venv" / "bin" / "python"
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{root}/source/packages" exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    (root / "submission_metadata.json").write_text(json.dumps(METADATA))
    return root


def run(root: Path) -> schemas.Gradescope:
    """Run it, and read the result."""
    done = subprocess.run(
        ["bash", str(root / "source" / "run_autograder")],
        env={**os.environ, "AUTOGRADER": str(root)},
        check=True,
        capture_output=True,
        text=True,
    )
    result = root / "results" / "results.json"
    found = msgspec.json.decode(result.read_bytes(), type=schemas.Gradescope)
    assert found.tests, done.stdout + done.stderr
    return found


def test_a_submission_is_graded(autograder: Path) -> None:
    folder(autograder / "submission", solution())
    found = run(autograder)
    assert (found.score, found.extra_data["status"]) == (20, "graded"), found.output
    assert [test.visibility for test in found.tests] == ["visible", "after_due_date"] * 2
    folder(autograder / "submission", wrong())
    assert run(autograder).score == 10


def test_what_cannot_be_graded_has_a_valid_result(autograder: Path) -> None:
    found = run(autograder)  # nothing was handed in
    assert (found.score, found.extra_data["status"]) == (0, "malformed")
    (autograder / "submission_metadata.json").write_text("{")
    found = run(autograder)
    assert (found.score, found.extra_data["status"]) == (0, "not graded")
    assert {test.status for test in found.tests} == {"failed"}


def test_the_zip_is_what_gradescope_asks_for(
    labtester: Runner, rubric: Path, tmp_path: Path
) -> None:
    data = gradescope_zip(load(rubric), rubric)
    assert data == gradescope_zip(load(rubric), rubric)
    (tmp_path / "a.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
        assert stat.S_IMODE(modes["setup.sh"]) & stat.S_IMODE(modes["run_autograder"]) & 0o111
        assert "packages/tester/grading/starters/kvsrv/goal.md" in modes
        assert not [name for name in modes if name.endswith(".pyc")]
        built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
        for package in built["targets"]["wheel"]["packages"]:
            assert f"packages/{package}/__init__.py" in modes
        archive.extractall(tmp_path / "out")
    for script in ("setup.sh", "run_autograder"):
        subprocess.run(["bash", "-n", tmp_path / "out" / script], check=True)
    assert "'click>=8.1'" in (tmp_path / "out/setup.sh").read_text()
    inside = load(tmp_path / "out" / "rubric.toml")
    assert inside.commitment == load(rubric).commitment
    assert read_secret(tmp_path / "out" / "secret.txt") == b"5" * 64


def test_the_workflow_has_no_secret_and_all_points(
    labtester: Runner, rubric: Path, tmp_path: Path
) -> None:
    assert labtester("new", "kvsrv", "a", "--autograder", "--rubric", str(rubric)).status == 0
    workflow = (tmp_path / "a/.github/workflows/classroom.yml").read_text()
    assert "runners: labtester" in workflow
    assert "@VERSION@" not in workflow
    public = tmp_path / "a/.github/classroom/rubric.toml"
    assert tomllib.loads(public.read_text())["lab"] == "kvsrv"
    plan = load(public)
    assert (plan.max_points, plan.secret) == (load(rubric).max_points, b"")
    assert all(not part.hidden for part in plan.parts)
    assert public_rubric(plan) == public.read_text()


def test_an_instructors_rubric_is_ready_to_use(labtester: Runner, tmp_path: Path) -> None:
    for lab in ("kvsrv", "kvraft"):
        assert labtester("new", lab, lab, "--instructor").status == 0
        plan = load(tmp_path / lab / "rubric.toml")
        assert plan.lab.name == lab
        assert plan.commitment
        assert stat.S_IMODE((tmp_path / lab / "secret.txt").stat().st_mode) == 0o600
