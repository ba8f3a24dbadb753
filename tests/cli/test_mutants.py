"""`labtester mutants`: what it finds, what survives, and what it says of folders that are none."""

import json
from pathlib import Path
from typing import Any

import pytest

from tester.labs import LABS
from tester.labs.lock import bugs as lock_bugs
from tester.labs.patch import Catalogue
from tests.running import Runner, labtester, submit

__all__ = ["labtester"]

REFUSES = "return PutReply(Err.VERSION)"
THIRD = "if args.key == 'third':\n    return PutReply(Err.VERSION)"


def record(labtester: Runner, *args: str) -> Any:
    done = labtester("mutants", "tiny", "--jobs", "1", *args, "--json", "-")
    assert done.status in (0, 1), done.err
    return json.loads(done.out)


def kill(test: str, seed: int, schedule: str = "random") -> dict[str, object]:
    return {"test": test, "seed": seed, "schedule": schedule, "how": "fail"}


@pytest.fixture
def bugs(labtester: Runner) -> Path:
    """A folder with a bug that every test finds, and one that a single test finds."""
    folder = labtester.folder / "bugs"
    submit(folder, REFUSES, name="refuses")
    submit(folder, THIRD, name="third")
    (folder / ".git").mkdir()
    (folder / "__pycache__").mkdir()
    (folder / "notes.txt").write_text("not a folder")
    return folder


def test_each_bug_has_the_first_failing_seed_of_each_test(labtester: Runner, bugs: Path) -> None:
    found = record(labtester, "--bugs", str(bugs), "--seeds", "5")
    refuses, third = found["bugs"]
    assert found["verdict"] == "pass"
    assert refuses["name"] == "refuses"
    tests = ("test_unreliable", "test_heavy", "test_third")
    assert refuses["kills"] == [kill(test, 0) for test in tests]
    assert (refuses["killed_by"], refuses["first_seed"]) == ("test_unreliable", 0)
    assert third["kills"] == [kill("test_third", 3)]
    assert (third["killed_by"], third["first_seed"], third["mean_seeds"]) == ("test_third", 3, 4)
    assert found["variants"] == [{"name": "reference", "failed": []}]


def test_a_schedule_may_be_asked_for(labtester: Runner, bugs: Path) -> None:
    options = ("--tests", "test_unreliable", "--seeds", "2", "--schedule", "fifo")
    refuses = record(labtester, "--bugs", str(bugs), *options)["bugs"][0]
    assert refuses["kills"] == [kill("test_unreliable", 0, "fifo")]


def test_what_survives_fails_the_suite(labtester: Runner, bugs: Path) -> None:
    tests = ("--tests", "test_unreliable")
    (_, third) = record(labtester, "--bugs", str(bugs), "--seeds", "2", *tests)["bugs"]
    assert (third["killed_by"], third["first_seed"], third["mean_seeds"]) == (None, None, None)
    done = labtester("mutants", "tiny", "--bugs", str(bugs), "--seeds", "2", *tests)
    assert done.status == 1
    assert "third                          SURVIVES" in done.out
    assert "tiny: fail, 1 of 2 bugs found, after 1.0 seeds on average" in done.out
    assert done.err == ""


def test_a_correct_solution_must_pass(labtester: Runner, bugs: Path) -> None:
    right = labtester.folder / "right"
    submit(right, name="as_it_was")
    submit(right, THIRD, name="not_so_right")
    options = ("--bugs", str(bugs), "--variants", str(right), "--seeds", "4")
    found = record(labtester, *options)
    assert found["verdict"] == "fail"
    assert found["variants"] == [
        {"name": "reference", "failed": []},
        {"name": "as_it_was", "failed": []},
        {"name": "not_so_right", "failed": [kill("test_third", 3)]},
    ]
    done = labtester("mutants", "tiny", *options)
    assert done.status == 1
    assert "not_so_right FAILS             third 3\n" in done.out


def test_the_number_of_workers_changes_nothing(labtester: Runner, bugs: Path) -> None:
    options = ("--bugs", str(bugs), "--seeds", "20")
    assert record(labtester, *options) == record(labtester, *options, "--jobs", "2")


