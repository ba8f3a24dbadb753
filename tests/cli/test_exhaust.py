"""`labtester exhaust`: what it proves, what it finds, and how an interrupted proof goes on."""

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.running import TWO_CLIENTS, Runner, labtester, submit, submit_lock

__all__ = ["labtester"]

STATE = Path(".labtester/exhaust.json")
PROVE = ("exhaust", "lock", TWO_CLIENTS)


def record(labtester: Runner, *args: str) -> Any:
    """The JSON that a proof writes."""
    done = labtester(*args, "--json", "-")
    assert done.status in (0, 1, 3), done.err
    return json.loads(done.out)


def interrupted(labtester: Runner, monkeypatch: pytest.MonkeyPatch, args: Sequence[str]) -> Any:
    """What is remembered of a proof, as of a few placements before it would have ended."""
    with monkeypatch.context() as patch:
        patch.setattr("tester.cli.exhaust._SAVE_EVERY", 10)
        patch.setattr("tester.cli.exhaust._State.forget", lambda _: None)
        labtester(*args)
    return json.loads(STATE.read_text())


# -- a proof -------------------------------------------------------------------------------------


def test_a_proof_says_how_many_placements_it_is_of(labtester: Runner) -> None:
    done = labtester(*PROVE, "--faults", "2", "--json", "a.json")
    found = json.loads(Path("a.json").read_text())
    many = found["placements"]
    assert many > 0
    sentence = f"correct under all {many} placements of at most 2 faults, delays and order at zero"
    assert found == {
        "lab": "lock",
        "test": TWO_CLIENTS,
        "faults": 2,
        "verdict": "pass",
        "placements": many,
        "failing": [],
        "sentence": sentence,
    }
    assert (done.status, done.err) == (0, "")
    assert done.out == f"lock {TWO_CLIENTS}: {sentence}\n"
    assert not STATE.exists(), "a proof that is over is forgotten"


def test_more_faults_are_more_placements(labtester: Runner) -> None:
    none, one = (record(labtester, *PROVE, *k) for k in (("--faults", "0"), ()))
    assert none["placements"] == 1
    assert none["sentence"].startswith("correct under the one placement of at most 0 faults,")
    assert one["faults"] == 1, "unless told otherwise"
    assert one["placements"] > 1
    assert "of at most 1 fault," in one["sentence"]


# -- a bug ---------------------------------------------------------------------------------------


def test_a_lock_that_takes_maybe_for_ok_is_refuted(labtester: Runner) -> None:
    theirs = submit_lock(labtester.folder)
    command = [*PROVE, "--faults", "2", "--submission", theirs]
    done = labtester(*command, "--json", "a.json")
    assert (done.status, done.err) == (1, "")
    found = json.loads(Path("a.json").read_text())
    assert found["verdict"] == "fail"
    assert 0 < len(found["failing"]) <= 2
    assert all(re.fullmatch(r"the lost (request|reply to) #\d+", f) for f in found["failing"])
    assert "c1 acquired the lock while c0 held it\n" in done.out
    assert "    time  who     what happened" in done.out
    assert done.out.endswith(f"lock {TWO_CLIENTS}: {found['sentence']}\n")
    assert found["sentence"] == "fails with 2 faults, and with no smaller number"
    (again,) = re.findall(r"^    (labtester exhaust .*)$", done.out, re.MULTILINE)
    assert labtester(*shlex.split(again)[1:]).out == done.out
    assert record(labtester, *PROVE, "--submission", theirs)["verdict"] == "pass"


def test_a_test_that_fails_without_a_fault_says_so(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "raise ValueError('boo')", name="it's theirs")
    done = labtester("exhaust", "tiny", "test_third", "--submission", theirs)
    assert done.status == 1
    assert "ValueError: boo" in done.out
    assert done.out.endswith("tiny test_third: fails without any fault\n")
    (again,) = re.findall(r"^    (labtester exhaust .*)$", done.out, re.MULTILINE)
    assert labtester(*shlex.split(again)[1:]).out == done.out


def test_what_stays_unknown_is_no_pass_and_no_failure(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "return PutReply(Err.WRONG_GROUP)")
    command = ("exhaust", "tiny", "test_third", "--submission", theirs)
    done = labtester(*command, "--json", "-")
    assert done.status == 3
    found = json.loads(done.out)
    assert found["verdict"] == "unknown"
    assert found["sentence"] == "stays unknown without any fault"


