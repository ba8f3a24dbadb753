"""The results of a lab run: per test, counted in the order of its seeds, with a digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tester.engine.schedule import DEFAULT
from tester.guard.origin import is_users
from tester.search.record import Record
from tester.search.shortest import Size, is_candidate
from tester.workers.wire import Detail, Figure, Ran, RerunReport
from tester.world.reached import Reached

OPENING: Final = 2
"""How many seeds of each test are kept for the self-check."""


class StackFrame(NamedTuple):
    """A line of code on a stack."""

    file: str
    line: int
    function: str


@dataclass(frozen=True)
class Lost:
    """A seed without an outcome: its process died or had to be ended."""

    stuck_s: int
    """The limit in seconds at which it was ended; 0 if it was lost for another reason."""
    ending: str
    """How it died: "was killed by SIGSEGV"; "" if it was ended."""
    stack: tuple[StackFrame, ...]
    """Its stack, outermost frame first, including our frames; empty if unknown."""
    attempting: bool = False
    """Whether the run itself was over and was being shrunk."""
    waited: bool = False
    """Whether the limit was one of real time: it waited for something outside."""
    what: str = ""
    """What it did to its process, as a headline: "out of memory"; else ""."""
    sentence: str = ""
    """The same in full sentences."""

    @property
    def loop(self) -> tuple[str, str] | None:
        """File and function of the code under test in which it was stuck, if it was.

        The line is left out, because a loop may be found at any of its lines.
        """
        users = self.users()
        return (users[-1].file, users[-1].function) if self.stuck_s and users else None

    def users(self) -> list[StackFrame]:
        """The frames of the code under test, outermost first."""
        return [place for place in self.stack if is_users(place.file)]


@dataclass
class Rerun:
    """A run that is to be repeated with its trace kept, and what came of it."""

    test: str
    seed: int
    command: str
    """What runs it again."""
    first: Ran | None = None
    """Its first result; None if it was lost, or not run before."""
    report: RerunReport | None = None
    draft: str = ""
    """The story of the run as it is, while a smaller one is looked for."""
    lost: Lost | None = None
    printed: str = ""
    marker: str = field(default_factory=lambda: f"[{os.urandom(12).hex()}]")
    record: str = ""
    """The text of a record to be run instead of the seed."""
    full: bool = False
    """Whether to write every line of its story, even if it passes."""
    page: bool = False
    """Whether to draw its page, too."""
    level: int = 0
    """The lowest level of its log to be kept; 0: no log."""
    most_steps: int = 0
    """To shrink it takes at most so many steps; 0: as many as a single seed is worth."""
    rivals: list[int] = field(default_factory=list)
    """Other seeds that fail in the same way, and whose stories are not shorter."""
    schedule: str = DEFAULT
    """The schedule of the run."""

    @property
    def run(self) -> tuple[str, int, str]:
        """The run of the lab that it is, to be told from others."""
        return self.test, self.seed, self.schedule

    @property
    def verdict(self) -> str:
        """The verdict of the rerun; a lost one has failed."""
        return "fail" if self.report is None else self.report.ran.verdict

    @property
    def found(self) -> str:
        """The text of the record of the failure that was found; "" if none was."""
        return "" if self.report is None else self.report.record

    @property
    def size(self) -> Size | None:
        """The size of the smallest run that fails; None if it was not shrunk."""
        return None if self.report is None else self.report.size

    @property
    def likeness(self) -> str:
        """Equal for runs that failed in the same way; "" for one that is like no other."""
        if self.lost is not None:
            return " ".join(self.lost.loop or ())
        return "" if self.report is None or self.differed else self.report.likeness

    @property
    def differed(self) -> bool:
        """Whether the rerun had another verdict or digest than the first run."""
        if self.first is None or self.report is None:
            return False
        again = self.report.ran
        return (again.verdict, again.digest) != (self.first.verdict, self.first.digest)


def rerun_of(record: Record, command: str) -> Rerun:
    """The rerun of a record, which this command runs again."""
    return Rerun(record.test, record.seed, command, record=record.text(), schedule=record.schedule)


class Sample(NamedTuple):
    """One seed of a test, for plots."""

    seed: int
    verdict: str
    virtual_us: int
    rpcs: int
    ops: int
    latency_us: int
    kind: str
    """What it failed with; "" if it did not."""
    faults: tuple[str, ...] = ()
    """The kinds of faults that hit it, sorted; nothing without the details of runs."""
    recovery_us: int = 0
    """How long it took to recover from the worst crash, pause or partition; 0: from none."""


MOST_SAMPLES: Final = 100_000


def _of_detail(detail: Detail | None) -> tuple[tuple[str, ...], int]:
    if detail is None:
        return (), 0
    return tuple(sorted({fault for fault, _ in detail.hits})), detail.recovery_us


class Counted:
    """The sums over the seeds of one test, from 0 on without a gap."""

    def __init__(self, sometimes: Sequence[str] = ()) -> None:
        self.seeds = 0
        self.samples: list[Sample] = []
        """The first `MOST_SAMPLES` seeds one by one."""
        self.failed: list[int] = []
        self.alike: list[int] = []
        """The first few seeds that failed in the same way as the first one."""
        self.unknown: list[int] = []
        self.rpcs = 0
        self.ops = 0
        self.virtual_us = 0
        self.steps = 0
        self.wall_us = 0
        self.peers = 0
        """The most servers that a run had."""
        self.figures: dict[str, Figure] = {}
        """The figures that the test reports, by name."""
        self.reached = Reached(sometimes)
        """How many runs reached each condition that `Simulation.sometimes` names."""
        self.leaked_state = False
        """Whether the last seed leaked state into its process."""
        self.used_up = ""
        """What the last seed failed for want of: see `Ran.used_up`."""
        self.opening: dict[int, Ran] = {}
        """The first seeds, except those whose process hung or died."""
        self.worst: Ran | None = None
        """The first run that failed, or else the first that was undecided."""
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, ran: Ran) -> None:
        """Count the next seed."""
        seed, self.seeds = self.seeds, self.seeds + 1
        if seed < MOST_SAMPLES:
            kind = ran.symptom[0] if ran.symptom else ""
            figures = ran.virtual_us, ran.rpcs, ran.ops, ran.latency_us
            self.samples.append(Sample(seed, ran.verdict, *figures, kind, *_of_detail(ran.detail)))
        if seed < OPENING:
            self.opening[seed] = ran
        if ran.verdict != "pass":
            failed = ran.verdict == "fail"
            if self.worst is None or (failed and not self.failed):
                self.worst = ran
            first = self.alike[0] if self.alike else seed
            alike = failed and ran.symptom == self.worst.symptom
            if alike and is_candidate(seed, first, len(self.alike)):
                self.alike.append(seed)
            (self.failed if failed else self.unknown).append(seed)
        self.leaked_state = ran.leaked_state
        self.used_up = ran.used_up
        self.rpcs += ran.rpcs
        self.ops += ran.ops
        self.virtual_us += ran.virtual_us
        self.steps += ran.steps
        self.wall_us += ran.wall_us
        self.peers = max(self.peers, ran.peers)
        for name, figure in ran.figures.items():
            before = self.figures.get(name)
            self.figures[name] = figure if before is None else before + figure
        self.reached.count(ran.reached)
        self._hash.update(ran.digest.encode())

    def add_lost(self) -> None:
        """Count the next seed, whose process hung or died: it failed and has no digest."""
        self.failed.append(self.seeds)
        self.seeds += 1
        self._hash.update(b"lost")

    @property
    def digest(self) -> str:
        """The hash of the seeds' digests, in the order of the seeds."""
        return self._hash.hexdigest()


