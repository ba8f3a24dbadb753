"""One worker process as its parent sees it: jobs go in, answers come out, and it may fail.

It has four pipes: for jobs, for answers, for what the code under test prints, and for the stack of
a process that hangs or has crashed. It leads a process group of its own, so that it can be ended
with all its children, and Ctrl-C reaches only the parent.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from msgspec.structs import replace

from tester.workers.frames import KEY, Frames
from tester.workers.processes import OWN, end_descendants, end_orphans
from tester.workers.results import Lost, StackFrame
from tester.workers.watchdog import LOADING, Finding, Watchdog
from tester.workers.wire import (
    ANSWERS,
    Aborted,
    Answered,
    Chunk,
    Job,
    Message,
    encode,
    end_of,
    plain,
)
from tester.world.pipe import framed, killed_by

STACK_SIGNAL: Final = signal.SIGUSR1
"""Asks a worker for its stack."""

_counting: Final = Lock()
"""Held while a worker is started and while orphans are ended, as pools may run in threads."""

_KEPT: Final = 1 << 14
_STACK_WITHIN_S: Final = 2.0
_EXIT_WITHIN_S: Final = 0.5
_OUT_OF_MEMORY: Final = (
    " (the system does that when memory runs out: give workers less with --memory or --jobs)"
)
_GROWS: Final = (
    "The process that ran it took more and more memory in one step and got no further, so it was "
    "ended."
)
_FORGED: Final = (
    "The process that ran it said what no worker says at that moment: an answer to something "
    "else, or one that is not signed. It is code under test that speaks there, and nothing that "
    "the process said since counts."
)
_FRAME: Final = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)


@dataclass(frozen=True)
class Launch:
    """How a worker is started, and its first message; three descriptors end the command."""

    command: Sequence[str]
    environment: Mapping[str, str]
    setup: bytes


class Worker:
    """A worker process with the jobs it has been given and has not answered yet."""

    def __init__(self, launch: Launch) -> None:
        job_end, self._jobs_in = os.pipe()
        self.answers, answer_end = os.pipe()
        self.output, output_end = os.pipe()
        self._stack, stack_end = os.pipe()
        for pipe in (self.answers, self.output, self._stack):
            os.set_blocking(pipe, False)
        theirs = (job_end, answer_end, stack_end)
        with _counting:
            self._process = subprocess.Popen(
                [*launch.command, *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=output_end,
                pass_fds=theirs,
                env=dict(launch.environment),
                start_new_session=True,
            )
            OWN.add(self._process.pid)
        for pipe in (*theirs, output_end):
            os.close(pipe)
        self.jobs: deque[Job] = deque()
        self.answered = 0
        """How many answers to the first job have come."""
        self.ready = False
        self.loading = ""
        self.attempting = False
        """Whether it is shrinking a run."""
        self.watchdog = Watchdog(self._process.pid)
        self.deaths = 0
        """How many workers have died during the first run of this one."""
        self.ended = False
        """Whether no more messages will come."""
        self.leaked_state = False
        """Whether a run has leaked state into the process, which then runs nothing else."""
        self.distrusted = False
        """Whether its messages are ignored, because one of them was wrong."""
        self.aborted: Aborted | None = None
        """Why it did not answer for its present run, if it said so."""
        self._done = 0
        self._heard_all = False
        self._killed = False
        key = os.urandom(KEY)
        self._frames = Frames(key)
        self._printed = bytearray()
        self._send(key)
        self._send(launch.setup)

    # -- talking ----------------------------------------------------------------------------------

    def give(self, job: Job) -> None:
        """Queue a job."""
        self.jobs.append(job)
        self._send(encode(job))

    def has_answered(self) -> None:
        """Take note that the present run has been answered."""
        self.deaths, self.attempting = 0, False
        self.answered += 1
        if self.answered == self.jobs[0].count:
            self.jobs.popleft()
            self._done += 1
            self.answered = 0

    def expects(self, message: Answered | Aborted) -> bool:
        """Whether the message is about the present run."""
        if not self.jobs or (message.job, message.seed) != (
            self._done,
            self.jobs[0].seed_of(self.answered),
        ):
            return False
        if isinstance(message, Aborted):
            return True
        job = self.jobs[0]
        return message.test == job.test and type(message.answer) is ANSWERS[type(job)]

    def unanswered(self) -> Iterator[Job]:
        """The unanswered jobs: the present run as a job of its own, then the rest."""
        for number, job in enumerate(self.jobs):
            if number or not isinstance(job, Chunk):
                yield job
                continue
            seed = job.first + self.answered
            yield replace(job, first=seed, count=1)
            if rest := job.first + job.count - seed - 1:
                yield replace(job, first=seed + 1, count=rest)

    def _send(self, payload: bytes) -> None:
        try:
            os.write(self._jobs_in, framed(payload))  # short, and a pipe holds 64 KiB
        except BrokenPipeError:
            self.ended = True

    def hear(self) -> list[Message]:
        """The messages that have come, even if the worker has ended; notices if it has."""
        messages: list[Message] = []
        while not self._heard_all:
            data = _read(self.answers)
            if data is None:
                break
            self.watchdog.heard()
            messages += self._frames.feed(data)
            self._heard_all = self._frames.garbled or not data
        self.ended = self.ended or self._heard_all
        return messages

    def drain(self) -> bool:
        """Read what the worker printed and keep its end; False once it can print no more.

        Reads at most what a pipe holds, so that a worker that prints for ever blocks nothing.
        """
        data = _read(self.output)
        self._printed += data or b""
        del self._printed[:-_KEPT]
        return data != b""

    def printed(self, marker: str = "") -> str:
        """The end of what the worker printed, or of what it printed in the run of this marker."""
        self.drain()
        text = self._printed.decode(errors="replace")
        if marker:
            text = text.partition(end_of(marker))[0].rpartition(marker)[2]
        return plain(text).strip("\n")

    # -- the end ----------------------------------------------------------------------------------

    def has_exited(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def stack(self, pid: int) -> tuple[StackFrame, ...]:
        """The stack of a process of the worker, outermost frame first, even inside C code.

        It may be empty, because the code under test can disable faulthandler.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, STACK_SIGNAL)
        text = ""
        until = time.monotonic() + _STACK_WITHIN_S
        while (left := until - time.monotonic()) > 0:
            self.drain()  # a process whose pipe is full would wait
            if select.select([self._stack], [], [], min(left, 0.05))[0]:
                more = self._dumped()
                text += more
                if not more:
                    break
            elif text:
                break
        return _places(text)

    def stuck(self, passed_s: float, limit_s: int) -> Lost | None:
        """End the process if it makes no progress; returns what became of its run.

        `limit_s` is in seconds of CPU time, `passed_s` in real seconds since the last call.
        """
        if self.loading and not self.ready:
            limit_s *= LOADING
        found = self.watchdog.look(passed_s, limit_s)
        if found is None:
            return None
        waited = found is Finding.WAITING
        for pid in self.watchdog.busy if waited else self.watchdog.busy[:1]:
            stack = self.stack(pid)
            lost = Lost(self.watchdog.allowed_s, "", stack, self.attempting, waited)
            if lost.users():
                break
        if stack and not waited and not lost.users() and self.watchdog.is_ours():
            return None
        if found is Finding.GROWING:
            if self.watchdog.squeeze():
                return None
            lost = Lost(0, "", stack, self.attempting, what="out of memory", sentence=_GROWS)
        self.kill()
        return lost

    def over(self) -> Lost:
        """End the process, which has failed or ended by itself; returns what became of its run."""
        if self.aborted is not None:
            self.kill()
            stack = tuple(StackFrame(*place) for place in self.aborted.stack)
            return Lost(
                0,
                "",
                stack,
                self.attempting,
                what=plain(self.aborted.what),
                sentence=plain(self.aborted.sentence),
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_WITHIN_S)
        exited = self.has_exited()
        status = self.kill()
        if self.distrusted or self._frames.garbled:
            return Lost(0, "", (), self.attempting, what="a false answer", sentence=_FORGED)
        ending = _ending(status) if exited else "stopped answering its parent, and was ended"
        return Lost(0, ending, _places(self._dumped()), self.attempting)

    def _dumped(self) -> str:
        return (_read(self._stack) or b"").decode(errors="replace")

    def kill(self) -> int:
        """End the process and its descendants; returns the exit status, negative for a signal."""
        if self._killed:  # another process may have its number by now
            return self._process.wait()
        self._killed = True
        if not self.has_exited():
            os.kill(self._process.pid, signal.SIGSTOP)  # it goes on adopting orphans
            end_descendants(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        with _counting:
            OWN.discard(self._process.pid)
            end_orphans()  # those it had adopted are ours now
        return status

    def close(self) -> None:
        """Close its pipes."""
        for pipe in (self._jobs_in, self.answers, self.output, self._stack):
            os.close(pipe)


def _read(pipe: int) -> bytes | None:
    """The bytes in a pipe; empty at its end, None if there are none yet."""
    try:
        return os.read(pipe, 1 << 16)
    except BlockingIOError:
        return None


def _places(dump: str) -> tuple[StackFrame, ...]:
    """The frames of the first thread in faulthandler's text, outermost first."""
    found: list[re.Match[str]] = []
    for match in _FRAME.finditer(dump):
        if found and "\n\n" in dump[found[-1].end() : match.start()]:
            break  # the next thread
        found.append(match)
    return tuple(StackFrame(m[1], int(m[2]), m[3]) for m in reversed(found))


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    return killed_by(-status) + (_OUT_OF_MEMORY if status == -signal.SIGKILL else "")
