"""Starters: each imports, fails with a story, and passes once the reference is filled in."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tester.grading.collect import required
from tester.grading.rubric_file import load
from tester.labs import LABS
from tests.grading.packing import folder, solution
from tests.running import Runner, labtester
from tests.snapshots import check

__all__ = ["labtester"]


def run_pytest(place: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The student's second command."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *args],
        check=False,
        cwd=place,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        text=True,
    )


@pytest.fixture(params=list(LABS))
def starter(request: pytest.FixtureRequest, labtester: Runner, tmp_path: Path) -> Path:
    """The starter of a lab, in a folder of the lab's name."""
    done = labtester("new", request.param, request.param)
    assert done.status == 0, done.err
    return tmp_path / str(request.param)


def test_a_starter_fails_with_a_story(starter: Path) -> None:
    done = run_pytest(starter, "-x", "--sim-seeds", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "\nseed 0: " in done.stdout
    assert "To run it again" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


FEW = {
    "kvraft": ("-k", "basic or snapshot_rpc or leader_crashes"),
    "kvraft-dedup": ("-k", "basic or snapshot_rpc or next_leader"),
    "raft": ("-k", "basic or election or persist1 or init"),
}
"""Tests of the labs whose suites take long: each part of the lab, and every file that is asked."""


def test_a_starter_passes_with_the_reference_filled_in(starter: Path) -> None:
    folder(starter, solution(LABS[starter.name]))
    done = run_pytest(starter, "--sim-seeds", "1", *FEW.get(starter.name, ()))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_a_starter_fits_the_lab(starter: Path, labtester: Runner) -> None:
    lab = LABS[starter.name]
    first = json.loads(labtester("labs", lab.name, "--json", "-").out)["labs"][0]["tests"][0]
    done = labtester(
        *("run", lab.name, "--submission", str(starter), "--seeds", "1", "--tests", first["name"])
    )
    assert done.status == 1, done.err  # and not 2: it has the classes that are asked for
    assert all((starter / file).is_file() for file in required(lab, {}))


def test_the_handout_says_what_is_worth_what(labtester: Runner, tmp_path: Path) -> None:
    assert labtester("new", "lock", "plain").status == 0
    check("grading/handout", _narrow((tmp_path / "plain/README.md").read_text()))
    assert labtester("new", "lock", "course", "--instructor").status == 0
    done = labtester("new", "lock", "graded", "--rubric", "course/rubric.toml")
    assert done.status == 0, done.err
    text = (tmp_path / "graded/README.md").read_text()
    plan = load(tmp_path / "course/rubric.toml")
    assert plan.commitment in text
    assert f"| all | {plan.max_points:g} | |" in text


def _narrow(text: str) -> str:
    """Without the tables and long lines, which have no 80 columns."""
    return "".join(line for line in text.splitlines(keepends=True) if len(line) <= 80)


def test_two_starters_are_equal(labtester: Runner, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert labtester("new", "raft", name).status == 0
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")}
        for n in ("one", "two")
    )
    assert one == two
    assert tomllib.loads((tmp_path / "one/pyproject.toml").read_text())


@pytest.mark.parametrize("options", [(), ("--instructor",)])
def test_a_folder_with_something_in_it_is_left_alone(
    labtester: Runner, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    done = labtester("new", "kvsrv", "mine", *options)
    assert "mine: expected an empty folder or none, got one with thesis.tex" in done.sentence
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("")
    assert "got a file; name another one" in labtester("new", "kvsrv", "file", *options).sentence


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("kvsvr a", "there is no lab 'kvsvr'; did you mean kvsrv?"),
        ("kvsrv", "DIR"),
        ("kvsrv a --rubric nowhere", "nowhere: No such file or directory"),
        ("kvsrv a --autograder", "--autograder is for a rubric: add --rubric FILE"),
        ("kvsrv a --instructor --autograder", "leave --rubric and --autograder out"),
        ("kvsrv a --rubric r.toml", "r.toml: expected a rubric of kvsrv, got lock"),
        ("kvsrv /proc/a", "/proc/a: "),
    ],
)
def test_a_misuse_is_one_sentence(
    labtester: Runner, tmp_path: Path, args: str, sentence: str
) -> None:
    (tmp_path / "r.toml").write_text('lab = "lock"\n[[tests]]\nname = "course"\n')
    assert sentence in labtester("new", *args.split()).sentence
