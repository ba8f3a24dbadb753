"""`labtester verify`: what is the same every way passes, and what is not is named."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tester.workers.surroundings import FACTORS
from tests.running import TWO_CLIENTS, Runner, labtester, submit, submit_lock

__all__ = ["labtester"]

WAYS = [
    "in the first process",
    "again in the same process",
    "in other surroundings",
    "with another hash seed",
]
CALM = ("--seeds", "2")
SET = "peers = {f'peer {n}' for n in range(50)}\n"


def record(labtester: Runner, *args: str) -> Any:
    """The JSON that a verification writes."""
    done = labtester("verify", *args, "--json", "-")
    assert done.status in (0, 1), done.err
    return json.loads(done.out)


# -- the same every way --------------------------------------------------------------------------


def test_a_correct_submission_is_the_same_every_way(labtester: Runner) -> None:
    done = labtester("verify", "tiny", *CALM, "--json", "a.json")
    assert (done.status, done.err) == (0, "")
    shown = [f"tiny: 5 runs {way} ({at} of 4)\n" for at, way in enumerate(WAYS, 1)]
    assert done.progress == "".join(shown)
    ways = ", ".join(WAYS)
    assert done.out == f"tiny: pass, 5 seeds with the same digests 4 ways: {ways}\n"
    expected = {"lab": "tiny", "seeds": 5, "ways": WAYS, "verdict": "pass"}
    assert json.loads(Path("a.json").read_text()) == expected


def test_what_fails_the_same_every_way_passes(labtester: Runner) -> None:
    theirs = ("--submission", submit_lock(labtester.folder))
    assert labtester("replay", "lock", TWO_CLIENTS, "--seed", "0", *theirs).status == 1
    found = record(labtester, "lock", "--tests", TWO_CLIENTS, "--seeds", "1", *theirs)
    assert (found["seeds"], found["verdict"]) == (1, "pass")


def test_a_set_whose_order_nobody_sees_passes(labtester: Runner) -> None:
    theirs = submit(labtester.folder, f"{SET}assert sum(len(peer) for peer in peers)")
    found = record(labtester, "tiny", "--tests", "test_third", *CALM, "--submission", theirs)
    assert found["verdict"] == "pass"


# -- not the same --------------------------------------------------------------------------------


def test_the_order_of_a_set_is_caught_and_its_line_is_named(labtester: Runner) -> None:
    leak = "for peer in peers:\n    return PutReply(Err.OK if peer < 'peer 3' else Err.VERSION)"
    theirs = submit(labtester.folder, SET + leak)
    args = ("tiny", "--tests", "test_heavy", "--seeds", "10", "--submission", theirs)
    done = labtester("verify", *args, "--json", "a.json")
    assert (done.status, done.err) == (1, "")
    found = json.loads(Path("a.json").read_text())
    assert (found["verdict"], found["differs"]) == ("fail", WAYS[3])
    assert (found["test"], found["seed"], found["ways"]) == ("test_heavy", 0, WAYS)
    assert done.out == f"{found['story']}\n"
    assert done.out.startswith(f"test_heavy, seed 0: another run {WAYS[3]}\n\n")
    assert re.search(r"The first event that differs is number \d+\. Before it", done.out)
    assert "It takes no more than another hash seed (PYTHONHASHSEED)" in done.out
    source = (Path(theirs) / "kvsrv" / "server.py").read_text().splitlines()
    line = next(n for n, text in enumerate(source, 1) if "for peer in peers" in text)
    suspects = done.out.partition("Lines to look at:\n\n")[2].splitlines()
    where = f"{theirs}/kvsrv/server.py:{line} iterates over a set"
    assert [where in suspect for suspect in suspects] == [True]


def test_hash_as_a_number_is_caught(labtester: Runner) -> None:
    put = "if hash(args.key) % 2:\n    return PutReply(Err.VERSION)"
    theirs = submit(labtester.folder, put)
    found = record(labtester, "tiny", "--seeds", "10", "--submission", theirs)
    assert (found["verdict"], found["differs"]) == ("fail", WAYS[3])
    assert "calls hash(), which differs between processes" in found["story"]


def test_state_that_outlives_a_run_is_caught(labtester: Runner) -> None:
    # What a process keeps, and nobody has thought of.
    put = "import mimetypes\nturn = mimetypes.types_map.get('turn', 5) + 1\n"
    put += "mimetypes.types_map['turn'] = turn\nassert turn != 8"
    theirs = submit(labtester.folder, put)
    args = ("tiny", "--tests", "test_third", *CALM, "--submission", theirs)
    found = record(labtester, *args)
    assert (found["verdict"], found["differs"]) == ("fail", WAYS[1])
    assert found["story"].startswith(f"test_third, seed 0: another run {WAYS[1]}\n")
    assert "something outlives a run" in " ".join(found["story"].split())
    assert re.search(r"server.py:\d+ may keep something from one run", found["story"])


DIFFERS = "\n    return PutReply(Err.VERSION)"


@pytest.mark.parametrize(
    ("before", "put", "cause"),
    [
        ("import os", "if 'ELSEWHERE' in os.environ:", "environment"),
        ("import pathlib", "if pathlib.Path.cwd().name == 'work':", "folder"),
        ("import sys", "if len(sys.argv) > 1:", "arguments"),
    ],
)
def test_what_a_run_must_not_depend_on_is_varied_and_named(
    labtester: Runner, before: str, put: str, cause: str
) -> None:
    theirs = submit(labtester.folder, put + DIFFERS, before=before)
    args = ("tiny", "--tests", "test_third", "--seeds", "1", "--submission", theirs)
    found = record(labtester, *args)
    assert (found["verdict"], found["differs"]) == ("fail", WAYS[2])
    told = " ".join(found["story"].split())
    assert f"It takes no more than that {FACTORS[cause]}." in told
    assert re.search(r"Lines to look at: theirs/kvsrv/server.py:\d+ ", told)


def test_a_clock_that_is_read_at_import_is_chance(labtester: Runner) -> None:
    put = "raise type(f'At{BEGUN}', (Exception,), {})"
    before = "import time\nBEGUN = time.perf_counter_ns()"
    theirs = submit(labtester.folder, put, before=before)
    args = ("tiny", "--tests", "test_third", "--seeds", "1", "--submission", theirs)
    found = record(labtester, *args)
    assert (found["verdict"], found["differs"]) == ("fail", WAYS[2])
    told = " ".join(found["story"].split())
    assert "Two processes that were started alike went two ways" in told
    assert "server.py:6 keeps a clock, which may be the real one" in told


def test_what_does_not_load_elsewhere_is_caught(labtester: Runner) -> None:
    Path("here.txt").write_text("here")
    theirs = submit(labtester.folder, before="TEXT = open('here.txt').read()")
    found = record(labtester, "tiny", "--seeds", "1", "--submission", theirs)
    assert (found["verdict"], found["differs"]) == ("fail", WAYS[2])
    assert "cannot be loaded: " in found["story"]
    assert "server.py:5: importing it raised FileNotFoundError" in found["story"]


# -- other interpreters --------------------------------------------------------------------------


def test_another_interpreter_is_one_of_the_ways(labtester: Runner) -> None:
    found = record(labtester, "tiny", "--tests", "test_third", *CALM, "--python", sys.executable)
    assert found["verdict"] == "pass"
    assert found["ways"] == [*WAYS, f"on {sys.executable}"]


def script(path: Path, text: str) -> str:
    """A program that passes for an interpreter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_environments_beside_us_are_found_and_those_without_dependencies_skipped(
    labtester: Runner,
) -> None:
    script(Path(".venv-a/bin/python"), "exit 1")
    done = labtester("verify", "tiny", "--tests", "test_third", *CALM)
    assert done.status == 0
    assert done.out.startswith(
        "skipped .venv-a/bin/python: labtester's dependencies are not installed there\ntiny: pass"
    )


