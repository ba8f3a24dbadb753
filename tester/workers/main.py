"""A worker process: its pipes, its limits, and what the code under test does to it.

It speaks through pipes of its own, so what the code under test prints reaches nobody by mistake.
The code under test runs here and nowhere else; the parent gets plain data.
"""

from __future__ import annotations

import _thread
import contextlib
import dataclasses
import faulthandler
import gc
import os
import resource
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import msgspec
from msgspec.structs import replace

from tester.engine import pulse, reserve
from tester.engine.pulse import EVERY_STEPS
from tester.guard import guard
from tester.guard.intact import Intact
from tester.guard.origin import is_users
from tester.labs import contract
from tester.labs.lab import Lab
from tester.labs.suite import tests_of
from tester.labs.taken import misses, taken
from tester.report import paths
from tester.search.again import code_digest
from tester.workers import surroundings
from tester.workers.frames import Sender
from tester.workers.jobs import Jobs
from tester.workers.launch import Setup
from tester.workers.processes import end_descendants, end_with_parent, keep_descendants
from tester.workers.wire import (
    Aborted,
    Alive,
    Answered,
    Job,
    JobResult,
    Listed,
    Loading,
    Message,
    Noted,
    Ready,
    Refused,
    job_of,
    misuse,
    plain,
)
from tester.workers.worker import STACK_SIGNAL
from tester.world import submission
from tester.world.failure import Failure, at_exhaustion, describe, user_frames
from tester.world.pipe import receive
from tester.world.run import Scenario
from tester.world.submission import BadSubmission

if TYPE_CHECKING:  # a lab's tests need no pytest
    from tester.workers.under_pytest import Case

_BEAT_NS: Final = 20_000_000
"""About how much CPU time passes between two calls of `_beat`."""
_ALIVE_NS: Final = 200_000_000
"""The least CPU time between two Alive messages to the parent."""
_LEFT: Final = (
    "Its run has left {} behind, which could answer for another run, or change it. A simulated "
    "machine is one thread of one process: do the work in a coroutine."
)
_REPLACED: Final = (
    "Its run, or one before it in the same process, has replaced {}, which judges it; so nothing "
    "that this process says can be believed. Leave what is not yours as it is."
)
# The code under test may put others in their place.
_waitpid, _cpu_ns, _getpid, _exit = os.waitpid, time.process_time_ns, os.getpid, os._exit


