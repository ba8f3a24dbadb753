"""`labtester explain`: of a seed and of a record, as text, as JSON and as a test of pytest."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import TWO_CLIENTS, Runner, labtester, submit, submit_lock
from tests.tree import ROOT

__all__ = ["labtester"]

RECORD = f".labtester/lock-{TWO_CLIENTS}-0-maybe.sim"
SEED = ("explain", "lock", TWO_CLIENTS, "--seed", "0", "--submission", "maybe")
REPLAY = f"labtester replay lock {TWO_CLIENTS} --seed 0 --submission maybe"


@pytest.fixture
def maybe(labtester: Runner) -> Runner:
    """Where a lock that is wrong has been handed in."""
    submit_lock(labtester.folder)
    return labtester


def record(labtester: Runner, *args: str) -> Any:
    """The JSON that an explanation writes."""
    done = labtester(*args, "--json", "-")
    assert done.status == 1, done.err
    return json.loads(done.out)


def test_a_failing_seed_is_explained(maybe: Runner) -> None:
    done = maybe(*SEED)
    assert (done.status, done.err) == (1, "")
    assert re.match(r"seed 0: c\d acquired the lock while c\d held it\n", done.out)
    assert "c0 acquired the lock while c1 held it\n" in done.out
    told = " ".join(done.out.split())
    assert re.search(
        r"It takes the lost \w+( to)? #\d and the lost \w+( to)? #\d: without either", told
    )
    assert re.search(r"Shrunk from \d+ random choices to 2 in \d+ runs\.", told)
    assert re.search(r"^this run fails +without the lost .* it passes$", done.out, re.MULTILINE)
    assert max(map(len, done.out.splitlines())) <= 100
    assert Path(RECORD).exists()


def test_the_json_of_an_explanation(maybe: Runner) -> None:
    found = record(maybe, *SEED)
    assert list(found) == [
        *("seed", "verdict", "kind", "runs", "choices_before", "choices_after"),
        *("faults_left", "necessary", "sentence", "schedule", "record", "command"),
    ]
    assert (found["seed"], found["verdict"]) == (0, "fail")
    assert found["kind"] == "MutualExclusionViolated"
    assert found["runs"] > 0
    assert found["choices_before"] > found["choices_after"] == 2
    assert [set(fault) for fault in found["faults_left"]] == [{"stream", "index", "what"}] * 2
    assert found["necessary"] == [fault["what"] for fault in found["faults_left"]]
    assert all(what in found["sentence"] for what in found["necessary"])
    assert found["schedule"] == "random"
    assert (found["record"], found["command"]) == (RECORD, REPLAY)
    kept = json.loads(Path(RECORD).read_text())["choices"]
    for fault in found["faults_left"]:
        assert kept[fault["stream"]][str(fault["index"])]


def test_the_json_may_go_to_a_file_beside_the_text(maybe: Runner) -> None:
    done = maybe(*SEED, "--json", "a.json")
    assert done.out.startswith("seed 0: ")
    assert json.loads(Path("a.json").read_text()) == record(maybe, *SEED)


def test_the_command_it_prints_can_be_pasted(maybe: Runner) -> None:
    done = maybe(*SEED)
    assert re.findall(r"^ +(labtester .*)$", done.out, re.MULTILINE) == [REPLAY]
    replayed = maybe(*shlex.split(REPLAY)[1:])
    assert replayed.status == 1
    story, _, _ = replayed.out.partition("\n\ndigest ")
    assert done.out.startswith(story)


def test_a_record_is_explained_as_its_seed_is(maybe: Runner) -> None:
    by_seed = record(maybe, *SEED)
    text = Path(RECORD).read_text()
    by_file = record(maybe, "explain", RECORD)
    for same in ("seed", "verdict", "kind", "faults_left", "necessary", "sentence", "record"):
        assert by_file[same] == by_seed[same]
    assert by_file["choices_before"] == by_file["choices_after"], "it has been made smaller before"
    assert by_file["command"] == f"labtester replay {RECORD}"
    assert Path(RECORD).read_text() == text
    done = maybe("explain", RECORD)
    assert done.status == 1
    assert f"    labtester replay {RECORD}\n" in done.out


def test_a_regression_test_fails_until_the_code_is_mended(maybe: Runner) -> None:
    done = maybe(*SEED, "--pytest")
    assert (done.status, done.err) == (0, "")
    compile(done.out, "pasted.py", "exec")
    assert f"def {TWO_CLIENTS}_as_in_seed_0() -> None:\n" in done.out
    # The test is of the packages that are imported: here of the reference, which is right.
    Path("test_pasted.py").write_text(done.out)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import test_pasted as t; "
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}t.{TWO_CLIENTS}_as_in_seed_0()"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_regression_test_is_no_json(maybe: Runner) -> None:
    said = maybe(*SEED, "--pytest", "--json", "-").sentence
    assert said.startswith("labtester explain: expected --pytest or --json, got both")


# -- nothing to explain --------------------------------------------------------------------------


def test_a_seed_that_passes(maybe: Runner) -> None:
    done = maybe("explain", "lock", TWO_CLIENTS, "--seed", "0", "--json", "a.json")
    assert done.sentence == "labtester: seed 0 passes: there is nothing to explain"
    assert not Path("a.json").exists()
    assert not Path(".labtester").exists()


def test_a_record_of_what_has_been_mended(maybe: Runner) -> None:
    maybe(*SEED)
    submit_lock(maybe.folder, fixed=True)
    said = maybe("explain", RECORD).sentence
    assert said == "labtester: seed 0 passes: there is nothing to explain"


def test_a_seed_that_stays_unknown(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "return PutReply(Err.WRONG_GROUP)")
    done = labtester("explain", "tiny", "test_third", "--seed", "3", "--submission", theirs)
    said = "labtester: seed 3 stays unknown: there is no failure to explain"
    assert done.sentence == said


def test_a_failure_that_cannot_be_made_smaller_still_has_its_story(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "if args.key == 'third':\n    raise ValueError('boo')")
    done = labtester("explain", "tiny", "test_third", "--seed", "3", "--submission", theirs)
    assert done.status == 2
    assert "ValueError: boo" in done.out
    assert done.err == "labtester: this failure could not be shrunk: see its story\n"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("", "labtester explain: expected a record, a lab and one of its tests, or a test as "),
        ("tiny test_thrid", "no test 'test_thrid'; did you mean test_third?"),
        ("tiny test_thrid --seed 1", "no test 'test_thrid'; did you mean test_third?"),
        ("tiny test_third --seed x", "expected a seed in [0, 2**128), got 'x'"),
        ("nowhere.sim", "nowhere.sim cannot be read: No such file or directory"),
        ("a.sim b.sim", "labtester explain: expected one record, got 2"),
        (
            "tiny test_third --seed 1 --submission nowhere",
            "/nowhere: expected a folder with packages",
        ),
        ("tiny test_third --seed 1 --json nowhere/a", "cannot write nowhere/a: "),
    ],
)
def test_a_misuse_is_one_sentence(labtester: Runner, args: str, sentence: str) -> None:
    assert sentence in labtester("explain", *args.split()).sentence


def test_a_reply_that_cannot_travel_is_explained_like_any_failure(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "return {1, 2}")
    done = labtester("explain", "tiny", "test_third", "--seed", "1", "--submission", theirs)
    assert done.status == 1
    assert re.search(r"theirs/kvsrv/server.py:\d+, in put\n +return \{1, 2\}\n", done.out)
