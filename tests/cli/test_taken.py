"""Each command names what it took from a submission, and refuses one of which it took nothing."""

import shutil
from pathlib import Path

import pytest

from tests.running import Runner, labtester, submit
from tests.tree import ROOT

__all__ = ["labtester"]

COMMANDS = {
    "run": ("run", "tiny", "--seeds", "1", "--tests", "test_third"),
    "replay": ("replay", "tiny", "test_third", "--seed", "3"),
    "explain": ("explain", "tiny", "test_third", "--seed", "3"),
    "exhaust": ("exhaust", "tiny", "test_third", "--faults", "0"),
    "verify": ("verify", "tiny", "--seeds", "1", "--tests", "test_third"),
}
TAKEN = "theirs: kvsrv/server.py -> KVServer; the reference's: Clerk\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_names_what_it_took(labtester: Runner, name: str) -> None:
    theirs = submit(labtester.folder, "raise ValueError")
    done = labtester(*COMMANDS[name], "--submission", theirs)
    assert done.status == (0 if name == "verify" else 1)
    assert done.taken == TAKEN
    assert labtester(*COMMANDS[name]).taken == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_submission_of_which_nothing_is_used_is_a_misuse(labtester: Runner, name: str) -> None:
    theirs = submit(labtester.folder)
    place = labtester.folder / theirs / "kvsrv"
    (place / "server.py").rename(place / "Server.py")
    assert labtester(*COMMANDS[name], "--submission", theirs).sentence == (
        f"labtester: {place.parent}: expected kvsrv/server.py or kvsrv/client.py for the lab "
        "tiny, got no such file; kvsrv/Server.py is not used: expected kvsrv/server.py, spelled "
        "exactly so"
    )


def test_a_part_of_it_that_is_not_used_is_warned_of(labtester: Runner) -> None:
    theirs = submit(labtester.folder)
    place = labtester.folder / theirs / "kvsrv" / "clerk.py"
    shutil.copy(ROOT / "kvsrv" / "client.py", place)
    done = labtester(*COMMANDS["run"], "--jobs", "2", "--submission", theirs)
    assert (done.status, done.taken) == (0, TAKEN)
    why = "it defines Clerk, which is expected in kvsrv/client.py"
    assert done.err == f"warning: {place} is not used: {why}\n"


def test_a_part_of_the_reference_is_something(labtester: Runner) -> None:
    place = labtester.folder / "theirs" / "raft" / "log.py"
    place.parent.mkdir(parents=True)
    shutil.copy(ROOT / "raft" / "log.py", place)
    few = ("run", "raft", "--seeds", "1", "--tests", "test_initial_election_3a")
    done = labtester(*few, "--submission", "theirs")
    assert (done.status, done.err) == (0, "")
    assert done.taken == "theirs: raft/log.py -> raft.log; the reference's: Raft\n"


def test_the_solutions_of_a_folder_are_looked_at_in_the_same_way(labtester: Runner) -> None:
    submit(labtester.folder, "raise ValueError", name="bugs/wrong")
    few = ("mutants", "tiny", "--seeds", "1", "--tests", "test_third", "--only", "bugs")
    done = labtester(*few, "--bugs", "bugs")
    assert (done.status, done.err) == (0, "")
    assert done.taken == "wrong: kvsrv/server.py -> KVServer; the reference's: Clerk\n"
    nothing = Path("bugs/nothing/kvsrv")
    nothing.mkdir(parents=True)
    done = labtester(*few, "--bugs", "bugs")
    assert done.status == 2
    assert done.err.startswith(f"labtester: nothing: {nothing.parent.resolve()}: expected")


def test_a_source_that_is_no_text_is_named_with_its_line(labtester: Runner) -> None:
    theirs = submit(labtester.folder)
    place = labtester.folder / theirs / "kvsrv" / "server.py"
    place.write_bytes(place.read_bytes() + b"# caf\xe9\n")
    line = place.read_bytes().count(b"\n")
    assert labtester(*COMMANDS["run"], "--submission", theirs).sentence == (
        f"labtester: {place}:{line}: the byte 0xe9 is not UTF-8; save the file as UTF-8; "
        "the file is not Python"
    )
