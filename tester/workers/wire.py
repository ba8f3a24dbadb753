"""The messages between the runner and its worker processes: plain data, never pickle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tester.engine.schedule import DEFAULT
from tester.engine.strategy import UNIFORM
from tester.search.shortest import Size
from tester.world.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from tester.world.scenario import Scenario

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run `count` seeds of a test from `first` on. Each is answered with a Ran, in order."""

    test: str
    first: int
    count: int
    in_detail: bool = False
    """Whether each answer has a Detail."""
    isolated: bool = False
    """Whether each node runs in a process of its own; those of a project's tests never do."""

    def seed_of(self, at: int) -> str:
        """The seed of answer number `at`."""
        return str(self.first + at)


class RerunJob(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run one seed again with its trace kept. It is answered with a RerunReport."""

    test: str
    seed: str
    """In decimal: a seed may have 128 bits, and an integer on the wire has 64."""
    command: str
    """The command in the story that runs it again."""
    whole: bool
    """Report the run as it was, without shrinking it."""
    marker: str
    """Printed before the run; `end_of(marker)` is printed after it.

    What the worker prints earlier and later is of other runs.
    """
    record: str = ""
    """The text of a record to be run instead of the seed."""
    full: bool = False
    """Write every line of the story, even if the run passes."""
    page: bool = False
    """Draw its page, too."""
    level: int = 0
    """Report what its nodes print and log from this level on; 0: neither."""
    most_steps: int = 0
    """To shrink it takes at most so many steps; 0: as many as a single seed is worth."""

    @property
    def count(self) -> int:
        """How many answers it gets."""
        return 1

    def seed_of(self, at: int) -> str:
        """Of which seed its answer is."""
        return self.seed


class Prove(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run every placement of at most `faults` faults of a test. It is answered with a Proved."""

    test: str
    faults: int
    done: int
    """How many placements need not be run again, if the code has not changed."""
    code: str
    """The digest of the code for which `done` was counted."""
    command: str
    """The command in the story of a failing placement that runs it again."""

    @property
    def count(self) -> int:
        """How many answers it gets."""
        return 1

    def seed_of(self, at: int) -> str:
        """Empty, because its runs have no seeds: their choices are enumerated."""
        return ""


class Trace(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run one seed with its trace kept. It is answered with a Traced."""

    test: str
    seed: str

    @property
    def count(self) -> int:
        """How many answers it gets."""
        return 1

    def seed_of(self, at: int) -> str:
        """Of which seed its answer is."""
        return self.seed


class Loading(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The worker begins to import this part of the submission; "" for our own code."""

    what: str


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """A test of the suite, and its number of seeds."""

    name: str
    seeds: int
    weight: int
    schedule: str = DEFAULT
    parts: tuple[str, ...] = ()
    """The parts of the lab it belongs to: see `tester.labs.lab.Lab.parts`."""
    sometimes: tuple[str, ...] = ()
    """What some run must reach: see `Simulation.sometimes`."""
    module: str = ""
    """For a test of a project: see `under_pytest.Case`."""
    fixtures: tuple[str, ...] = ()
    """Likewise."""
    code: str = ""
    """Digest of the code under test and of the test, if it was requested."""
    strategy: str = UNIFORM

    @classmethod
    def of(cls, name: str, scenario: Scenario, seeds: int | None, **more: Any) -> Self:
        """List a scenario under this name, with `seeds` seeds or its own number."""
        return cls(
            name,
            scenario.seeds_of(seeds),
            scenario.weight,
            scenario.schedule,
            sometimes=tuple(map(plain, scenario.sometimes)),
            strategy=scenario.strategy,
            **more,
        )


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The tests are loaded; here they are, in order."""

    tests: list[Listed]
    taken: str = ""
    """What was taken from the submission's folder: see `tester.labs.taken`."""
    root: str = ""
    """For tests of a project: the root folder of their node ids."""


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The submission cannot be run, for the reason in this sentence."""

    sentence: str


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """The sum of a figure that a test reports, any number of times in each run."""

    least: int
    most: int
    total: int
    count: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        """Sum up some values, at least one."""
        return cls(min(values), max(values), sum(values), len(values))

    def __add__(self, other: Self) -> Self:
        return type(self)(
            min(self.least, other.least),
            max(self.most, other.most),
            self.total + other.total,
            self.count + other.count,
        )

    @property
    def mean(self) -> float:
        return self.total / self.count


class Detail(msgspec.Struct, frozen=True, array_like=True):
    """The details of a run that a sweep keeps."""

    latency_us: int
    """The mean latency of its operations in virtual microseconds; 0 if none was answered."""
    slowest_us: int
    hits: list[tuple[str, str]]
    """Which kinds of faults hit which kinds of operations: see `tester.world.coverage`."""
    recovery_us: int = 0
    """The longest virtual time from a fault of a node to the next return of an operation."""


class Ran(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The result of one run: see `tester.world.run.Outcome`."""

    verdict: str
    digest: str
    rpcs: int
    ops: int
    virtual_us: int
    wall_us: int
    """Real microseconds, the only figure that differs from run to run."""
    sentence: str = ""
    """Of a misuse: what is wrong, and where."""
    leaked_state: bool = False
    """Whether it changed what outlives it: later runs of this process cannot be trusted."""
    symptom: tuple[str, ...] = ()
    """How it failed; equal for runs that show the same bug."""
    peers: int = 0
    """How many nodes were servers."""
    figures: dict[str, Figure] = {}
    """The figures that the test reported, by name."""
    latency_us: int = 0
    """The mean latency of an operation in virtual microseconds; 0 if none was answered."""
    reached: dict[str, bool] = {}
    """Whether it reached each condition that the test names with `Simulation.sometimes`."""
    steps: int = 0
    detail: Detail | None = None

    @property
    def used_up(self) -> str:
        """What the run failed for want of, "steps" or "memory"; "" if it is neither."""
        if self.verdict != "fail":
            return ""
        if self.symptom[:1] == ("MemoryError",):
            return "memory"
        return "steps" if self.steps >= DEFAULT_LIMITS.instant_steps else ""


class Noted(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A warning for the author of the code under test, whatever the verdict."""

    text: str


class Attempting(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The run is over and has failed; an attempt at a smaller one begins.

    With one of these comes the story of the run as it is, for whoever does not wait for a smaller.
    """

    story: str = ""


class Alive(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A long run still makes progress."""


class Logged(msgspec.Struct, frozen=True, array_like=True):
    """A line that a node, or the test, has logged or printed: see `tester.world.spectator`."""

    time_us: int
    node: str
    level: str
    logger: str
    text: str


class RerunReport(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The result of a rerun, and its story; "" for a pass."""

    ran: Ran
    story: str
    record: str = ""
    """The text of the record of the smallest run that fails; "" if it was not shrunk."""
    explanation: str = ""
    """The explanation of that run, as JSON: see `tester.report.explained`."""
    twin: str = ""
    """That run beside the nearest one that passes, as text."""
    size: Size | None = None
    """The size of the smallest run that fails; None if it was not shrunk."""
    settled: bool = True
    """Whether no other seed needs to be tried for a shorter story."""
    likeness: str = ""
    """Equal for failures that are told in the same words: see `tester.report.likeness`."""
    page: str = ""
    """The document of its page, as JSON: see `tester.report.page.document`."""
    no_page: str = ""
    """Why there is no page though one was wanted."""
    said: list[Logged] = []
    """What was logged and printed in it, if that was wanted."""


class Placed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The progress of a proof: placements run, and their number once that is known."""

    placements: int
    total: int | None
    code: str
    """The digest of the code that was run."""


class Proved(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The result of a proof."""

    placements: int
    sentence: str
    story: str
    """The story of the smallest placement that fails; "" if none does."""
    faults: list[str]
    """The faults of the failing placement, in words."""
    verdict: str
    """`pass`, `fail`, or `unknown`: the checker could not decide a placement."""
    misuse: str
    """Why the submission cannot be run; "" if it can."""


class Suspected(msgspec.Struct, frozen=True, array_like=True):
    """A line of the user's code, and what it may depend on: see `tester.search.suspects`."""

    file: str
    line: int
    why: str
    kinds: tuple[str, ...]
    function: str


class Traced(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The events of a run as text, and the lines of the user's code that may make it differ."""

    digest: str
    """Verdict and digest of the run."""
    events: list[str]
    suspects: list[Suspected]


class Answered(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """An answer to a job."""

    job: int
    """The number of the job, from 0 on."""
    test: str
    seed: str
    answer: Ran | RerunReport | Proved | Traced


class Aborted(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The worker ends instead of answering, because the run has harmed its process."""

    job: int
    seed: str
    what: str
    """What the run has done, as a headline: "out of memory"."""
    sentence: str
    stack: list[tuple[str, int, str]]
    """Where the run stood, if known: file, line and function, outermost first."""


Job = Chunk | RerunJob | Prove | Trace
JobResult = Ran | RerunReport | Proved | Traced
Message = Loading | Ready | Refused | Noted | Alive | Attempting | Placed | Answered | Aborted
ANSWERS: Final[dict[type, type]] = {
    Chunk: Ran,
    RerunJob: RerunReport,
    Prove: Proved,
    Trace: Traced,
}
"""The answer to each kind of job."""


def misuse(job: Job, sentence: str) -> JobResult:
    """The answer to each run of a job when there is nothing to run."""
    ran = Ran("misuse", "", 0, 0, 0, 0, sentence=sentence)
    match job:
        case Chunk():
            return ran
        case RerunJob():
            return RerunReport(ran, "")
        case Prove():
            return Proved(0, "", "", [], "misuse", sentence)
        case Trace():
            return Traced(f"misuse {sentence}", [], [])


encode: Final = msgspec.msgpack.Encoder().encode
job_of: Final = msgspec.msgpack.Decoder(Job).decode
message_of: Final = msgspec.msgpack.Decoder(Message).decode


def end_of(marker: str) -> str:
    """The marker of the end of a run that began with this one."""
    return f"</{marker}>"


def plain(text: str) -> str:
    """The text without colours and with control characters escaped, safe for a terminal."""
    lines = _COLOURS.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line if line.isprintable() else _escaped(line) for line in lines)


def _escaped(line: str) -> str:
    return "".join(
        c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line
    )
