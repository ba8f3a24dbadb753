"""What a worker process does: load one submission, then run the seeds it is told to.

It speaks through pipes of its own, so that what the code under test prints harms nobody. The code
under test runs here and nowhere else: the parent gets plain data.
"""

from __future__ import annotations

import _thread
import contextlib
import faulthandler
import gc
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import msgspec
from msgspec.structs import replace

from tester.engine import pulse, reserve
from tester.engine.pulse import EVERY_STEPS
from tester.guard import guard
from tester.guard.origin import is_users
from tester.labs import contract
from tester.labs.lab import Lab
from tester.labs.suite import tests_of
from tester.labs.taken import misses, taken
from tester.report import aborted, paths
from tester.report.story import render_placement
from tester.search.again import Again, code_digest, run_again
from tester.search.exhaust import exhaust, placed_again
from tester.search.explain import describe as in_words
from tester.search.record import parse
from tester.search.shrink import symptom
from tester.search.suspects import suspected
from tester.workers import surroundings
from tester.workers.detail import run_in_detail
from tester.workers.frames import Sender
from tester.workers.launch import Setup
from tester.workers.processes import end_descendants, end_with_parent, keep_descendants
from tester.workers.rerun import report_of
from tester.workers.wire import (
    Aborted,
    Alive,
    Answer,
    Answered,
    Attempting,
    Chunk,
    Figure,
    Job,
    Listed,
    Loading,
    Message,
    Noted,
    Placed,
    Prove,
    Proved,
    Ran,
    Ready,
    Refused,
    RerunJob,
    RerunReport,
    Suspected,
    Trace,
    Traced,
    end_of,
    job_of,
    misuse,
    plain,
)
from tester.workers.worker import STACK_SIGNAL
from tester.world import submission
from tester.world.failure import (
    Failure,
    HandlerCrashed,
    at_exhaustion,
    describe,
    user_frames,
)
from tester.world.pipe import receive
from tester.world.run import Outcome, Scenario, run
from tester.world.submission import BadSubmission

if TYPE_CHECKING:  # a lab's tests need no pytest
    from tester.workers.under_pytest import Case

_BEAT_NS: Final = 20_000_000
"""A run that gets on beats after about so many nanoseconds of CPU time, or after longer,"""
_SAID_NS: Final = 200_000_000
"""and that is said so often."""
_LEFT: Final = (
    "Its run has left {} behind, which could answer for another run, or change it. A simulated "
    "machine is one thread of one process: do the work in a coroutine."
)
# The code under test may put others in their place.
_waitpid, _cpu_ns, _getpid, _exit = os.waitpid, time.process_time_ns, os.getpid, os._exit


