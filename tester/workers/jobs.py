"""The jobs of a worker: run seeds, run one again for its report, prove a test, trace a run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from tester.engine import reserve
from tester.guard import guard
from tester.report import aborted
from tester.report.story import render_placement
from tester.search.again import Again, code_digest, run_again
from tester.search.exhaust import exhaust, placed_again
from tester.search.explain import describe as in_words
from tester.search.record import parse
from tester.search.shrink import symptom
from tester.search.suspects import suspected
from tester.workers.detail import run_in_detail
from tester.workers.rerun import report_of
from tester.workers.wire import (
    Attempting,
    Chunk,
    Figure,
    Job,
    JobResult,
    Message,
    Placed,
    Prove,
    Proved,
    Ran,
    RerunJob,
    RerunReport,
    Suspected,
    Trace,
    Traced,
    end_of,
    plain,
)
from tester.world.failure import Failure, HandlerCrashed, describe
from tester.world.run import Outcome, Scenario, run


class Parent(Protocol):
    """The line to the parent process, and what watches this one."""

    def say(self, message: Message) -> None:
        """Send a message."""

    def answer(self, answer: JobResult) -> None:
        """Answer for the present run, unless it has left something behind."""

    def check_intact(self) -> None:
        """End this process if the code under test has replaced parts of the harness."""

    def check_memory(self, failure: Failure) -> None:
        """End this process if the run is short of memory."""


class Jobs:
    """Does jobs of the tests that have been loaded."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self.tests: dict[str, Scenario] = {}
        self.lab = self.folder = ""
        self.pytest_exception: Callable[[Outcome], BaseException | None] = lambda outcome: None
        """What a test of a project raised to tell pytest something, such as a skip."""
        self.present = "", ""
        """Test and seed of the present run."""

    def do(self, job: Job) -> None:
        """Do a job."""
        match job:
            case Chunk():
                self._run(job)
            case RerunJob():
                self._rerun(job)
            case Prove():
                self._prove(job)
            case Trace():
                self._trace(job)

    def _run(self, chunk: Chunk) -> None:
        scenario = self.tests[chunk.test]
        if chunk.isolated:
            scenario = dataclasses.replace(scenario, isolated=True)
        for seed in range(chunk.first, chunk.first + chunk.count):
            with guard.collector_off():  # until the run has gone: it leaves no cycles behind
                ran = self._seed(scenario, chunk.test, seed, in_detail=chunk.in_detail)[0]
            if seed == chunk.first + chunk.count - 1:  # a look takes a tenth of a short run
                self._parent.check_intact()
            self._parent.answer(ran)

    def _rerun(self, job: RerunJob) -> None:
        scenario, seed = self.tests[job.test], int(job.seed)
        _print(f"{job.marker}\n")
        again: list[Again] = []
        self.present = job.test, job.seed
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
            with _unheard():
                report = report_of(
                    scenario,
                    job,
                    ran,
                    found,
                    self.lab,
                    self.folder,
                    lambda story: self._parent.say(Attempting(story)),
                )
        self._parent.answer(replace(report, story=stale + report.story))

    def _prove(self, job: Prove) -> None:
        scenario = self.tests[job.test]
        self.present = job.test, ""
        code = code_digest(scenario)

        def placed(placements: int, total: int | None) -> None:
            self._parent.say(Placed(placements, total, code))

        done = job.done if job.code == code else 0
        found = exhaust(scenario, job.faults, done=done, progress=placed)
        story, faults, verdict, misused = "", [], "pass", ""
        if found.failing is not None:
            outcome = placed_again(scenario, found)
            verdict, misused = outcome.verdict, self._misuse(outcome)
            story = render_placement(outcome, job.command)
            faults = [in_words(fault, outcome.events)[0] for fault in outcome.choices.faults]
        self._parent.answer(
            Proved(found.placements, found.sentence, plain(story), faults, verdict, plain(misused))
        )

    def _trace(self, job: Trace) -> None:
        scenario = self.tests[job.test]
        self.present = job.test, job.seed
        outcome = run(scenario, scenario.choices(int(job.seed)), keep_trace=True)
        events = [plain(repr(entry)) for entry in outcome.trace]
        lines = [
            Suspected(one.file, one.line, one.why, one.kinds, one.function)
            for one in suspected(scenario)
        ]
        self._parent.answer(Traced(f"{outcome.verdict} {outcome.digest}", events, lines))

    def _seed(
        self, scenario: Scenario, test: str, seed: int, *, in_detail: bool = False
    ) -> tuple[Ran, Outcome | Failure]:
        self.present = test, str(seed)
        choices = scenario.choices(seed)
        if in_detail:
            return run_in_detail(scenario, choices, self._timed)
        return self._timed(lambda: run(scenario, choices))

    def _misuse(self, outcome: Outcome) -> str:
        """Why there was no code to run; "" if there was."""
        if outcome.verdict == "misuse":
            return str(outcome.error)
        raised = self.pytest_exception(outcome)
        if raised is None:
            return ""
        return f"{self.present[0]}: it ends with {type(raised).__name__}: {raised}"

    def _timed(self, once: Callable[[], Outcome]) -> tuple[Ran, Outcome | Failure]:
        """Run once. A Failure instead of an Outcome: something went past the simulation."""
        reserve.keep()
        start = time.perf_counter_ns()
        try:
            found = once()
        except BaseException as error:  # noqa: BLE001 - nobody is at this keyboard: it is all the run's
            failure = describe(error, self.present[0], "running", 0)
            return Ran("fail", failure.kind, 0, 0, 0, _microseconds_since(start)), failure
        if isinstance(found.error, HandlerCrashed):
            self._parent.check_memory(found.error.failure)
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


def _print(text: str) -> None:
    """Print into the pipe for prints, and let nothing wait in a buffer."""
    # The code under test may have closed it, or put something else in its place.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Inside, nothing is printed: what further runs print would push out what the run did."""
    _print("")
    nowhere = os.open(os.devnull, os.O_WRONLY)  # first: it takes the place of one that is closed
    kept: list[tuple[int, int]] = []
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # the code under test has closed it
            kept.append((descriptor, os.dup(descriptor)))
    for descriptor, _ in kept:
        os.dup2(nowhere, descriptor)
    try:
        yield
    finally:
        _print("")
        for descriptor, copy in kept:
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)


def _microseconds_since(start_ns: int) -> int:
    return (time.perf_counter_ns() - start_ns) // 1000
