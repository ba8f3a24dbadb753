"""Plans: the sources of a pool's jobs, which also collect the results.

Results are merged by (test, seed), never by time, so the number of workers changes nothing. A test
ends at the first seed whose process hung or died, and at the first that leaked state: later seeds
may do the same, and each would cost a process. It also ends at the first that failed when it had
used up its steps or its memory: each would cost seconds of CPU time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from tester.search.shortest import RUNS
from tester.workers.results import Counted, LabResult, Lost, Rerun, TestResult
from tester.workers.wire import (
    Chunk,
    Job,
    JobResult,
    Listed,
    Placed,
    Prove,
    Proved,
    Ran,
    RerunJob,
    RerunReport,
    Trace,
    Traced,
)

_CHUNK_US: Final = 50_000
_FIRST: Final = 4


class JobSource(Protocol):
    """Where a pool gets jobs from and sends the answers to."""

    def next(self) -> Job | None:
        """The next job; None if there is none at present."""

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        """Take answer number `at` to a job; `printed` is what a repeated run printed."""

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        """Take note that the run for answer number `at` is lost."""

    def wants(self, job: Job) -> bool:
        """Whether the answers to a job still matter."""

    def finished(self) -> bool:
        """Whether every answer that matters has come."""


class Part(NamedTuple):
    """A part of a long command, such as a test of a lab, and what it has come to."""

    is_over: bool
    text: str
    """ "test_basic: 100 seeds, 2 failed"; "" for one that was left out."""


class SeedTracker:
    """The progress of one test. Results come in any order and are counted in that of the seeds."""

    def __init__(self, test: Listed, *, in_detail: bool = False) -> None:
        self.test = test
        self._in_detail = in_detail
        self.end = test.seeds
        """The first seed that does not count."""
        self.given = 0
        self.counted = Counted(test.sometimes)
        self.lost: Lost | None = None
        self.misuse = ""
        self.mean_us = 0
        self._early: dict[int, Ran | Lost] = {}

    def take(self, jobs: int) -> Chunk | None:
        """The next chunk of seeds, short enough that all workers end at about the same time."""
        left = self.end - self.given
        if left <= 0:
            return None
        size = _CHUNK_US // max(self.mean_us, 1) if self.mean_us else _FIRST // self.test.weight
        size = max(1, min(size, left // (2 * jobs)))
        first, self.given = self.given, self.given + size
        return Chunk(self.test.name, first, size, self._in_detail)

    def put(self, seed: int, result: Ran | Lost) -> None:
        """Take the result of a seed."""
        if seed >= self.end:
            return
        if (
            isinstance(result, Lost)
            or result.verdict == "misuse"
            or result.leaked_state
            or result.used_up
        ):
            self.end = seed + 1
        else:
            self.mean_us = (
                result.wall_us if not self.mean_us else (7 * self.mean_us + result.wall_us) // 8
            )
        self._early[seed] = result
        while not self.finished and (next_ := self._early.pop(self.counted.seeds, None)):
            if isinstance(next_, Lost):
                self.lost = next_
                self.counted.add_lost()
            elif next_.verdict == "misuse":
                self.misuse = next_.sentence
                self.end = self.counted.seeds
            else:
                self.counted.add(next_)

    @property
    def finished(self) -> bool:
        return self.counted.seeds >= self.end


def _summary(tracker: SeedTracker) -> str:
    seeds, failed = tracker.counted.seeds, len(tracker.counted.failed)
    if not seeds:
        return ""
    return f"{tracker.test.name}: {seeds} {'seed' if seeds == 1 else 'seeds'}, {failed} failed"


class Plan:
    """The plan of a lab run: all seeds of all tests."""

    unit: Final = "seeds"

    def __init__(
        self,
        lab: str,
        tests: Sequence[Listed],
        jobs: int,
        tracker: type[SeedTracker] = SeedTracker,
        *,
        in_detail: bool = False,
    ) -> None:
        self.lab = lab
        self.trackers = [tracker(test, in_detail=in_detail) for test in tests]
        self._of = {tracker.test.name: tracker for tracker in self.trackers}
        self._jobs = jobs
        self.runs = 0
        self.failures = 0

    def next(self) -> Job | None:
        for tracker in self.trackers:
            if (chunk := tracker.take(self._jobs)) is not None:
                return chunk
        return None

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        assert isinstance(job, Chunk)
        assert isinstance(answer, Ran)
        self.runs += 1
        self.failures += answer.verdict == "fail"
        self._put(job, at, answer)

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        assert isinstance(job, Chunk)
        self.runs += 1
        self.failures += 1
        self._put(job, at, lost)

    def _put(self, job: Chunk, at: int, result: Ran | Lost) -> None:
        tracker = self._of[job.test]
        tracker.put(job.first + at, result)
        if tracker.misuse:
            # The run ends here, unless a test before this one is misused as well.
            for later in self.trackers[self.trackers.index(tracker) + 1 :]:
                later.end = 0

    def wants(self, job: Job) -> bool:
        assert isinstance(job, Chunk)
        return job.first < self._of[job.test].end

    def finished(self) -> bool:
        return all(tracker.finished for tracker in self.trackers)

    @property
    def total(self) -> int:
        """The number of runs, as far as it is known."""
        return sum(tracker.end for tracker in self.trackers)

    @property
    def parts(self) -> list[Part]:
        """What each test has come to."""
        return [Part(one.finished, _summary(one)) for one in self.trackers]

    @property
    def misuse(self) -> str:
        """Why the submission cannot be run, if a run showed that; else ""."""
        return next((tracker.misuse for tracker in self.trackers if tracker.misuse), "")

    def result(self) -> LabResult:
        """What has been counted so far; everything once the plan is finished."""
        return LabResult(
            self.lab,
            [
                TestResult(
                    tracker.test.name,
                    tracker.test.seeds,
                    tracker.test.weight,
                    tracker.counted,
                    tracker.lost,
                    schedule=tracker.test.schedule,
                )
                for tracker in self.trackers
            ],
        )


class Reruns:
    """The plan of some reruns, which bring the stories."""

    unit: Final = "runs"

    def __init__(self, reruns: Sequence[Rerun]) -> None:
        self._first = list(reruns)
        self._later: dict[str, list[Rerun]] = {}
        """Other seeds of the same tests, by test."""
        self._waiting: list[tuple[Rerun, bool]] = []
        self._of: dict[str, Rerun] = {}
        self._attempts: dict[str, int] = {}
        self._put(reruns)

    def add(self, reruns: Iterable[Rerun]) -> None:
        """Run these, too: those of a test are one more part."""
        for rerun in reruns:
            self._later.setdefault(rerun.test, []).append(rerun)
            self._put([rerun])

    def _put(self, reruns: Iterable[Rerun]) -> None:
        for rerun in reruns:
            self._waiting.append((rerun, False))
            self._of[rerun.marker] = rerun
            self._attempts[rerun.marker] = 0

    def next(self) -> Job | None:
        if not self._waiting:
            return None
        one, whole = self._waiting.pop(0)
        return RerunJob(
            one.test,
            str(one.seed),
            one.command,
            whole,
            one.marker,
            one.record,
            one.full,
            one.page,
            one.level,
            one.most_steps,
        )

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        assert isinstance(answer, RerunReport)
        rerun = self._rerun(job)
        rerun.report, rerun.printed = answer, printed

    def attempts(self, job: Job, story: str) -> None:
        """Count an attempt at a smaller run; keep the story of the run as it is, if it came."""
        rerun = self._rerun(job)
        self._attempts[rerun.marker] += 1
        rerun.draft = story or rerun.draft

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        rerun = self._rerun(job)
        if lost.attempting:  # the run itself came to its end
            self._waiting.append((rerun, True))
        else:
            rerun.lost, rerun.printed = lost, printed

    def _rerun(self, job: Job) -> Rerun:
        assert isinstance(job, RerunJob)
        return self._of[job.marker]

    def wants(self, job: Job) -> bool:
        return True

    def finished(self) -> bool:
        return all(map(_is_over, self._of.values()))

    @property
    def total(self) -> int:
        """As many as there were, and the most that there may be of what is not over."""
        return sum(
            1 + (self._attempts[marker] if _is_over(one) else self._most_attempts(one))
            for marker, one in self._of.items()
        )

    def _most_attempts(self, rerun: Rerun) -> int:
        made = self._attempts[rerun.marker]
        return max(made, RUNS) if made and not rerun.record else made

    @property
    def runs(self) -> int:
        """The runs that are over, with the attempts at smaller ones."""
        return sum(
            made + (_is_over(self._of[marker]) or made > 0)
            for marker, made in self._attempts.items()
        )

    @property
    def failures(self) -> int:
        return sum(
            one.verdict == "fail" if _is_over(one) else self._attempts[marker] > 0
            for marker, one in self._of.items()
        )

    @property
    def parts(self) -> list[Part]:
        parts = [
            Part(_is_over(one), f"{one.test}: seed {one.seed} explained") for one in self._first
        ]
        for test, several in self._later.items():
            seeds = "1 more seed" if len(several) == 1 else f"{len(several)} more seeds"
            parts.append(Part(all(map(_is_over, several)), f"{test}: {seeds} explained"))
        return parts


def _is_over(rerun: Rerun) -> bool:
    return rerun.report is not None or rerun.lost is not None


class ProofPlan:
    """The plan of one proof."""

    def __init__(self, job: Prove, progress: Callable[[Placed], None]) -> None:
        self._job: Prove | None = job
        self.placed = progress
        self.proved: Proved | None = None
        self.gone: Lost | None = None

    def next(self) -> Job | None:
        job, self._job = self._job, None
        return job

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        assert isinstance(answer, Proved)
        self.proved = answer

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        self.gone = lost

    def wants(self, job: Job) -> bool:
        return True

    def finished(self) -> bool:
        return self.proved is not None or self.gone is not None


class DigestPlan:
    """The plan of a verification: only the digests of some runs are collected."""

    def __init__(
        self, runs: Sequence[tuple[str, int]], isolated: Collection[tuple[str, int]] = ()
    ) -> None:
        self._waiting = list(runs)
        self._isolated = frozenset(isolated)
        """In these, each node runs in a process of its own."""
        self._wanted = set(runs)
        self.found: dict[tuple[str, int], str] = {}
        """Verdict and digest by (test, seed), or what became of the process."""
        self.misuse = ""
        """Why the submission cannot be run, if a run showed that; else ""."""

    def next(self) -> Job | None:
        if not self._waiting:
            return None
        test, seed = self._waiting.pop(0)
        return Chunk(test, seed, 1, isolated=(test, seed) in self._isolated)

    def narrow(self, runs: Collection[tuple[str, int]]) -> None:
        """Drop all runs but these."""
        self._wanted &= set(runs)
        self._waiting = [run for run in self._waiting if run in self._wanted]

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        assert isinstance(job, Chunk)
        assert isinstance(answer, Ran)
        self.found[job.test, job.first] = f"{answer.verdict} {answer.digest}"
        self.misuse = self.misuse or answer.sentence

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        assert isinstance(job, Chunk)
        self.found[job.test, job.first] = f"stuck, or {lost.ending}"

    def wants(self, job: Job) -> bool:
        assert isinstance(job, Chunk)
        return (job.test, job.first) in self._wanted

    def finished(self) -> bool:
        return self._wanted <= self.found.keys()


class TracePlan:
    """The plan of a comparison: the whole traces of some runs of one seed."""

    def __init__(self, test: str, seed: int, times: int) -> None:
        self._waiting = [Trace(test, str(seed))] * times
        self._wanted = times
        self.found: list[Traced | None] = []
        """None stands for a run whose process hung or died."""

    def next(self) -> Job | None:
        return self._waiting.pop() if self._waiting else None

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        assert isinstance(answer, Traced)
        self.found.append(answer)

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        self.found.append(None)

    def wants(self, job: Job) -> bool:
        return True

    def finished(self) -> bool:
        return len(self.found) == self._wanted