def main(jobs: int, answers: int, stack: int) -> NoReturn:
    """The life of a worker; the arguments are the descriptors of its pipes."""
    for pipe in (jobs, answers, stack):
        os.set_inheritable(pipe, False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the stack says enough
    faulthandler.enable(stack)
    faulthandler.register(STACK_SIGNAL, file=stack, all_threads=False)
    end_with_parent()
    worker = _Worker(jobs, answers, stack)
    warnings.showwarning = worker.show_warning
    with worker.to_the_end():
        worker.work()
    raise AssertionError


class _Worker:
    def __init__(self, jobs: int, answers: int, stack: int) -> None:
        self._jobs = jobs
        self._stack = stack
        self._answers = answers
        self._key = receive(jobs)
        self._job = -1
        self._doing = "", ""
        """Test and seed of the run it is at."""
        self._threads = 0
        self._beat_ns = self._said_ns = 0
        self._every = EVERY_STEPS
        self._tests: dict[str, Scenario] = {}
        self._pytest_exception: Callable[[Outcome], BaseException | None] = lambda outcome: None
        self._lab = self._folder = self._taken = ""
        self._setup = Setup(None, None, None)

    def work(self) -> NoReturn:
        """Load the submission, then do one job after the other. Raises EOFError at their end."""
        self._setup = setup = msgspec.msgpack.decode(self._receive(), type=Setup)
        surroundings.enter(setup.around, (self._jobs, self._answers), STACK_SIGNAL)
        self._settle()
        sys.dont_write_bytecode = True  # the folder of the code under test is not ours to write to
        self._limit_memory(setup.memory)
        if setup.project is not None:
            from tester.workers import under_pytest

            self._pytest_exception = under_pytest.pytest_exception
            self._say(Loading(setup.project.shown))
            under_pytest.serve(setup.project, self)
        assert setup.lab is not None
        self._lab, self._folder = setup.lab.name, setup.submission or ""
        try:
            self._load(setup, setup.lab)
        except BadSubmission as refusal:
            self.refuse(str(refusal))
        except BaseException as error:  # noqa: BLE001 - what a metaclass may do, or a KeyboardInterrupt
            frames = user_frames(error)
            place = f"{frames[-1].file}:{frames[-1].line}" if frames else setup.lab.suite
            self.refuse(f"{place}: loading it raised {error!r}")
        gc.freeze()  # what is here stays: collections need not look at it again
        listed = [
            Listed.of(name, scenario, setup.seeds, parts=setup.lab.parts(name))
            for name, scenario in self._tests.items()
        ]
        self._begin(Ready(listed, plain(self._taken)), "importing the submission")
        with guard.standing():
            while True:
                self._do(self.receive_job())

    def _begin(self, ready: Ready, loading: str) -> None:
        if left := self._left():
            self.refuse(
                f"{loading} left {left} behind; a module of a submission defines things and runs "
                "nothing"
            )
        self._watch_steps()
        if self._setup.digests:
            codes = {name: code_digest(scenario) for name, scenario in self._tests.items()}
            ready.tests[:] = [replace(test, code=codes[test.name]) for test in ready.tests]
        self._say(ready)

    # -- tests of a project: see under_pytest.Server ----------------------------------------------

    def ready(self, cases: Sequence[Case], root: str) -> None:
        """The tests have been collected."""
        how = self._setup.schedule, self._setup.strategy
        self._tests = {case.name: case.scenario.under(*how) for case in cases}
        listed = [
            Listed.of(
                case.name,
                self._tests[case.name],
                self._setup.seeds,
                module=case.module,
                fixtures=case.fixtures,
            )
            for case in cases
        ]
        self._say(Loading(""))
        self._begin(Ready(listed, root=root), "collecting the tests")

    def do(self, job: Job, scenario: Scenario) -> None:
        """Run a job of a test whose fixtures are set up, and may have started threads."""
        self._threads = _thread._count()
        self._tests[job.test] = scenario.under(self._setup.schedule, self._setup.strategy)
        with guard.standing():
            self._do(job)

    def cannot_do(self, job: Job, sentence: str) -> None:
        """Answer a job of a test that cannot be run."""
        self._job += 1
        for at in range(job.count):
            self._doing = job.test, job.seed_of(at)
            self._answer(misuse(job, plain(sentence)))

    def watch_crashes(self) -> None:
        """Say where the process stands, should it crash."""
        faulthandler.enable(self._stack)

    def receive_job(self) -> Job:
        """The next job. Raises EOFError if the parent has hung up."""
        return job_of(self._receive())

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
            self.ran_out(error)
        else:
            return
        # Without farewell: what the code under test has left behind must not keep us.
        _exit(status)

    # -- jobs -------------------------------------------------------------------------------------

    def _do(self, job: Job) -> None:
        self._job += 1
        match job:
            case Chunk():
                self._run(job)
            case RerunJob():
                self._rerun(job)
            case Prove():
                self._prove(job)
            case Trace():
                self._trace(job)

    def _settle(self) -> None:
        """This process is the one that is to run the code under test."""
        end_with_parent()  # in an infinite loop it would not notice that the parent is killed
        keep_descendants()
        for pipe in (self._jobs, self._answers):  # no copy's that code under test has made
            os.register_at_fork(after_in_child=lambda pipe=pipe: os.close(pipe))
        self._sender = Sender(self._answers, self._key)
        del self._key

    def refuse(self, sentence: str) -> NoReturn:
        """There is nothing to run."""
        self._say(Refused(" ".join(plain(sentence).split())))
        raise EOFError

    def _limit_memory(self, size: int) -> None:
        if size:
            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (size, most))
            at_exhaustion(self._check_memory)

    def _load(self, setup: Setup, lab: Lab) -> None:
        self._say(Loading(setup.submission or lab.suite))
        found = submission.REFERENCE
        if setup.submission is not None:
            found = submission.load(Path(setup.submission))
            for sentence in found.ignored():
                self._say(Noted(plain(sentence)))
        contract.check(lab, found, lambda what: self._say(Loading(what)))
        self._taken = taken(lab, found)
        for sentence in misses(lab, found.folder) if found.folder else ():
            self._say(Noted(plain(f"{found.folder}{os.sep}{sentence}")))
        self._say(Loading(""))
        tests = tests_of(lab.suite)
        how = setup.schedule, setup.strategy
        self._tests = {name: test.under(*how) for name, test in tests.items()}

    def _run(self, chunk: Chunk) -> None:
        scenario = self._tests[chunk.test]
        for seed in range(chunk.first, chunk.first + chunk.count):
            with guard.collector_off():  # until the run has gone: it leaves no cycles behind
                ran = self._seed(scenario, chunk.test, seed, in_detail=chunk.in_detail)[0]
            self._answer(ran)

    def _rerun(self, job: RerunJob) -> None:
        scenario, seed = self._tests[job.test], int(job.seed)
        _print(f"{job.marker}\n")
        again: list[Again] = []
        self._doing = job.test, job.seed
        if job.record:
            kept = parse(job.record, Path(job.test))
            scenario = scenario.under(kept.schedule, kept.strategy)

            def once() -> Outcome:
                again.append(run_again(kept, scenario))
                return again[0].outcome

            ran, found = self._timed(once)
        else:
            ran, found = self._seed(scenario, job.test, seed)
        stale = ""
        for one in again:
            if one.stale is not None:
                stale = aborted.stale(one.stale, run_anew=one.anew)
            if one.anew:
                job = replace(job, record="")
        _print(end_of(job.marker))
        if isinstance(found, Failure):
            report = RerunReport(ran, plain(aborted.escaped(seed, found, job.command)))
        else:
            report = report_of(
                scenario, job, ran, found, self._lab, self._folder, lambda: self._say(Attempting())
            )
        self._answer(replace(report, story=stale + report.story))

    def _prove(self, job: Prove) -> None:
        scenario = self._tests[job.test]
        self._doing = job.test, ""
        code = code_digest(scenario)

        def placed(placements: int, total: int | None) -> None:
            self._say(Placed(placements, total, code))

        done = job.done if job.code == code else 0
        found = exhaust(scenario, job.faults, done=done, progress=placed)
        story, faults, verdict, misused = "", [], "pass", ""
        if found.failing is not None:
            outcome = placed_again(scenario, found)
            verdict, misused = outcome.verdict, self._misuse(outcome)
            story = render_placement(outcome, job.command)
            faults = [in_words(fault, outcome.trace)[0] for fault in outcome.choices.faults]
        self._answer(
            Proved(found.placements, found.sentence, plain(story), faults, verdict, plain(misused))
        )

    def _trace(self, job: Trace) -> None:
        scenario = self._tests[job.test]
        self._doing = job.test, job.seed
        outcome = run(scenario, scenario.choices(int(job.seed)), keep_trace=True)
        events = [plain(repr(entry)) for entry in outcome.trace]
        lines = [
            Suspected(one.file, one.line, one.why, one.kinds, one.function)
            for one in suspected(scenario)
        ]
        self._answer(Traced(f"{outcome.verdict} {outcome.digest}", events, lines))

    def _seed(
        self, scenario: Scenario, test: str, seed: int, *, in_detail: bool = False
    ) -> tuple[Ran, Outcome | Failure]:
        self._doing = test, str(seed)
        choices = scenario.choices(seed)
        if in_detail:
            return run_in_detail(scenario, choices, self._timed)
        return self._timed(lambda: run(scenario, choices))

    def _misuse(self, outcome: Outcome) -> str:
        """Why there was no code to run; "" if there was."""
        if outcome.verdict == "misuse":
            return str(outcome.error)
        raised = self._pytest_exception(outcome)
        if raised is None:
            return ""
        return f"{self._doing[0]}: it ends with {type(raised).__name__}: {raised}"

    def _timed(self, once: Callable[[], Outcome]) -> tuple[Ran, Outcome | Failure]:
        """Run once. A Failure instead of an Outcome: something went past the simulation."""
        reserve.keep()
        start = time.perf_counter_ns()
        try:
            found = once()
        except BaseException as error:  # noqa: BLE001 - nobody is at this keyboard: it is all the run's
            failure = describe(error, self._doing[0], "running", 0)
            return Ran("fail", failure.kind, 0, 0, 0, _microseconds_since(start)), failure
        if isinstance(found.error, HandlerCrashed):
            self._check_memory(found.error.failure)
        sentence = self._misuse(found)
        ran = Ran(
            verdict="misuse" if sentence else found.verdict,
            digest=found.digest,
            rpcs=found.rpcs,
            ops=found.ops,
            virtual_us=found.virtual_us,
            wall_us=_microseconds_since(start),
            sentence=plain(sentence),
            leaked_state=bool(found.leaked_state),
            symptom=tuple(map(plain, symptom(found))) if found.verdict == "fail" else (),
            peers=found.peers,
            figures={plain(name): Figure.of(values) for name, values in found.figures.items()},
            reached={plain(str(name)): bool(did) for name, did in found.reached.items()},
            steps=found.steps,
            latency_us=found.history.latency_us(),
        )
        return ran, found

    # -- talking to the parent --------------------------------------------------------------------

    def _say(self, message: Message) -> None:
        self._sender.say(message)

    def _answer(self, answer: Answer) -> None:
        if left := self._left():
            self._abort(f"{left} left behind", _LEFT.format(left))
        test, seed = self._doing
        self._say(Answered(self._job, test, seed, answer))

    def _abort(self, what: str, sentence: str, failure: Failure | None = None) -> NoReturn:
        """Do not answer for this run: it has done something to this process, which ends here."""
        frames = () if failure is None else failure.frames
        stack = [(frame.file, frame.line, frame.function) for frame in frames]
        self._say(Aborted(self._job, self._doing[1], what, plain(sentence), stack))
        end_descendants(_getpid())
        _exit(0)  # at once: to free what a run holds may take long, and runs code of it

    def _receive(self) -> bytes:
        return receive(self._jobs)

    # -- what a run does to this process ----------------------------------------------------------

    def _left(self) -> str:
        """What the run has left behind that would go on beside the next one; "" if nothing."""
        try:
            _waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # as it ought to be
            return "" if _thread._count() <= self._threads else "a thread"
        return "a process"

    def ran_out(self, error: MemoryError) -> None:
        """The simulation itself has been given no more memory."""
        reserve.release()
        test, _ = self._doing
        describe(error, test, "running", None)  # which notices it, and does not return
        self._abort("out of memory", f"{type(error).__name__} (--memory sets the limit.)")

    def _check_memory(self, failure: Failure) -> None:
        """What a run that is short of memory comes to hangs on what the process did before it."""
        if failure.exhausted:
            said = (
                f"{failure.kind} on {failure.node} {failure.doing}: {failure.exhausted}. "
                "(--memory sets the limit of a worker.)"
            )
            self._abort("out of memory", said, failure)

    def _watch_steps(self) -> None:
        self._threads = _thread._count()
        pulse.listen(self._beat)

    def _beat(self) -> int:
        """A run gets on: after how many steps it is to say so again, at the pace they take."""
        now = _cpu_ns()
        passed, self._beat_ns = now - self._beat_ns, now
        if passed > _BEAT_NS:
            self._every = max(1, self._every * _BEAT_NS // (2 * passed))
        else:
            self._every = min(2 * self._every, EVERY_STEPS)
        if now - self._said_ns > _SAID_NS:
            self._said_ns = now
            self._say(Alive())
        return self._every

    def show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Ours are for the author of the code under test; others go where prints go.

        A forgotten `await` is the author's business, too: the run may pass all the same.
        """
        if category.__module__.startswith("labrpc"):
            self._say(Noted(plain(str(message))))
        elif str(message).endswith("was never awaited") and is_users(filename):
            self._say(Noted(f"{paths.relative(filename)}:{lineno}: {plain(str(message))}"))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


def _print(text: str) -> None:
    """Print into the pipe for prints, and let nothing wait in a buffer."""
    # The code under test may have closed it, or put something else in its place.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()


def _microseconds_since(start_ns: int) -> int:
    return (time.perf_counter_ns() - start_ns) // 1000