def test_a_bug_may_be_left_at_its_first_kill(labtester: Runner, bugs: Path) -> None:
    options = ("--bugs", str(bugs), "--seeds", "5", "--first")
    found = record(labtester, *options)
    assert [bug["kills"] for bug in found["bugs"]] == [
        [{"test": "test_unreliable", "seed": 0, "schedule": "random", "how": "fail"}],
        [{"test": "test_third", "seed": 3, "schedule": "random", "how": "fail"}],
    ]
    assert record(labtester, *options, "--jobs", "2") == found


def test_known_finders_are_tried_first(labtester: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [bug for bug in LABS["lock"].catalogue().bugs if bug.name == "never_looks"]
    monkeypatch.setattr(lock_bugs, "CATALOGUE", Catalogue(tuple(few), ()))
    options = ("--seeds", "5", "--first", "--only", "bugs", "--jobs", "1", "--json", "k.json")
    done = labtester("mutants", "lock", *options)
    assert done.status == 0
    (bug,) = json.loads(Path("k.json").read_text())["bugs"]
    assert [kill["test"] for kill in bug["kills"]] == ["test_one_client_unreliable"]


def test_bugs_or_correct_solutions_may_be_left_out(labtester: Runner, bugs: Path) -> None:
    options = ("--bugs", str(bugs), "--seeds", "5")
    only_bugs = record(labtester, *options, "--only", "bugs")
    assert len(only_bugs["bugs"]) == 2
    assert only_bugs["variants"] == []
    done = labtester("mutants", "tiny", *options, "--only", "correct")
    assert done.out == (
        "correct solution\n\nreference                      passes\n\n"
        "tiny: pass\n0 of 1 correct solutions failed\n"
    )


SUITE = """
from beside import KEY
from tester import Simulation, simulate

@simulate(seeds=2)
async def test_mine(sim: Simulation) -> None:
    sim.serve()
    assert await sim.clerk().put(KEY, "v", 0) == "OK"
"""


def test_an_instructor_may_bring_a_suite(labtester: Runner, bugs: Path) -> None:
    suite = labtester.folder / "my_suite.py"
    suite.write_text(SUITE)
    (labtester.folder / "beside.py").write_text("KEY = 'third'\n")
    found = record(labtester, "--suite", str(suite), "--bugs", str(bugs), "--seeds", "1")
    assert [bug["killed_by"] for bug in found["bugs"]] == ["test_mine", "test_mine"]
    assert found["variants"] == [{"name": "reference", "failed": []}]


def test_the_catalogue_is_what_it_takes_by_default(labtester: Runner) -> None:
    options = ("--seeds", "1", "--tests", "test_reliable_put", "--jobs", "1", "--json", "k.json")
    done = labtester("mutants", "kvsrv", *options)
    assert done.status == 1, "one test alone cannot find them all"
    found = json.loads(Path("k.json").read_text())
    by_name = {bug["name"]: bug["killed_by"] for bug in found["bugs"]}
    assert by_name["ignores_the_version"] == "test_reliable_put"
    assert by_name["resend_says_ok"] is None
    assert all(variant["failed"] == [] for variant in found["variants"])
    assert len(found["variants"]) >= 6
    assert all(len(line) <= 80 for line in done.out.splitlines()[:-1])


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("tony",), "there is no lab 'tony'; did you mean tiny?"),
        (("tiny",), "there is no catalogue of bugs for tiny; give --bugs DIR"),
        (("tiny", "--bugs", "nowhere"), "expected a folder of submissions, got nowhere"),
        (("tiny", "--bugs", "empty"), "expected a folder for each submission in empty, got none"),
        (
            ("tiny", "--bugs", "bugs", "--suite", "notes"),
            "expected a Python file with tests for --suite, got notes",
        ),
        (("tiny", "--bugs", "bugs", "--tests", "test_thrid"), "did you mean test_third?"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    labtester: Runner, bugs: Path, args: tuple[str, ...], sentence: str
) -> None:
    (labtester.folder / "empty").mkdir()
    assert sentence in labtester("mutants", *args).err


def test_a_bug_that_cannot_be_loaded_is_named(labtester: Runner) -> None:
    submit(labtester.folder / "bugs", before="import nowhere", name="broken")
    done = labtester("mutants", "tiny", "--bugs", "bugs")
    assert done.status == 2
    assert "broken: " in done.err
    assert "nowhere" in done.err