def main(jobs: int, answers: int, stack: int) -> NoReturn:
    """Run a worker; the arguments are the descriptors of its pipes."""
    for pipe in (jobs, answers, stack):
        os.set_inheritable(pipe, False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the stack says enough
    faulthandler.enable(stack)
    faulthandler.register(STACK_SIGNAL, file=stack, all_threads=False)
    end_with_parent()
    worker = _WorkerProcess(jobs, answers, stack)
    warnings.showwarning = worker.show_warning
    with worker.to_the_end():
        worker.work()
    raise AssertionError


class _WorkerProcess:
    """This process, which `worker.Worker` started: see `under_pytest.Server` and `jobs.Parent`."""

    def __init__(self, jobs_pipe: int, answers_pipe: int, stack_pipe: int) -> None:
        self._jobs_pipe = jobs_pipe
        self._answers_pipe = answers_pipe
        self._stack_pipe = stack_pipe
        self._key = receive(jobs_pipe)
        self._pid = _getpid()
        self._number = -1
        """How many jobs came before the present one."""
        self._threads = 0
        """How many threads the process may have."""
        self._beat_ns = self._alive_ns = 0
        self._steps_per_beat = EVERY_STEPS
        self._setup = Setup(None, None, None)
        self._jobs = Jobs(self)
        self._intact: Intact | None = None
        """What the harness is made of; None for a project, whose tests may replace anything."""

    def work(self) -> NoReturn:
        """Load the submission, then do one job after the other. Raises EOFError at their end."""
        self._setup = setup = msgspec.msgpack.decode(receive(self._jobs_pipe), type=Setup)
        pipes = self._jobs_pipe, self._answers_pipe
        surroundings.enter(setup.around, pipes, STACK_SIGNAL)
        self._settle()
        sys.dont_write_bytecode = True  # the folder of the code under test is not ours to write to
        self._limit_memory(setup.memory)
        if setup.project is not None:
            from tester.workers import under_pytest

            self._jobs.pytest_exception = under_pytest.pytest_exception
            self.say(Loading(setup.project.shown))
            under_pytest.serve(setup.project, self)
        assert setup.lab is not None
        self._jobs.lab, self._jobs.folder = setup.lab.name, setup.submission or ""
        intact = Intact()
        try:
            used = self._load(setup, setup.lab)
        except BadSubmission as refusal:
            self.refuse(str(refusal))
        except BaseException as error:  # noqa: BLE001 - what a metaclass may do, or a KeyboardInterrupt
            frames = user_frames(error)
            place = f"{frames[-1].file}:{frames[-1].line}" if frames else setup.lab.suite
            self.refuse(f"{place}: loading it raised {submission.spelled(error)}")
        if changed := intact.changed():
            self.refuse(
                f"importing the submission replaced {changed}; a module of a submission defines "
                "things and runs nothing"
            )
        self._intact = Intact()  # with the suite
        gc.freeze()  # what is here stays: collections need not look at it again
        listed = [
            Listed.of(name, scenario, setup.seeds, parts=setup.lab.parts(name))
            for name, scenario in self._jobs.tests.items()
        ]
        self._begin(Ready(listed, plain(used)), "importing the submission")
        with guard.standing():
            while True:
                self._do(self.receive_job())

    # -- starting ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Prepare this process, which is the one that runs the code under test, for its parent."""
        end_with_parent()  # in an infinite loop it would not notice that the parent is killed
        keep_descendants()
        # Copies of the process that the code under test makes do not get the pipes.
        for pipe in (self._jobs_pipe, self._answers_pipe):
            os.register_at_fork(after_in_child=lambda pipe=pipe: os.close(pipe))
        self._sender = Sender(self._answers_pipe, self._key)
        del self._key

    def _limit_memory(self, size: int) -> None:
        if size:
            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (size, most))
            at_exhaustion(self.check_memory)

    def _load(self, setup: Setup, lab: Lab) -> str:
        """Load the submission and the suite; returns what was taken from the submission."""
        self.say(Loading(setup.submission or lab.suite))
        found = submission.REFERENCE
        if setup.submission is not None:
            found = submission.load(Path(setup.submission))
            for sentence in found.ignored():
                self.say(Noted(plain(sentence)))
        contract.check_contract(lab, found, lambda what: self.say(Loading(what)))
        used = taken(lab, found)
        for sentence in misses(lab, found.folder) if found.folder else ():
            self.say(Noted(plain(f"{found.folder}{os.sep}{sentence}")))
        self.say(Loading(""))
        tests = tests_of(lab.suite)
        how = setup.schedule, setup.strategy
        isolated = surroundings.PROCESSES in setup.around.varied
        self._jobs.tests = {
            name: dataclasses.replace(test.under(*how), isolated=isolated or test.isolated)
            for name, test in tests.items()
        }
        return used

    def _begin(self, ready: Ready, loading: str) -> None:
        if left := self._left_behind():
            self.refuse(
                f"{loading} left {left} behind; a module of a submission defines things and runs "
                "nothing"
            )
        self._threads = _thread._count()
        pulse.listen(self._beat)
        if self._setup.digests:
            codes = {name: code_digest(scenario) for name, scenario in self._jobs.tests.items()}
            ready.tests[:] = [replace(test, code=codes[test.name]) for test in ready.tests]
        self.say(ready)

    # -- tests of a project: see under_pytest.Server ----------------------------------------------

    def ready(self, cases: Sequence[Case], root: str) -> None:
        """The tests have been collected."""
        how = self._setup.schedule, self._setup.strategy
        tests = self._jobs.tests = {case.name: case.scenario.under(*how) for case in cases}
        listed = [
            Listed.of(
                case.name,
                tests[case.name],
                self._setup.seeds,
                module=case.module,
                fixtures=case.fixtures,
            )
            for case in cases
        ]
        self.say(Loading(""))
        self._begin(Ready(listed, root=root), "collecting the tests")

    def do(self, job: Job, scenario: Scenario) -> None:
        """Run a job of a test whose fixtures are set up, and may have started threads."""
        self._threads = _thread._count()
        how = self._setup.schedule, self._setup.strategy
        self._jobs.tests[job.test] = scenario.under(*how)
        with guard.standing():
            self._do(job)

    def cannot_do(self, job: Job, sentence: str) -> None:
        """Answer a job of a test that cannot be run."""
        self._number += 1
        for at in range(job.count):
            self._jobs.present = job.test, job.seed_of(at)
            self.answer(misuse(job, plain(sentence)))

    def watch_crashes(self) -> None:
        """Say where the process stands, should it crash."""
        faulthandler.enable(self._stack_pipe)

    def receive_job(self) -> Job:
        """The next job. Raises EOFError if the parent has hung up."""
        return job_of(receive(self._jobs_pipe))

    @contextlib.contextmanager
    def to_the_end(self) -> Iterator[None]:
        """End this process when there are no more jobs, and when something goes wrong."""
        try:
            yield
        except (EOFError, BrokenPipeError):  # the parent has hung up
            status = 0
        except OSError:  # the code under test has closed our pipes: the parent sees that we end
            status = 1
        except MemoryError as error:  # not even the simulation had enough to say so
            self._ran_out_of_memory(error)
        else:
            return
        # At once: threads and exit handlers of the code under test must not delay it.
        _exit(status)

    # -- talking to the parent --------------------------------------------------------------------

    def _do(self, job: Job) -> None:
        self._number += 1
        self._jobs.do(job)

    def say(self, message: Message) -> None:
        """Send a message."""
        self._sender.say(message)

    def answer(self, answer: JobResult) -> None:
        """Answer for the present run, unless it has left something behind."""
        if left := self._left_behind():
            self._abort(f"{left} left behind", _LEFT.format(left))
        test, seed = self._jobs.present
        self.say(Answered(self._number, test, seed, answer))

    def refuse(self, sentence: str) -> NoReturn:
        """Say why there is nothing to run."""
        self.say(Refused(" ".join(plain(sentence).split())))
        raise EOFError

    def _abort(self, what: str, sentence: str, failure: Failure | None = None) -> NoReturn:
        """End this process instead of answering for a run that has done something to it."""
        frames = () if failure is None else failure.frames
        stack = [(frame.file, frame.line, frame.function) for frame in frames]
        _, seed = self._jobs.present
        self.say(Aborted(self._number, seed, what, plain(sentence), stack))
        end_descendants(_getpid())
        _exit(0)  # at once: freeing what a run holds may take long, and runs its code

    def show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Send warnings of labrpc and of a forgotten `await` to the author; print the others.

        A run with a forgotten `await` may pass all the same. An isolated node has a process of its
        own, which has no say here: what it warns of is printed.
        """
        ours = _getpid() == self._pid
        if ours and category.__module__.startswith("labrpc"):
            self.say(Noted(plain(str(message))))
        elif ours and str(message).endswith("was never awaited") and is_users(filename):
            self.say(Noted(f"{paths.relative(filename)}:{lineno}: {plain(str(message))}"))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))

    # -- what a run does to this process ----------------------------------------------------------

    def _left_behind(self) -> str:
        """What the run left behind that would go on beside the next one; "" if nothing."""
        try:
            _waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # as it ought to be
            return "" if _thread._count() <= self._threads else "a thread"
        return "a process"

    def _ran_out_of_memory(self, error: MemoryError) -> None:
        """Abort: the simulation itself was given no more memory."""
        reserve.release()
        test, _ = self._jobs.present
        describe(error, test, "running", None)  # calls `check_memory`, which does not return
        self._abort("out of memory", f"{type(error).__name__} (--memory sets the limit.)")

    def check_intact(self) -> None:
        """Abort if the code under test has replaced parts of the harness."""
        changed = "" if self._intact is None else self._intact.changed()
        if changed:
            self._abort(f"{changed} replaced", _REPLACED.format(changed))

    def check_memory(self, failure: Failure) -> None:
        """Abort if the run is short of memory: how soon that is depends on the runs before it."""
        if failure.exhausted:
            said = (
                f"{failure.kind} on {failure.node} {failure.doing}: {failure.exhausted}. "
                "(--memory sets the limit of a worker.)"
            )
            self._abort("out of memory", said, failure)

    def _beat(self) -> int:
        """Say now and then that the run goes on; returns the number of steps to the next call."""
        now = _cpu_ns()
        passed, self._beat_ns = now - self._beat_ns, now
        if passed > _BEAT_NS:
            self._steps_per_beat = max(1, self._steps_per_beat * _BEAT_NS // (2 * passed))
        else:
            self._steps_per_beat = min(2 * self._steps_per_beat, EVERY_STEPS)
        if now - self._alive_ns > _ALIVE_NS:
            self._alive_ns = now
            self.say(Alive())
        return self._steps_per_beat
