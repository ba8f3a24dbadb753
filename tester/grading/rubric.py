"""The tables of a rubric: which tests count how much, on which seeds, and what a student sees."""

from __future__ import annotations

import datetime
from typing import Final, Literal

import msgspec

Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]
Below = Literal["own", "reference"]
DEFAULT_POINTS: Final = 10


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Partial credit: who passes at least this share of the seeds gets this share of points."""

    passed: float
    points: float


class TestRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How some tests count: one of them, those that match a pattern, or a part of the lab."""

    __test__ = False  # not for pytest to collect

    name: str
    points: float = DEFAULT_POINTS
    """The points for each test's hidden seeds, or for its public ones if it has no others."""
    public_points: float = 0
    """Additional points for the public seeds."""
    public: int | None = None
    hidden: int | None = None
    credit: Literal["all", "share"] | list[Tier] = "all"
    """All or nothing; the share of the seeds that pass; or by steps."""
    hint: Literal[0, 1, 2, 3] | None = None
    """What is shown of a failure with public seeds."""
    hidden_hint: Literal[0, 1, 2, 3] | None = None
    visibility: Visibility | None = None
    """When students see the results of the hidden seeds."""


class SeedRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On how many seeds each test runs; one of weight w on a w-th of them, at least on one."""

    public: int = 5
    hidden: int = 0
    secret: str = ""
    """The file with the secret, relative to the rubric."""
    subject: Literal["student", "submission"] = "student"
    """Whose the hidden seeds are: handing in again changes them only for "submission"."""


class ShownRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What students see: the rungs of the hint ladder, and when."""

    hint: Literal[0, 1, 2, 3] = 3
    hidden_hint: Literal[0, 1, 2, 3] = 1
    visibility: Visibility = "after_due_date"


class LimitRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a submission may use."""

    stuck_after: int = 3
    """Seconds of CPU time in one step."""
    memory_mb: int = 512
    seconds: int = 540
    """Real seconds for one submission, the outermost fence: a limit of the machine."""
    files: int = 200
    kilobytes: int = 4_096
    """The most kilobytes of Python files."""


class LateRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lateness costs. Without a due date: nothing."""

    due: datetime.datetime | None = None
    percent_per_day: float = 10
    """The percentage of the points that each day begun after the due date costs."""
    days: int = 10
    """After this many days nothing is left."""


class Rubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it was written."""

    lab: str
    tests: list[TestRule]
    assignment: str = ""
    """Goes into the hidden seeds; the lab's name by default."""
    title: str = ""
    malformed: Literal["zero", "not graded"] = "zero"
    """What becomes of a submission that cannot be graded as it is: files are missing, say."""
    timeout: Literal["zero", "not graded"] = "not graded"
    """What becomes of tests that had not ended when `limits.seconds` were over."""
    stands_on: dict[str, Below] = {}
    seeds: SeedRule = SeedRule()
    shown: ShownRule = ShownRule()
    limits: LimitRule = LimitRule()
    late: LateRule = LateRule()
