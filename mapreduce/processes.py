"""A job on one machine: a coordinator in this process, and a process for each worker."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from labrpc import Server
from labrpc.tcp import serve
from mapreduce.api import OUTPUT, output
from mapreduce.folder import Split, named, split
from mapreduce.job import JobCoordinator
from mapreduce.process import CODE

MOST_BYTES: Final = 4 * 2**20
"""The part of the input that a map task has at most: a worker holds it in memory."""
LEAST_BYTES: Final = 64 * 2**10
TASKS_EACH: Final = 4
"""How many map tasks each worker gets, if each has `Job.least_bytes` or more."""
_STDERR: Final = 2
"""Where workers print: standard output is for what the command has to say."""
_LOOK_S: Final = 1 / 20
"""The time between two looks at whether a worker has died."""
LEAVE_S: Final = 5
"""How long workers may take to end after the job before they are killed."""


class BadJob(Exception):
    """A job that cannot begin, or has failed: a sentence that says why, and where."""


@dataclass(frozen=True)
class Job:
    """What is to be computed, of what, and where the output goes."""

    app: str
    inputs: Sequence[str]
    out: str
    workers: int = 4
    n_reduce: int = 10
    least_bytes: int = LEAST_BYTES

    def parts(self) -> dict[str, Split]:
        """The map tasks, by the names of what they read. Raises BadJob for a missing file."""
        sizes = [_size(name) for name in self.inputs]
        each = -(-sum(sizes) // (TASKS_EACH * self.workers))
        size = min(MOST_BYTES, max(self.least_bytes, each))
        try:
            return named([one for name in self.inputs for one in split(name, Path(name), size)])
        except OSError as error:
            raise BadJob(f"{error.filename}: {error.strerror}") from None

    def prepare(self) -> Path:
        """Make the folder of the output, and one in it for all else; returns that.

        Raises BadJob if it cannot, or if there is an output already.
        """
        out = Path(self.out)
        try:
            out.mkdir(parents=True, exist_ok=True)
            there = sorted(path.name for path in out.iterdir() if path.name.startswith(OUTPUT))
            if there:
                raise BadJob(
                    f"{out}: expected a folder without an output, got {there[0]}: remove it, or "
                    "name another folder"
                )
            return Path(tempfile.mkdtemp(prefix=".mapreduce-", dir=out)).resolve()
        except FileExistsError:
            raise BadJob(f"{out}: expected a folder, got a file") from None
        except OSError as error:
            raise BadJob(f"{out}: expected a folder to write to: {error.strerror}") from None

    def deliver(self, folder: Path) -> None:
        """Move the output to where it belongs, once it is complete."""
        for number in range(self.n_reduce):
            (folder / output(number)).replace(Path(self.out) / output(number))

    def clean(self, folder: Path) -> None:
        """Delete what is of no use when the job is over."""
        shutil.rmtree(folder, ignore_errors=True)


def _size(name: str) -> int:
    path = Path(name)
    try:
        found = path.stat()
    except OSError as error:
        raise BadJob(f"{name}: {error.strerror}") from None
    if stat.S_ISDIR(found.st_mode):
        raise BadJob(f"{name}: expected a file, got a folder: name the files in it")
    if not stat.S_ISREG(found.st_mode):
        raise BadJob(f"{name}: expected a file, got a device, pipe or socket: save it first")
    return found.st_size


class Processes:
    """A job, while it runs in processes of this machine."""

    def __init__(self, job: Job, changed: Callable[[int, int], None]) -> None:
        self._job = job
        self._parts = job.parts()
        self._numbers = itertools.count()
        self._over = asyncio.Event()
        self._tell = changed
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        """The workers that run now."""
        self.lost = 0
        """How many workers have died."""
        about = [str(part) for part in self._parts.values()]
        self.coordinator = JobCoordinator(list(self._parts), job.n_reduce, about, self._changed)

    @property
    def maps(self) -> int:
        """How many map tasks there are."""
        return len(self._parts)

    async def run(self) -> None:
        """Do the job. Raises BadJob if it cannot be done; `changed` is told of every task."""
        folder = self._job.prepare()
        sockets = Path(tempfile.mkdtemp(prefix="mapreduce-"))
        try:
            async with await serve(Server(self.coordinator), str(sockets / "coordinator")) as at:
                described = {
                    "address": str(at.address),
                    "app": self._job.app,
                    "parts": {name: asdict(part) for name, part in self._parts.items()},
                }
                (folder / "job.json").write_text(json.dumps(described), encoding="utf-8")
                await self._until_over(folder)
            if self.coordinator.failure:
                raise BadJob(self.coordinator.failure)
            self._job.deliver(folder)
        finally:
            self._job.clean(folder)
            shutil.rmtree(sockets, ignore_errors=True)

    async def _until_over(self, folder: Path) -> None:
        seats = [
            asyncio.create_task(self._fill_seat(folder), name=f"seat {seat}")
            for seat in range(self._job.workers)
        ]
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([over, *seats], return_when=asyncio.FIRST_COMPLETED)
            if self._over.is_set():
                await asyncio.wait(seats, timeout=LEAVE_S)
        finally:
            over.cancel()
            for seat in seats:
                seat.cancel()
            ended = await asyncio.gather(*seats, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _fill_seat(self, folder: Path) -> None:
        """Have a worker run, and another one whenever it dies, until the job is over."""
        where = "\n".join([*filter(None, sys.path), str(Path.cwd())])
        while not self.coordinator.over:
            name = f"w{next(self._numbers)}"
            # Not asyncio's: cancelled while it starts a process, that would leave it behind.
            process = self.running[name] = subprocess.Popen(
                [sys.executable, "-P", "-c", CODE, where, str(folder / "job.json"), name],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
            )
            try:
                while (status := process.poll()) is None:
                    await asyncio.sleep(_LOOK_S)
            finally:
                process.kill()
                _ = process.wait()
                del self.running[name]
            if not self.coordinator.over:
                self.lost += 1
                self.coordinator.lost(name, _how(status))

    def _changed(self) -> None:
        self._tell(*self.coordinator.finished_tasks())
        if self.coordinator.over:
            self._over.set()


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was ended by {signal.Signals(-status).name}"
