"""Output that cannot be written changes no verdict, and what goes wrong in us is no verdict."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from tester import cli
from tester.cli import output
from tests.running import MAIN, Runner, labtester, submit

__all__ = ["labtester"]

WAYS = ["closed", "full", "nobody reads"]


@contextmanager
def unwritable(way: str) -> Iterator[int]:
    """A descriptor that takes no byte."""
    if way == "full":
        if not Path("/dev/full").exists():
            pytest.skip("needs a device that is always full")
        number = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, number = os.pipe()
        os.close(reader)
    try:
        yield number
    finally:
        os.close(number)


def run(way: str, lost: str, *args: str) -> tuple[int, str]:
    """The exit status of a command that cannot write one of its streams, and the other stream."""
    command = [sys.executable, "-c", MAIN, *args]
    if way == "closed":
        command = ["sh", "-c", f'"$@" {"1" if lost == "stdout" else "2"}>&-', "sh", *command]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with unwritable(way) as number:
        out = number if lost == "stdout" and way != "closed" else subprocess.PIPE
        err = number if lost == "stderr" and way != "closed" else subprocess.PIPE
        done = subprocess.run(command, check=False, text=True, env=env, stdout=out, stderr=err)
    return done.returncode, done.stderr if lost == "stdout" else done.stdout


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lost", ["stdout", "stderr"])
def test_a_stream_that_cannot_be_written_changes_no_verdict(
    labtester: Runner, way: str, lost: str
) -> None:
    theirs = submit(labtester.folder, "raise ValueError")
    few = ("run", "tiny", "--seeds", "1", "--tests", "test_third", "--jobs", "1")
    for args, status, shown in (
        (few, 0, "tiny: pass, 1 seed of 1 test"),
        ((*few, "--submission", theirs), 1, "tiny: fail, 1 seed of 1 test"),
        (("run", "tiy"), 2, ""),
        (("--help",), 0, "Usage: "),
    ):
        ended, said = run(way, lost, *args)
        assert ended == status, said
        assert "Traceback" not in said
        assert "Exception" not in said
        if lost == "stderr":
            assert shown in said


@pytest.mark.parametrize("way", WAYS)
def test_a_record_that_standard_output_does_not_take_is_said(labtester: Runner, way: str) -> None:
    few = ("run", "tiny", "--seeds", "1", "--tests", "test_third", "--jobs", "1")
    status, said = run(way, "stdout", *few, "--json", "-")
    assert status == 0
    *_, line = said.splitlines()
    assert line.startswith("cannot write the JSON to standard output: ")


def test_a_failure_stays_one_if_its_record_cannot_be_written(labtester: Runner) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    theirs = submit(labtester.folder, "raise ValueError")
    few = ("run", "tiny", "--seeds", "1", "--tests", "test_third", "--submission", theirs)
    done = labtester(*few, "--json", "/dev/full")
    assert done.status == 1
    assert done.err.endswith("cannot write /dev/full: No space left on device\n")


def test_a_failure_that_cannot_be_kept_is_said(labtester: Runner) -> None:
    Path(".labtester").touch()
    theirs = submit(labtester.folder, "raise ValueError")
    few = ("run", "tiny", "--seeds", "1", "--tests", "test_third", "--submission", theirs)
    done = labtester(*few)
    assert done.status == 1
    assert "cannot keep the record of test_third, seed 0 in .labtester: " in done.err


def test_what_was_closed_is_not_opened_as_something_else() -> None:
    """A file or pipe of ours that became descriptor 1 would get what is printed."""
    code = (
        "import os, sys; from tester.cli import output\n"
        "with output.unfailing():\n"
        "    sys.exit(os.open(os.devnull, os.O_RDONLY) <= 2)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, code]
        assert subprocess.run(command, check=False, env=env).returncode == 0, closed


def test_a_stream_in_memory_stays_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with output.unfailing():
        click.echo("\udc80 seen")
    assert sys.stdout is before
    assert output.trouble() is None


# -- faults of ours ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", cli.COMMANDS)
@pytest.mark.parametrize("error", [RuntimeError("first\nsecond"), RecursionError(), MemoryError()])
def test_an_exception_of_ours_is_one_sentence_and_no_verdict(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    command = getattr(importlib.import_module(f"tester.cli.{name}"), name)

    def crash(**options: object) -> None:
        raise error

    monkeypatch.setattr(command, "callback", crash)
    monkeypatch.setattr(command, "params", [])
    said = labtester(name).sentence
    assert said.startswith(
        "labtester: expected a verdict, got an internal error of labtester: "
        f"{type(error).__name__} at test_output.py:"
    )
    assert said.endswith("; please report it with the command")
