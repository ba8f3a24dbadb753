"""Of a test's first failing seeds the shortest story is told, everywhere and whoever runs them."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS
from tester.labs.lab import Lab
from tester.world.run import run
from tests import ways
from tests.plugin.conftest import project
from tests.plugin.conftest import run as pytest_run
from tests.plugin.project import Run
from tests.running import Runner, labtester

__all__ = ["labtester", "project", "pytest_run"]


def lengths() -> dict[int, int]:
    """By failing seed, how many operations its story takes; those with an IndexError are out."""
    kinds = {}
    for seed in range(30):
        choices = Choices(Seeded(seed))
        if run(ways.test_two_ways.simulation, choices).kind == "KeyError":
            kinds[seed] = ways.SHORT if ("quick", 0) in choices.faults else ways.LONG
    return kinds


@pytest.fixture
def two(labtester: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Where the suite of the two ways is a lab."""
    monkeypatch.setitem(LABS, "ways", Lab("ways", "tests.ways", LABS["kvsrv"].classes))
    return labtester


def told(runner: Runner, *args: str) -> dict[str, Any]:
    (test,) = runner.json("run", "ways", *args)["tests"]
    assert isinstance(test, dict)
    return test


def test_the_story_and_its_command_are_of_the_seed_that_was_chosen(two: Runner) -> None:
    done = two("run", "ways")
    assert done.status == 1
    first, *_ = failed = sorted(lengths())
    four = failed[:4]
    best = min(four, key=lambda seed: lengths()[seed])
    assert lengths()[first] == ways.LONG != lengths()[best]
    others = [str(seed) for seed in four if seed != best]
    lines = done.out.splitlines()
    assert lines[0].startswith("test_two_ways: ")
    assert f"seeds fail: {first}, " in lines[0], "the first failing seeds stay where they were"
    assert lines[1] == (
        f"seeds {', '.join(others[:-1])} and {others[-1]} fail too, "
        f"and none has a shorter story than seed {best}"
    )
    assert lines[3].startswith(f"seed {best}: ")
    (command,) = re.findall(r"^ +(labtester .*)$", done.out, re.MULTILINE)
    assert command == f"labtester replay ways test_two_ways --seed {best}"
    story = done.out.partition("\n\n")[2].partition(command)[0]
    assert story in two(*shlex.split(command)[1:]).out
    assert [path.name for path in Path(".labtester").iterdir()] == [
        f"ways-test_two_ways-{best}.sim"
    ]


def test_the_number_of_workers_changes_nothing(two: Runner) -> None:
    alone = told(two, "--jobs", "1")
    assert alone["story"]["rivals"]
    assert told(two, "--jobs", "3") == alone


def test_a_single_failing_seed_is_shown_without_comparison(two: Runner) -> None:
    first = min(lengths())
    test = told(two, "--seeds", str(first + 1))
    assert (test["story"]["seed"], test["story"]["rivals"]) == (first, [])


def test_explain_finds_a_failing_seed_by_itself(two: Runner) -> None:
    seed = told(two)["story"]["seed"]
    by_itself = two("explain", "ways", "test_two_ways")
    by_seed = two("explain", "ways", "test_two_ways", "--seed", str(seed))
    assert (by_itself.status, by_seed.status) == (1, 1)
    line, _, story = by_itself.out.partition("\n\n")
    assert line.endswith(f"none has a shorter story than seed {seed}")
    assert story == by_seed.out


def test_explain_says_when_there_is_nothing_to_explain(two: Runner) -> None:
    said = two("explain", "tiny", "test_third").sentence
    assert said == "labtester: test_third passes on 10 seeds: there is nothing to explain"
    said = two("explain", "tiny", "test_thrid").sentence
    assert said == "labtester: there is no test 'test_thrid'; did you mean test_third?"


def test_pytest_shows_the_story_that_the_command_line_shows(two: Runner, pytest_run: Run) -> None:
    chosen = told(two)["story"]
    result = pytest_run(source="\n    from tests.ways import test_two_ways\n")
    result.assert_outcomes(failed=1)
    out = result.stdout.str()
    others = ", ".join(map(str, chosen["rivals"][:-1]))
    assert f"\nseeds {others} and {chosen['rivals'][-1]} fail too, and none has " in out
    assert chosen["text"].partition("To run it again")[0] in out
    command = shlex.split(re.findall(r"^ +(pytest '.*)$", out, re.MULTILINE)[0])
    assert command[2] == f"--sim-seed={chosen['seed']}"
    again = pytest_run(*command[1:])
    again.assert_outcomes(failed=1)
    assert " fail too" not in again.stdout.str(), "one seed was asked for"