@pytest.mark.parametrize(
    ("code", "head", "sentence"),
    [
        ("while args.version == 0:\n    pass", "stuck\n", "hangs"),
        (
            "if args.version == 0:\n    libc.strlen(0)",
            "its process died\n",
            "ends its process",
        ),
    ],
)
def test_a_placement_that_hangs_or_dies_is_a_failure(
    labtester: Runner, code: str, head: str, sentence: str
) -> None:
    theirs = submit(labtester.folder, code, before="from tests.nobody import libc")
    command = ("exhaust", "tiny", "test_third", "--stuck-after", "1", "--submission", theirs)
    done = labtester(*command)
    assert (done.status, done.err) == (1, "")
    assert done.out.startswith(head)
    again = shlex.join(["labtester", "exhaust", "tiny", "test_third", "--faults", "1"])
    assert f"    {again} --submission theirs --restart\n" in done.out
    assert done.out.endswith(f"\ntiny test_third: the first placement {sentence}\n")
    record = json.loads(labtester(*command, "--json", "-").out)
    assert (record["verdict"], record["placements"], record["failing"]) == ("fail", 1, [])


# -- an interrupted proof ------------------------------------------------------------------------


def test_an_interrupted_proof_resumes_and_has_the_same_result(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*PROVE, "--faults", "2")
    whole = record(labtester, *command)
    state = interrupted(labtester, monkeypatch, command)
    assert 0 < state["placements"] <= whole["placements"]
    assert state["placements"] % 10 == 0
    told = placements_told(labtester, monkeypatch, command)
    assert told[-1] == whole["placements"]
    assert len(told) < whole["placements"]
    assert state["placements"] + 1 in told
    assert state["placements"] not in told
    assert not STATE.exists()


def placements_told(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, command: Sequence[str]
) -> list[int]:
    """The placements that a proof runs, each by its number."""
    told: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(
            "tester.cli.exhaust._State.save", lambda _, so_far: told.append(so_far.placements)
        )
        patch.setattr("tester.cli.exhaust._SAVE_EVERY", 1)
        assert labtester(*command).status in (0, 1)
    return told


@pytest.mark.parametrize("what", ["restart", "faults", "code", "garbage"])
def test_a_proof_of_something_else_begins_anew(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    theirs = submit_lock(labtester.folder, fixed=True)
    command = [*PROVE, "--faults", "2", "--submission", theirs]
    interrupted(labtester, monkeypatch, command)
    if what == "restart":
        command.append("--restart")
    elif what == "faults":
        command[4] = "1"
    elif what == "code":
        file = Path(theirs, "lock", "lock.py")
        file.write_text(file.read_text() + "\nMORE = 1\n")
    else:
        STATE.write_text('{"command": ')
    told = placements_told(labtester, monkeypatch, command)
    assert told == list(range(1, len(told) + 1))


def test_a_bug_put_in_while_a_proof_is_interrupted_is_found(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = submit_lock(labtester.folder, fixed=True)
    command = [*PROVE, "--faults", "2", "--submission", theirs]
    interrupted(labtester, monkeypatch, command)
    submit_lock(labtester.folder)
    assert labtester(*command).status == 1


# -- misuse --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("lokc test_third", "labtester exhaust: there is no lab 'lokc'; did you mean lock?"),
        (
            "tiny",
            "expected a lab and one of its tests, a test as pytest names it, or a record, got",
        ),
        ("tiny test_thrid", "there is no test 'test_thrid'; did you mean test_third?"),
        ("tiny test_third,test_heavy", "there is no test 'test_third,test_heavy'; did you mean"),
        ("tiny test_third --faults -1", "--faults': expected an integer, 0 to 8, got '-1'"),
        ("tiny test_third --faults 9", "--faults': expected an integer, 0 to 8, got '9'"),
        ("tiny test_third --faults two", "--faults': expected an integer, 0 to 8, got 'two'"),
        ("tiny test_third --submission nowhere", "/nowhere: expected a folder with packages"),
        ("tiny test_third --json nowhere/a.json", "cannot write nowhere/a.json: "),
        ("tiny test_third --seed 1", "--seed"),
    ],
)
def test_a_misuse_is_one_sentence(labtester: Runner, args: str, sentence: str) -> None:
    assert sentence in labtester("exhaust", *args.split(" ")).sentence


def test_a_reply_that_cannot_travel_is_a_placement_that_fails(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "return {1, 2}")
    done = labtester("exhaust", "tiny", "test_third", "--submission", theirs, "--json", "a.json")
    assert done.status == 1
    assert re.search(r"theirs/kvsrv/server.py:\d+, in put\n +return \{1, 2\}\n", done.out)
    assert json.loads(Path("a.json").read_text())["verdict"] == "fail"
