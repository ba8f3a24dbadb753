"""A job of a sweep: a chunk of seeds, run in a child process of whoever is given the job.

A job is bytes and its answer is bytes, both plain data, and a job may be given to several
processes, or to one again: each answers the same. So any `concurrent.futures.Executor` will do.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Final

import msgspec

from tester.engine import VERSION
from tester.report import aborted
from tester.workers.launch import Setup, launch
from tester.workers.plan import JobSource
from tester.workers.pool import CannotStart, Pool
from tester.workers.processes import keep_descendants
from tester.workers.results import Lost, Rerun
from tester.workers.wire import Chunk, Job, JobResult, Listed, Ran

CHANCES: Final = 3
"""A seed that has ended so many processes has failed."""
_POOLS: Final = 4
"""At most this many targets have a process in one thread, each waiting for its next job."""


class SweepJob(msgspec.Struct, frozen=True, array_like=True):
    """A chunk of seeds of one test of a target; no chunk: say which tests the target has."""

    setup: Setup
    stuck_s: int
    chunk: Chunk | None = None


class LostRun(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A seed whose process hung or died."""

    symptom: tuple[str, ...]
    story: str
    """In which the command to run it again is COMMAND."""


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The target cannot be run; one sentence says why."""

    sentence: str


class Tests(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a target consists of, and what was taken from a submission for it."""

    tests: list[Listed]
    taken: str
    root: str
    """Where the project begins, if it is one."""
    notes: list[str]
    """Warnings for the author of the code under test."""


class ChunkDone(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What the seeds of a chunk came to, in order."""

    code: str
    """Digest of the code that was run."""
    version: str
    """Of labtester."""
    runs: list[Ran | LostRun]


class Stopped(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Nobody wanted the chunk any more."""


SweepAnswer = Tests | ChunkDone | Refusal | Stopped
COMMAND: Final = "<command>"

encode_job: Final = msgspec.msgpack.Encoder().encode
answer_of: Final = msgspec.msgpack.Decoder(SweepAnswer).decode
_job_of: Final = msgspec.msgpack.Decoder(SweepJob).decode
_encode_answer: Final = msgspec.msgpack.Encoder().encode

stopping: Final = threading.Event()
"""Set where jobs that run in this process are to end soon, unfinished."""


def run_job(data: bytes) -> bytes:
    """Do one job; what executors are given."""
    return _encode_answer(_do(_job_of(data)))


class _ChunkSource(JobSource):
    """One chunk, and the answers to it."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk: Chunk | None = chunk
        self._first = chunk.first
        self._count = chunk.count
        self.found: dict[int, Ran | LostRun] = {}

    def next(self) -> Job | None:
        chunk, self._chunk = self._chunk, None
        return chunk

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        assert isinstance(job, Chunk)
        assert isinstance(answer, Ran)
        self.found[job.first + at] = answer

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        assert isinstance(job, Chunk)
        self.found[job.first + at] = lost_run(job.test, job.first + at, lost)

    def wants(self, job: Job) -> bool:
        return True

    def finished(self) -> bool:
        return len(self.found) == self._count or stopping.is_set()

    def runs(self) -> list[Ran | LostRun]:
        """In the order of the seeds."""
        return [self.found[self._first + at] for at in range(self._count)]


def lost_run(test: str, seed: int, lost: Lost) -> LostRun:
    """What is kept of a seed whose process hung or died."""
    symptom: tuple[str, ...]
    if lost.loop is not None:
        symptom = ("stuck", *lost.loop)
    elif lost.stuck_s:
        symptom = ("stuck",)
    else:
        symptom = (lost.what or "process died",)
    return LostRun(symptom, aborted.story(Rerun(test, seed, COMMAND, lost=lost)))


def _do(job: SweepJob) -> SweepAnswer:
    if stopping.is_set():
        return Stopped()
    try:
        host = _host(job)
        if job.chunk is None:
            return Tests(host.pool.tests(), host.pool.taken, host.pool.root, host.notes)
        tests = {test.name: test for test in host.pool.tests()}
        source = _ChunkSource(job.chunk)
        host.pool.work(source)
    except CannotStart as reason:
        _forget(job)
        return Refusal(str(reason))
    except BaseException:
        _forget(job)
        raise
    if len(source.found) < job.chunk.count:
        return Stopped()
    for ran in source.found.values():
        if isinstance(ran, Ran) and ran.verdict == "misuse":
            return Refusal(ran.sentence)
    return ChunkDone(tests[job.chunk.test].code, VERSION, source.runs())


# -- the child process of this thread -------------------------------------------------------------


class _Host:
    """A child process that has loaded a target, and waits for chunks."""

    def __init__(self, job: SweepJob) -> None:
        self.notes: list[str] = []
        self._stack = ExitStack()
        how = launch(job.setup)
        pool = Pool(how, 1, stuck_s=job.stuck_s, note=self.notes.append, chances=CHANCES)
        self.pool = self._stack.enter_context(pool)

    def close(self) -> None:
        """End the process."""
        self._stack.close()


class _Hosts(threading.local):
    """The hosts of one thread: a child ends with the thread that has started it."""

    def __init__(self) -> None:
        self.by_target: dict[bytes, _Host] = {}


_hosts: Final = _Hosts()
_all: Final[list[_Host]] = []
_kept: Final[list[bool]] = []
_starting: Final = threading.Lock()


def _host(job: SweepJob) -> _Host:
    key = _target(job)
    mine = _hosts.by_target
    if key not in mine:
        while len(mine) >= _POOLS:
            _end(mine.pop(next(iter(mine))))
        with _starting:
            if not _all:  # as long as there are any: pools in threads come and go in any order
                _kept.append(keep_descendants())
            mine[key] = _Host(job)
            _all.append(mine[key])
    return mine[key]


def _forget(job: SweepJob) -> None:
    host = _hosts.by_target.pop(_target(job), None)
    if host is not None:
        _end(host)


def _end(host: _Host) -> None:
    with _starting:
        if host in _all:
            _all.remove(host)
    host.close()


def _target(job: SweepJob) -> bytes:
    return encode_job(msgspec.structs.replace(job, chunk=None))


def end_all() -> None:
    """End the child processes that jobs in this process have started, once no job runs."""
    with _starting:
        hosts = list(_all)
        _all.clear()
    for host in hosts:
        host.close()
    if _kept:
        _ = keep_descendants(keep=_kept[0])
        _kept.clear()
