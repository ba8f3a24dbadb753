"""A command that is interrupted or killed prints what is finished and leaves no worker behind."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import MAIN, Runner, labtester, submit

__all__ = ["labtester"]


def _hear_hangups() -> None:
    """As at a terminal: who runs the tests under nohup has made this process ignore them."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Command:
    """A `labtester` command in a process of its own, whose workers can be found by a mark."""

    def __init__(self, *args: str) -> None:
        self._mark = uuid.uuid4().hex.encode()
        path = os.pathsep.join(sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "MARK": self._mark.decode()},
            preexec_fn=_hear_hangups,  # noqa: PLW1509 - there is no other thread
        )

    def workers(self) -> list[int]:
        """The numbers of the processes that it has started and that still run."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != self.process.pid:
                try:
                    marked = self._mark in (folder / "environ").read_bytes()
                except OSError:
                    continue
                if marked and "State:\tZ" not in (folder / "status").read_text():
                    found.append(int(folder.name))
        return found

    def wait_for(self, folder: Path) -> None:
        """Wait until a worker has made this folder."""
        until = time.monotonic() + 600
        while not folder.exists():
            assert time.monotonic() < until
            time.sleep(0.02)

    def wait_for_no_workers(self) -> None:
        until = time.monotonic() + 600
        while self.workers():
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.fixture
def hanging(labtester: Runner) -> Iterator[Command]:
    """A run whose first test has passed, and whose third hangs."""
    put = "import os\nif args.key == 'third':\n    os.mkdir('hangs')\n    while True: pass"
    theirs = submit(labtester.folder, put)
    command = Command("run", "tiny", "--submission", theirs, "--jobs", "1", "--json", "a.json")
    command.wait_for(Path("hangs"))
    yield command
    command.process.kill()
    command.process.communicate()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
class TestHanging:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    @pytest.mark.parametrize("times", [1, 2])
    def test_an_interrupt_prints_what_is_finished(
        self, hanging: Command, number: signal.Signals, times: int
    ) -> None:
        assert len(hanging.workers()) == 1
        for _ in range(times):
            hanging.process.send_signal(number)
        out, err = hanging.process.communicate(timeout=600)
        assert hanging.process.returncode == 128 + number
        assert err.splitlines() == [
            "theirs: kvsrv/server.py -> KVServer; the reference's: Clerk",
            "tiny: test_unreliable: 100 seeds, 0 failed (1 of 3)",
            "tiny: test_heavy: 30 seeds, 0 failed (2 of 3)",
        ]
        lines = out.splitlines()
        assert [line.split()[:2] for line in lines[:3]] == [
            ["test", "seeds"],
            ["test_unreliable", "100"],
            ["test_heavy", "30"],
        ]
        seeds = 0  # what was said last may not have been heard yet
        if lines[3].startswith("test_third"):
            seeds = int(lines.pop(3).split()[1])
        assert seeds <= 3
        assert lines[3].startswith("interrupted;")
        record = json.loads(Path("a.json").read_text())
        assert (record["interrupted"], record["verdict"]) == (True, "unknown")
        assert [test["seeds"] for test in record["tests"]] == [100, 30, seeds]
        hanging.wait_for_no_workers()

    def test_a_killed_command_leaves_no_worker_behind(self, hanging: Command) -> None:
        assert len(hanging.workers()) == 1
        hanging.process.kill()
        hanging.wait_for_no_workers()


AGAIN = """\
if args.key == 'third':
    seen = sys._getframe(1).f_globals
    if seen.get('third'):
        os.mkdir('here')
        while True: pass
    seen['third'] = True
    raise ValueError('third')
"""
STOPS = {
    "importing": ("os.mkdir('here')\nwhile True: pass", ""),
    "running": ("", "if args.key == 'third':\n    os.mkdir('here')\n    while True: pass"),
    "explaining": ("import sys", AGAIN),
}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", STOPS)
def test_an_interrupt_ends_every_stage(
    labtester: Runner, stage: str, number: signal.Signals
) -> None:
    before, put = STOPS[stage]
    theirs = submit(labtester.folder, put, before=f"import os\n{before}")
    command = Command(
        *("run", "tiny", "--submission", theirs, "--jobs", "1", "--json", "a.json"),
        *("--tests", "test_third", "--stuck-after", "60", "--seeds", "5"),
    )
    try:
        command.wait_for(Path("here"))
        command.process.send_signal(number)
        out, err = command.process.communicate(timeout=30)
    finally:
        command.process.kill()
    assert command.process.returncode == 128 + number
    assert "Traceback" not in err
    record = json.loads(Path("a.json").read_text())
    assert record["interrupted"] is True
    failed = [test["failed"] for test in record["tests"]]
    assert failed == {"importing": [], "running": [[]], "explaining": [[3]]}[stage]
    assert record["verdict"] == ("fail" if stage == "explaining" else "unknown")
    if stage == "explaining":
        assert "Interrupted before its story was written." in out
        assert "labtester replay tiny test_third --seed 3 --submission theirs" in out
    command.wait_for_no_workers()


LATE = """\
if args.version == 2 and asyncio.get_running_loop().time() > 0.25:
    seen = sys._getframe(1).f_globals
    seen['late'] = seen.get('late', 0) + 1
    if seen['late'] == 10:
        os.mkdir('here')
        while True: pass
    raise ValueError('late')
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
def test_an_interrupt_while_a_run_is_shrunk_prints_its_story_as_it_was(labtester: Runner) -> None:
    theirs = submit(labtester.folder, LATE, before="import asyncio, os, sys")
    command = Command(
        *("run", "tiny", "--submission", theirs, "--jobs", "1", "--seeds", "5"),
        *("--tests", "test_unreliable", "--stuck-after", "60"),
    )
    try:
        command.wait_for(Path("here"))
        command.process.send_signal(signal.SIGINT)
        out, err = command.process.communicate(timeout=30)
    finally:
        command.process.kill()
    assert command.process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in err
    assert "ValueError" in out.splitlines()[2]
    assert "It was not shrunk, for that was interrupted." in out
    seed = out.partition("test_unreliable --seed ")[2].partition(" ")[0]
    assert f"labtester replay tiny test_unreliable --seed {seed} --submission theirs" in out
    assert "interrupted; only the seeds that are finished are counted above" in out
    command.wait_for_no_workers()
