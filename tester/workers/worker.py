"""One worker process, as its parent sees it: jobs go in, answers come out, and it may go wrong.

Four pipes: jobs, answers, what the code under test prints, and the stack of a process that hangs
or has crashed. The worker leads a process group of its own, so that it can be ended with all it
has started, and Ctrl-C reaches only the parent.
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
from typing import Final

from tester.workers.frames import Frames
from tester.workers.results import Lost, Place
from tester.workers.wire import Chunk, Job, Message, encode, end_of, plain
from tester.world.pipe import framed, killed_by

STACK_SIGNAL: Final = signal.SIGUSR1
"""Asks a worker for the stack at which it stands."""

_KEPT: Final = 1 << 14
_STACK_WITHIN_S: Final = 2.0
_EXIT_WITHIN_S: Final = 0.5
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
        self._process = subprocess.Popen(
            [*launch.command, *map(str, theirs)],
            stdin=subprocess.DEVNULL,
            stdout=output_end,
            stderr=output_end,
            pass_fds=theirs,
            env=dict(launch.environment),
            start_new_session=True,
        )
        for pipe in (*theirs, output_end):
            os.close(pipe)
        self.jobs: deque[Job] = deque()
        self.answered = 0
        """How many answers the first of the jobs has got."""
        self.ready = False
        self.loading = ""
        self.attempting = False
        """Whether it looks for a smaller run than the one it is to tell."""
        self.quiet_s = 0.0
        """Real seconds since the worker last said something."""
        self.second_chance = False
        """Whether another worker has died of the run that this one begins with."""
        self.ended = False
        """Whether it will say nothing more."""
        self.spent = False
        """Whether a run has changed what outlives it: no other run is to come after it."""
        self.distrusted = False
        """Whether it has said what it was not asked: nothing it says counts any more."""
        self._heard_all = False
        self._killed = False
        self._frames = Frames()
        self._printed = bytearray()
        self._send(launch.setup)

    # -- talking ----------------------------------------------------------------------------------

    def give(self, job: Job) -> None:
        """Queue a job."""
        self.jobs.append(job)
        self._send(encode(job))

    def has_answered(self) -> None:
        """The run it was at has its answer, and counts no more against the worker."""
        self.second_chance = self.attempting = False
        self.answered += 1
        if self.answered == self.jobs[0].count:
            self.jobs.popleft()
            self.answered = 0

    def left(self) -> Iterator[Job]:
        """What it has still to answer: the run it is at as a job of its own, then the rest."""
        for number, job in enumerate(self.jobs):
            if number or not isinstance(job, Chunk):
                yield job
                continue
            seed = job.first + self.answered
            yield Chunk(job.test, seed, 1)
            if rest := job.first + job.count - seed - 1:
                yield Chunk(job.test, seed + 1, rest)

    def _send(self, payload: bytes) -> None:
        try:
            os.write(self._jobs_in, framed(payload))  # short, and a pipe holds 64 KiB
        except BrokenPipeError:
            self.ended = True

    def hear(self) -> list[Message]:
        """What the worker has said since, also if it has gone meanwhile; notices when it has."""
        messages: list[Message] = []
        while not self._heard_all:
            data = _read(self.answers)
            if data is None:
                break
            self.quiet_s = 0.0
            messages += self._frames.feed(data)
            self._heard_all = self._frames.garbled or not data
        self.ended = self.ended or self._heard_all
        return messages

    def drain(self) -> bool:
        """Take in what the worker printed and keep its end; False once it can print no more.

        Takes one pipe's fill at most: what prints without end must not keep us here.
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
        """Whether the process is over."""
        return self._process.poll() is not None

    def stack(self) -> tuple[Place, ...]:
        """Where the process stands, outermost first: also inside C code, but not for certain."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, STACK_SIGNAL)
        text = ""
        until = time.monotonic() + _STACK_WITHIN_S
        while (left := until - time.monotonic()) > 0:
            self.drain()  # a process that prints for ever would wait for us
            if select.select([self._stack], [], [], min(left, 0.05))[0]:
                more = self._dumped()
                text += more
                if not more:
                    break
            elif text:
                break
        return _places(text)

    def lost(self, stuck_s: int) -> Lost:
        """End the process and say what became of its run.

        `stuck_s`: it has been quiet so long; 0: it has ended, or says what no worker says.
        """
        if stuck_s:
            stack = self.stack()
            self.kill()
            return Lost(stuck_s, "", stack, self.attempting)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_WITHIN_S)
        exited = self.has_exited()
        status = self.kill()
        ending = _ending(status) if exited else "stopped answering its parent, and was ended"
        return Lost(0, ending, _places(self._dumped()), self.attempting)

    def _dumped(self) -> str:
        return (_read(self._stack) or b"").decode(errors="replace")

    def kill(self) -> int:
        """End the process and all it has started; the exit status, negative for a signal."""
        if not self._killed:  # afterwards its number may belong to somebody else
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def close(self) -> None:
        """Let its pipes go."""
        for pipe in (self._jobs_in, self.answers, self.output, self._stack):
            os.close(pipe)


def _read(pipe: int) -> bytes | None:
    """What is in a pipe; empty at its end, None while nothing is there."""
    try:
        return os.read(pipe, 1 << 16)
    except BlockingIOError:
        return None


def _places(dump: str) -> tuple[Place, ...]:
    """The frames of faulthandler's text, of the thread it names first; outermost first."""
    found: list[re.Match[str]] = []
    for match in _FRAME.finditer(dump):
        if found and "\n\n" in dump[found[-1].end() : match.start()]:
            break  # the next thread
        found.append(match)
    return tuple(Place(m[1], int(m[2]), m[3]) for m in reversed(found))


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    return killed_by(-status)