@pytest.mark.parametrize("text", ["true", "echo hello"])
def test_what_is_no_interpreter_is_a_misuse(labtester: Runner, text: str) -> None:
    other = script(labtester.folder / "other", text)
    said = labtester("verify", "tiny", "--python", other).sentence
    assert said == f"labtester: {other} is not a Python interpreter"


# -- misuse --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("", "LAB"),
        ("tny", "labtester verify: there is no lab 'tny'; did you mean tiny?"),
        ("tiny --tests test_hevy", "there is no test 'test_hevy'; did you mean test_heavy?"),
        ("tiny --seeds 0", "--seeds': expected an integer, 1 to 4294967296, got '0'"),
        ("tiny --python /nowhere", "/nowhere does not start: No such file or directory"),
        ("tiny --submission nowhere", "/nowhere: expected a folder with packages"),
        ("tiny --json nowhere/a.json", "cannot write nowhere/a.json: "),
    ],
)
def test_a_misuse_is_one_sentence(labtester: Runner, args: str, sentence: str) -> None:
    assert sentence in labtester("verify", *args.split()).sentence


def test_a_mistake_that_is_the_same_every_way_passes(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "return [1, 2]")
    found = record(labtester, "tiny", *CALM, "--submission", theirs)
    assert found["verdict"] == "pass"
