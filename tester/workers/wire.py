"""What the runner and its worker processes say to each other: plain data, never pickle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tester.engine.schedule import DEFAULT
from tester.engine.strategy import UNIFORM
from tester.search.shortest import Size

if TYPE_CHECKING:
    from tester.world.scenario import Scenario

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run `count` seeds of a test from `first` on, and answer each with a Ran, in order."""

    test: str
    first: int
    count: int
    in_detail: bool = False
    """Whether each answer is to say which faults hit what, and how long operations took."""

    def seed_of(self, at: int) -> str:
        """Of which seed its answer number `at` is."""
        return str(self.first + at)


class RerunJob(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run one seed with its trace kept, and answer with a Told."""

    test: str
    seed: str
    """In decimal: a seed may have 128 bits, and an integer on the wire has 64."""
    command: str
    """What the story says will run it again."""
    whole: bool
    """Tell the run as it was: no smaller one that fails is looked for."""
    marker: str
    """To be printed before the run, and what `end_of` makes of it after the run.

    What the worker prints earlier and later is of other runs.
    """
    record: str = ""
    """The text of a record to be run instead of the seed."""
    full: bool = False
    """Tell every line of the story, also where the run passes."""
    page: bool = False
    """Draw its page, too."""
    level: int = 0
    """Tell what its nodes log from this level on, and what they print; 0: neither."""

    @property
    def count(self) -> int:
        """How many answers it gets."""
        return 1

    def seed_of(self, at: int) -> str:
        """Of which seed its answer is."""
        return self.seed


class Prove(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run every placement of at most `faults` faults of a test, and answer with a Proved."""

    test: str
    faults: int
    done: int
    """Placements that need not be run again,"""
    code: str
    """if the code is still the one with this digest."""
    command: str
    """What the story of a failing placement says will run it again."""

    @property
    def count(self) -> int:
        """How many answers it gets."""
        return 1

    def seed_of(self, at: int) -> str:
        """Of no seed: the choices of its runs are enumerated."""
        return ""


class Trace(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Run one seed with its trace kept, and answer with a Traced."""

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
    """The worker imports this part of the submission now; "": something of ours."""

    what: str


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """A test of the suite, and on how many seeds it is to run."""

    name: str
    seeds: int
    weight: int
    schedule: str = DEFAULT
    parts: tuple[str, ...] = ()
    """What it belongs to: see `tester.labs.Lab.parts`."""
    sometimes: tuple[str, ...] = ()
    """What some run must come to: see `Simulation.sometimes`."""
    module: str = ""
    """Of a test of a project: see `under_pytest.Case`."""
    fixtures: tuple[str, ...] = ()
    """Likewise."""
    code: str = ""
    """Digest of the code under test and of the test, if it was asked for."""
    strategy: str = UNIFORM

    @classmethod
    def of(cls, name: str, scenario: Scenario, seeds: int | None, **more: Any) -> Self:
        """A scenario under this name, of which somebody wants so many seeds, or its own number."""
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
    """The submission is loaded; these are the suite's tests, in order."""

    tests: list[Listed]
    taken: str = ""
    """What was taken from the submission's folder: see `tester.labs.taken`."""
    root: str = ""
    """Of tests of a project: the folder at which their node ids begin."""


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The submission cannot be run; one sentence says why."""

    sentence: str


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """A figure that a test reports of its runs, each any number of times."""

    least: int
    most: int
    total: int
    count: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        """The figure of some values, at least one."""
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
    """What a sweep wants to know of a run besides."""

    latency_us: int
    """Virtual microseconds that its operations took, on average; 0 if none had an answer."""
    slowest_us: int
    hits: list[tuple[str, str]]
    """See `tester.world.coverage`."""


class Ran(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What one run came to: see `tester.world.run.Outcome`."""

    verdict: str
    digest: str
    rpcs: int
    ops: int
    virtual_us: int
    wall_us: int
    """Real microseconds: the one figure that differs from run to run."""
    sentence: str = ""
    """Of a misuse: what is wrong, and where."""
    leaked_state: bool = False
    """Whether it changed what outlives it: later runs of this process cannot be trusted."""
    symptom: tuple[str, ...] = ()
    """How it failed: what it has in common with other runs that show the same bug."""
    peers: int = 0
    """How many nodes were servers."""
    figures: dict[str, Figure] = {}
    """What the test has reported, by name."""
    latency_us: int = 0
    """Virtual microseconds that an operation took, on average; 0 if none was answered."""
    reached: dict[str, bool] = {}
    """Whether it came to what the test calls `Simulation.sometimes`."""
    steps: int = 0
    detail: Detail | None = None


class Noted(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A warning for the person whose code it is, whatever the verdict."""

    text: str


class Attempting(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The run to be told is over and has failed; one of many attempts at a smaller one begins."""


class Alive(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A run takes long, and gets on."""


class Logged(msgspec.Struct, frozen=True, array_like=True):
    """A line that a node, or the test, has logged or printed: see `tester.world.spectator`."""

    time_us: int
    node: str
    level: str
    logger: str
    text: str


class RerunReport(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a run came to, and its story; "" for a pass."""

    ran: Ran
    story: str
    record: str = ""
    """The text of the record of the smallest run that fails; "" if none was looked for."""
    explanation: str = ""
    """Why that one fails, as JSON: see `tester.report.explained`."""
    twin: str = ""
    """The run beside it that passes, for people to read."""
    size: Size | None = None
    """Of the smallest run that fails; None if none was looked for."""
    settled: bool = True
    """Whether no other seed is to be tried for a shorter story."""
    likeness: str = ""
    """Equal for failures that are told in the same words: see `tester.report.likeness`."""
    page: str = ""
    """The document of its page, as JSON: see `tester.report.page.document`."""
    no_page: str = ""
    """Why there is none, if one was asked for."""
    said: list[Logged] = []
    """What was logged and printed in it, if that was asked for."""


class Placed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A proof has come so far: placements run, and how many there are, once that is known."""

    placements: int
    total: int | None
    code: str
    """Digest of the code that has been run."""


class Proved(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a proof came to."""

    placements: int
    sentence: str
    story: str
    """Of the smallest placement that fails; "" if none does."""
    faults: list[str]
    """What the failing placement is made of."""
    verdict: str
    """`pass`, `fail`, or `unknown`: the checker could not decide a placement."""
    misuse: str
    """Why the submission cannot be run at all; "" if it can."""


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
    """Verdict and digest, as of a Ran."""
    events: list[str]
    suspects: list[Suspected]


class Answered(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """An answer to a job, and to which one."""

    job: int
    """How many jobs the worker had been given before."""
    test: str
    seed: str
    answer: Ran | RerunReport | Proved | Traced


class Aborted(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The worker does not answer for this run, which has done something to its process."""

    job: int
    seed: str
    what: str
    """What it has done, as a headline: "out of memory"."""
    sentence: str
    stack: list[tuple[str, int, str]]
    """Where it stood, if that is known: file, line and function, outermost first."""


Job = Chunk | RerunJob | Prove | Trace
Answer = Ran | RerunReport | Proved | Traced
Message = Loading | Ready | Refused | Noted | Alive | Attempting | Placed | Answered | Aborted
ANSWERS: Final[dict[type, type]] = {
    Chunk: Ran,
    RerunJob: RerunReport,
    Prove: Proved,
    Trace: Traced,
}
"""What a job is answered with."""


def misuse(job: Job, sentence: str) -> Answer:
    """What each run of a job is answered with where there is nothing to run."""
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
    """What is printed when the run is over that this marker began."""
    return f"</{marker}>"


def plain(text: str) -> str:
    """The text as it may travel, and be shown on a terminal without doing anything to it."""
    text = _COLOURS.sub("", text).replace("\r\n", "\n")
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )
