"""What a worker process does: load one submission, then run the seeds it is told to.

It speaks through pipes of its own, so that what the code under test prints harms nobody. The code
under test runs here and nowhere else: the parent gets plain data.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, TextIO

import msgspec

from tester.engine import pulse
from tester.engine.choices import Choices, Seeded
from tester.guard import guard
from tester.guard.origin import is_users
from tester.labs import contract
from tester.labs.suite import tests_of
from tester.labs.taken import misses, taken
from tester.report import mishap
from tester.report.story import relative, tell_placement
from tester.search.again import Again, code_digest, run_again
from tester.search.exhaust import DIFFERENT, exhaust
from tester.search.exhaust import Placed as Placement
from tester.search.explain import describe as in_words
from tester.search.record import parse
from tester.search.shrink import symptom
from tester.search.suspects import suspected
from tester.workers import surroundings
from tester.workers.frames import say
from tester.workers.launch import Setup
from tester.workers.telling import told_of
from tester.workers.wire import (
    Alive,
    Attempting,
    Chunk,
    Figure,
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
    Suspected,
    Tell,
    Told,
    Trace,
    Traced,
    end_of,
    job_of,
    plain,
)
from tester.workers.worker import STACK_SIGNAL
from tester.world import submission
from tester.world.failure import Failure, NonDeterministic, describe, user_frames
from tester.world.pipe import receive
from tester.world.run import Outcome, Scenario, run
from tester.world.submission import BadSubmission

_PR_SET_PDEATHSIG: Final = 1


def main(jobs: int, answers: int, stack: int) -> NoReturn:
    """The life of a worker; the arguments are the descriptors of its pipes."""
    for pipe in (jobs, answers, stack):
        os.set_inheritable(pipe, False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the stack says enough
    faulthandler.enable(stack)
    faulthandler.register(STACK_SIGNAL, file=stack, all_threads=False)
    _end_with_parent()
    worker = _Worker(jobs, answers)
    warnings.showwarning = worker.show_warning
    with contextlib.suppress(EOFError, BrokenPipeError):  # the parent has hung up
        worker.work()
    os._exit(0)  # without farewell: what the code under test has left behind must not keep us


def _end_with_parent() -> None:
    """Have the process be killed as soon as its parent is: in a loop it would not notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Worker:
    def __init__(self, jobs: int, answers: int) -> None:
        self._jobs = jobs
        self._answers = answers
        self._tests: dict[str, Scenario] = {}
        self._lab = self._folder = self._taken = ""

    def work(self) -> NoReturn:
        """Load the submission, then do one job after the other. Raises EOFError at their end."""
        setup = msgspec.msgpack.decode(self._receive(), type=Setup)
        surroundings.enter(setup.around, (self._jobs, self._answers), STACK_SIGNAL)
        _end_with_parent()  # which may be another one now
        self._lab, self._folder = setup.name, setup.submission or ""
        try:
            self._load(setup)
        except BadSubmission as refusal:
            self._refuse(str(refusal))
        except BaseException as error:  # noqa: BLE001 - what a metaclass may do, or a KeyboardInterrupt
            frames = user_frames(error)
            place = f"{frames[-1].file}:{frames[-1].line}" if frames else setup.lab.suite
            self._refuse(f"{place}: loading it raised {error!r}")
        ready = [
            Listed(
                name,
                scenario.seeds_of(setup.seeds),
                scenario.weight,
                scenario.schedule,
                setup.lab.parts(name),
            )
            for name, scenario in self._tests.items()
        ]
        self._say(Ready(ready, plain(self._taken)))
        with guard.standing():
            while True:
                self._do(job_of(self._receive()))

    def _do(self, job: Chunk | Tell | Prove | Trace) -> None:
        match job:
            case Chunk():
                self._run(job)
            case Tell():
                self._tell(job)
            case Prove():
                self._prove(job)
            case Trace():
                self._trace(job)

    def _refuse(self, sentence: str) -> NoReturn:
        self._say(Refused(" ".join(plain(sentence).split())))
        raise EOFError

    def _load(self, setup: Setup) -> None:
        self._say(Loading(setup.submission or setup.lab.suite))
        sys.dont_write_bytecode = True  # the submission's folder is not ours to write into
        found = submission.REFERENCE
        if setup.submission is not None:
            found = submission.load(Path(setup.submission))
            for sentence in found.ignored():
                self._say(Noted(plain(sentence)))
        contract.check(setup.lab, found, lambda what: self._say(Loading(what)))
        self._taken = taken(setup.lab, found)
        for sentence in misses(setup.lab, found.folder) if found.folder else ():
            self._say(Noted(plain(f"{found.folder}{os.sep}{sentence}")))
        self._say(Loading(""))
        tests = tests_of(setup.lab.suite)
        self._tests = {name: test.under(setup.schedule) for name, test in tests.items()}
        pulse.listen(lambda: self._say(Alive()))
        gc.freeze()  # what is here stays: collections need not look at it again

    def _run(self, chunk: Chunk) -> None:
        scenario = self._tests[chunk.test]
        for seed in range(chunk.first, chunk.first + chunk.count):
            with guard.collector_off():  # until the run has gone: it leaves no cycles behind
                ran = self._seed(scenario, seed)[0]
            self._say(ran)

    def _tell(self, job: Tell) -> None:
        scenario, seed = self._tests[job.test], int(job.seed)
        _print(f"{job.marker}\n")
        again: list[Again] = []
        if job.record:
            kept = parse(job.record, Path(job.test))
            scenario = scenario.under(kept.schedule)

            def once() -> Outcome:
                again.append(run_again(kept, scenario))
                return again[0].outcome

            ran, found = self._timed(scenario, once)
        else:
            ran, found = self._seed(scenario, seed)
        stale = ""
        for one in again:
            if one.stale is not None:
                stale = mishap.stale(one.stale, run_anew=one.anew)
            if one.anew:
                job = msgspec.structs.replace(job, record="")
        _print(end_of(job.marker))
        if isinstance(found, Failure):
            told = Told(ran, plain(mishap.escaped(seed, found, job.command)))
        else:
            told = told_of(
                scenario, job, ran, found, self._lab, self._folder, lambda: self._say(Attempting())
            )
        self._say(msgspec.structs.replace(told, story=stale + told.story))

    def _prove(self, job: Prove) -> None:
        scenario = self._tests[job.test]
        code = code_digest(scenario)

        def placed(placements: int, total: int | None) -> None:
            self._say(Placed(placements, total, code))

        done = job.done if job.code == code else 0
        found = exhaust(scenario, job.faults, done=done, progress=placed)
        story, faults, verdict, misuse = "", [], "pass", ""
        if found.failing is not None and found.outcome is not None:
            outcome = run(scenario, Choices(Placement(found.failing)), keep_trace=True)
            if outcome.digest != found.outcome.digest or outcome.kind != found.outcome.kind:
                outcome = outcome.failing_with(NonDeterministic(DIFFERENT))
            verdict, misuse = outcome.verdict, _misuse(outcome)
            story = tell_placement(outcome, job.command)
            faults = [in_words(fault, outcome.trace)[0] for fault in outcome.choices.faults]
        self._say(
            Proved(found.placements, found.sentence, plain(story), faults, verdict, plain(misuse))
        )

    def _trace(self, job: Trace) -> None:
        scenario = self._tests[job.test]
        outcome = run(scenario, Choices(Seeded(int(job.seed))), keep_trace=True)
        events = [plain(repr(entry)) for entry in outcome.trace]
        lines = [
            Suspected(one.file, one.line, one.why, one.kinds, one.function)
            for one in suspected(scenario)
        ]
        self._say(Traced(f"{outcome.verdict} {outcome.digest}", events, lines))

    def _seed(self, scenario: Scenario, seed: int) -> tuple[Ran, Outcome | Failure]:
        return self._timed(scenario, lambda: run(scenario, Choices(Seeded(seed))))

    def _timed(
        self, scenario: Scenario, once: Callable[[], Outcome]
    ) -> tuple[Ran, Outcome | Failure]:
        """Run once. A Failure instead of an Outcome: something went past the simulation."""
        start = time.perf_counter_ns()
        try:
            found = once()
        except BaseException as error:  # noqa: BLE001 - nobody is at this keyboard: it is all the run's
            failure = describe(error, scenario.name, "running", 0)
            return Ran("fail", failure.kind, 0, 0, 0, _microseconds_since(start)), failure
        sentence = _misuse(found)
        ran = Ran(
            verdict=found.verdict,
            digest=found.digest,
            rpcs=found.rpcs,
            ops=found.ops,
            virtual_us=found.virtual_us,
            wall_us=_microseconds_since(start),
            sentence=plain(sentence),
            leaves_traces=bool(found.modules),
            symptom=tuple(map(plain, symptom(found))) if found.verdict == "fail" else (),
            peers=found.peers,
            figures={plain(name): Figure.of(values) for name, values in found.figures.items()},
        )
        return ran, found

    # -- talking to the parent --------------------------------------------------------------------

    def _say(self, message: Message) -> None:
        say(self._answers, message)

    def _receive(self) -> bytes:
        return receive(self._jobs)

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
            self._say(Noted(f"{relative(filename)}:{lineno}: {plain(str(message))}"))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


def _misuse(outcome: Outcome) -> str:
    """Why there was no code to run; "" if there was."""
    return str(outcome.error) if outcome.verdict == "misuse" else ""


def _print(text: str) -> None:
    """Print into the pipe for prints, and let nothing wait in a buffer."""
    # The code under test may have closed it, or put something else in its place.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()


def _microseconds_since(start_ns: int) -> int:
    return (time.perf_counter_ns() - start_ns) // 1000
