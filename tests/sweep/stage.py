"""What the tests of sweeps are made of: executors that go wrong, and commands to kill."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

from tester.labs.lab import Lab
from tester.sweep import job
from tester.sweep.store import BadStore, Store
from tester.sweep.sweep import Target
from tester.workers.launch import Setup
from tester.workers.processes import descendants, processes
from tests.running import MAIN, TINY
from tests.tree import ROOT

TEST = "test_unreliable"


def target(test: str | None = TEST, lab: Lab = TINY, submission: str | None = None) -> Target:
    return Target(lab.name, Setup(lab, submission, None, digests=True), test)


class Here(Executor):
    """Does each job at once, in this process; `trouble` may raise before it does."""

    def __init__(self, trouble: Callable[[bytes], None] = lambda data: None) -> None:
        self._trouble = trouble

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self._trouble(*args)
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class Broken(BrokenExecutor):
    """What an executor of processes raises for all of its jobs, when one process has died."""


@contextlib.contextmanager
def ended_hosts() -> Iterator[None]:
    """Ends the children of jobs that were done in this process."""
    try:
        yield
    finally:
        job.end_all()
        job._hosts.by_target.clear()


def exported(path: Path) -> list[str]:
    with Store(path) as store:
        return list(store.export())


def count(path: Path) -> int:
    """How many seeds a store has, at a moment when somebody may be making it."""
    try:
        with Store(path) as store:
            return store.count()
    except BadStore:
        return 0


class Command:
    """`labtester sweep` in a process of its own, of a group of its own."""

    def __init__(self, folder: Path, *args: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "sweep", *args],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def workers(self) -> list[int]:
        """Its worker processes."""
        return [one.pid for one in descendants(self.process.pid, processes())]

    def wait_for(self, path: Path, seeds: int) -> bool:
        """Wait until the store has so many seeds; False if it ended before."""
        while self.process.poll() is None:
            if count(path) >= seeds:
                return True
            time.sleep(0.05)
        return False

    def kill(self) -> None:
        self.process.kill()
        _ = self.process.communicate()

    def kill_a_worker(self, luck: random.Random) -> None:
        workers = self.workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(luck.choice(workers), signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Let it end by itself: its status, and what it said on standard error."""
        _, err = self.process.communicate(timeout=300)
        return self.process.returncode, err