@dataclass
class TestResult:
    """The results of one test."""

    __test__ = False  # not for pytest to collect

    name: str
    asked: int
    """How many seeds it was meant to run on."""
    weight: int
    counted: Counted
    lost: Lost | None
    """What became of the last seed counted, if its process hung or died."""
    rerun: Rerun | None = None
    """The story of its first failing seed."""
    schedule: str = DEFAULT
    differs: str = ""
    """The story of a seed that ran differently in another process; "" if none did."""

    @property
    def verdict(self) -> str:
        """`fail`, `unknown` or `pass`."""
        if self.counted.failed or self.differs or (self.rerun and self.rerun.differed):
            return "fail"
        if self.missing:
            return "fail"
        return "unknown" if self.counted.unknown else "pass"

    @property
    def missing(self) -> str:
        """What is wrong if no run reached something that one must; "" if nothing is.

        It is decided only after all seeds have been run.
        """
        return self.counted.reached.missing if self.counted.seeds >= self.asked else ""

    @property
    def first_bad_seed(self) -> int | None:
        """The lowest seed that failed, or else the lowest that was undecided."""
        bad = self.counted.failed or self.counted.unknown
        return bad[0] if bad else None


@dataclass
class LabResult:
    """The results of a suite."""

    lab: str
    tests: list[TestResult]
    elapsed_s: float = field(default=0.0)
    """Real seconds from the first run to the last."""
    rerun_s: float = field(default=0.0)
    """Real seconds after that for shrinking and explaining failures."""
    recorded: list[str] = field(default_factory=list)
    """The tests of recorded failures that still fail and that none of these seeds has found."""
    not_run: list[str] = field(default_factory=list)
    """Tests that were left out, because one before them failed."""
    warnings: list[str] = field(default_factory=list)
    """What is not a failure under this command but would be one elsewhere."""
    interrupted: bool = False
    """Whether it was interrupted before all seeds were run or all stories written."""

    @property
    def verdict(self) -> str:
        """`fail` if a test failed; else `unknown` if one was undecided or the run interrupted."""
        verdicts = {test.verdict for test in self.tests} | ({"fail"} if self.recorded else set())
        verdicts |= {"unknown"} if self.interrupted else set()
        return next((v for v in ("fail", "unknown") if v in verdicts), "pass")

    @property
    def digest(self) -> str:
        """The hash of the tests' digests, in the order of the tests."""
        every = hashlib.blake2b(digest_size=16)
        for test in self.tests:
            every.update(test.counted.digest.encode())
        return every.hexdigest()
