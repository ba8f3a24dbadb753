"""`labtester labs` and `--tests` with parts: what there is, and how to name some of it."""

import json

import click
import pytest

from tester.cli import options
from tester.engine import VERSION
from tester.labs import LABS
from tester.labs import suite as suites
from tester.labs.lab import COURSE
from tester.workers.wire import Listed
from tests import snapshots
from tests.running import Runner, labtester

__all__ = ["labtester"]

NAMES = tuple(LABS)


def test_the_list_of_labs(labtester: Runner) -> None:
    done = labtester("labs", "tiny")
    assert (done.status, done.err) == (0, "")
    snapshots.check("labs", done.out)


def test_every_lab_every_part_and_every_test_is_listed(labtester: Runner) -> None:
    done = labtester("labs", *NAMES, "--json", "-")
    assert done.status == 0
    listed = {lab["lab"]: lab for lab in json.loads(done.out)["labs"]}
    assert tuple(listed) == NAMES
    for name, lab in ((name, LABS[name]) for name in NAMES):
        assert [test["name"] for test in listed[name]["tests"]] == list(suites.tests_of(lab.suite))
        for test in listed[name]["tests"]:
            assert f"\n    {test['name']}\n" in done.err
            assert test["about"].endswith("."), f"{test['name']} does not say what it is about"
    parts = {test["part"] for test in listed["raft"]["tests"]}
    assert parts == {"3a", "3b", "3c", "3d", None}
    assert listed["raft"]["takes"] == [{"file": "raft/raft.py", "class": "Raft"}]


@pytest.mark.parametrize("name", NAMES)
def test_the_tests_of_the_course_are_in_the_suite(name: str) -> None:
    lab = LABS[name]
    suite = suites.tests_of(lab.suite)
    assert set(lab.course) <= set(suite)
    assert len(set(lab.course)) == len(lab.course)
    assert COURSE in {lab.parts(test)[0] for test in suite}


def test_a_lab_that_nobody_knows(labtester: Runner) -> None:
    assert "there is no lab 'lokc'; did you mean lock?" in labtester("labs", "lokc").sentence


def test_the_version(labtester: Runner) -> None:
    done = labtester("--version")
    assert (done.status, done.out) == (0, f"labtester {VERSION}\n")


# -- parts ---------------------------------------------------------------------------------------


def names(selected: str) -> list[str]:
    lab = LABS["raft"]
    tests = [Listed(name, 1, 1, parts=lab.parts(name)) for name in suites.tests_of(lab.suite)]
    return [test.name for test in options.select(tests, selected)]


def test_a_part_is_its_tests() -> None:
    lab = LABS["raft"]
    suite = list(suites.tests_of(lab.suite))
    assert names("3a") == names("3A") == [t for t in suite if t.endswith("_3a")] != []
    assert names("course") == [test for test in suite if test[-3] == "_"]
    assert names("ours") == [test for test in suite if test[-3] != "_"] != []
    assert names("ours, course") == suite
    assert names("test_count_3b,3a") == [*names("3a"), "test_count_3b"]


@pytest.mark.parametrize("selected", ["3e", "3", "our", "", "3a,3e"])
def test_what_is_no_part_is_refused(selected: str) -> None:
    with pytest.raises(click.ClickException, match="there is no test '") as refused:
        names(selected)
    if selected == "our":
        assert refused.value.message.endswith("did you mean ours?")


def test_a_run_of_a_part(labtester: Runner) -> None:
    record = labtester.json("run", "tiny", "--seeds", "1", "--tests", "ours")
    assert [test["name"] for test in record["tests"]] == ["test_third"]
