"""The grade of one submission as data: the one record that all formats are written from."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Final

import msgspec

from tester.engine import VERSION
from tester.grading import confidence
from tester.grading.exam import Exam, Progress
from tester.grading.journal import ShutIn
from tester.grading.plan import Part, Plan
from tester.grading.rubric import LateRule, Tier

GRADED: Final = "graded"
MALFORMED: Final = "malformed"
NOT_GRADED: Final = "not graded"

PASSED: Final = "passed"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"
_FAULT: Final = (
    "The machine that grades failed, and not the submission: it has to be graded again."
)
_DAY_S: Final = 86_400


class PartGrade(msgspec.Struct, frozen=True):
    """What one test came to, on its public seeds or on its hidden ones."""

    id: str
    name: str
    hidden: bool
    points: float
    max_points: float
    status: str
    """`passed`, `failed`, `unknown`, `timed out`, `malformed` or `not graded`."""
    seeds: int
    """How many there are."""
    seeds_run: int
    seeds_failed: int
    first_failing: int | None
    """The number of the first seed that did not pass, from 0."""
    first_failing_seed: str
    """That seed itself, in decimal: for the instructor alone if it is hidden."""
    rpcs: int
    ops: int
    virtual_s: float
    statement: str
    """What the seeds that were run say about others."""
    reason: str
    """Why it did not pass, in one sentence; "" if it did."""
    hint: int
    visibility: str
    kinds: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    needs: str = ""
    """What the failure needs, in one sentence."""
    story: str = ""
    printed: str = ""
    """What was logged and printed in the run of the story."""
    likeness: str = ""
    """Equal for failures that are told in the same words."""


class Grade(msgspec.Struct, frozen=True):
    """A submission's grade."""

    student: str
    lab: str
    title: str
    status: str
    """`graded`, `malformed` or `not graded`."""
    points: float
    """After what lateness costs."""
    max_points: float
    reached: float
    """Before that."""
    late: str
    """What lateness costs, in one sentence; "" if nothing."""
    reason: str
    """Why there is no grade, or why nothing could be run; "" otherwise."""
    notes: tuple[str, ...]
    isolation: str
    """What kept the code under test away from everything else."""
    level: int
    commitment: str
    files_digest: str
    rubric_digest: str
    version: str
    parts: tuple[PartGrade, ...]
    submitted: str = ""
    source: str = ""
    """Where the submission lies: for the instructor alone."""
    stands_on: dict[str, str] = {}
    fault: str = ""
    """What of the machine failed, if it did: for the instructor alone. The first line says it all,
    later ones are a traceback."""

    @property
    def full(self) -> bool:
        """Whether it reached all points."""
        return self.status == GRADED and math.isclose(self.points, self.max_points)


class About(msgspec.Struct, frozen=True):
    """What is known of a submission beside what came of its runs."""

    student: str
    notes: tuple[str, ...] = ()
    files_digest: str = ""
    submitted: datetime.datetime | None = None
    source: str = ""


def of_exam(plan: Plan, about: About, exam: Exam, *, timed_out: bool = False) -> Grade:
    """The grade of what has been run. What has not been is worth nothing, and says why."""
    overdue = timed_out and plan.rubric.timeout == NOT_GRADED
    parts = [_of_part(progress, exam.refused, timed_out=timed_out) for progress in exam.parts]
    refused = bool(exam.refused)
    status, reason = GRADED, ""
    if refused:
        status, reason = _malformed(plan), exam.refused
    elif overdue and any(part.status == "timed out" for part in parts):
        status = NOT_GRADED
        reason = (
            f"It had not ended after {plan.rubric.limits.seconds} s, a limit of the machine; it "
            "will be tried again."
        )
    return _grade(plan, about, parts, status, reason, exam.shut_in)


def of_malformed(plan: Plan, about: About, reason: str) -> Grade:
    """The grade of a submission of which nothing could be run, by a fault of its own."""
    parts = [nothing(part, "malformed", reason) for part in plan.parts]
    return _grade(plan, about, parts, _malformed(plan), reason)


def of_fault(plan: Plan, about: About, fault: str) -> Grade:
    """No grade: the machine failed, and not the submission, whose author need not know how."""
    grade = _not_graded(plan, about, _FAULT)
    return msgspec.structs.replace(grade, fault=fault)


def pending(plan: Plan, about: About) -> Grade:
    """What is written before anything has run: nothing counts as passed until it has."""
    return _not_graded(plan, about, "It has not been graded yet.")


def _not_graded(plan: Plan, about: About, reason: str) -> Grade:
    parts = [nothing(part, NOT_GRADED, reason) for part in plan.parts]
    return _grade(plan, about, parts, NOT_GRADED, reason)


def cause(grade: Grade) -> str:
    """Why there is no grade, in one line for the instructor."""
    return grade.fault.partition("\n")[0] or grade.reason


def nothing(part: Part, status: str, reason: str) -> PartGrade:
    """A part that has not been run."""
    return PartGrade(
        id=part.id,
        name=part.test,
        hidden=part.hidden,
        points=0,
        max_points=part.points,
        status=status,
        seeds=part.seeds,
        seeds_run=0,
        seeds_failed=0,
        first_failing=None,
        first_failing_seed="",
        rpcs=0,
        ops=0,
        virtual_s=0,
        statement="",
        reason=reason,
        hint=part.hint,
        visibility=part.visibility,
    )


def _malformed(plan: Plan) -> str:
    return MALFORMED if plan.rubric.malformed == "zero" else NOT_GRADED


def _of_part(progress: Progress, refused: str, *, timed_out: bool) -> PartGrade:
    part, counted, failed = progress.part, progress.counted, progress.failed
    if refused:
        return nothing(part, "malformed", refused)
    status, reason = _status(progress)
    if status == UNKNOWN and not progress.finished:
        status = "timed out" if timed_out else NOT_GRADED
        reason = f"{len(counted)} of {part.seeds} seeds had been run when time was over."
    first = failed[0].index if failed else None
    story = progress.story
    return PartGrade(
        id=part.id,
        name=part.test,
        hidden=part.hidden,
        points=_points(progress),
        max_points=part.points,
        status=status,
        seeds=part.seeds,
        seeds_run=len(counted),
        seeds_failed=len(failed),
        first_failing=first,
        first_failing_seed="" if first is None else str(progress.seeds[first]),
        rpcs=sum(line.rpcs for line in counted),
        ops=sum(line.ops for line in counted),
        virtual_s=sum(line.virtual_us for line in counted) / 1_000_000,
        statement=_statement(progress),
        reason=reason,
        hint=part.hint,
        visibility=part.visibility,
        kinds=() if story is None else story.kinds,
        faults=() if story is None else story.faults,
        needs="" if story is None else story.sentence,
        story="" if story is None else story.text,
        printed="" if story is None else story.printed,
        likeness="" if story is None else story.likeness,
    )


def _status(progress: Progress) -> tuple[str, str]:
    """Whether a part is passed, and why not. Nothing but a pass on every seed is one."""
    failed = progress.failed
    if not failed:
        all_run = progress.finished and len(progress.counted) == len(progress.seeds) > 0
        return (PASSED, "") if all_run else (UNKNOWN, "")
    wrong = any(line.verdict in ("fail", "lost") for line in failed)
    if progress.story is not None:
        return (FAILED if wrong else UNKNOWN), progress.story.headline
    return (FAILED if wrong else UNKNOWN), "its story has not been told"


def _points(progress: Progress) -> float:
    """What the seeds that passed are worth, of all that were to run."""
    part = progress.part
    passed = len(progress.counted) - len(progress.failed)
    if not progress.finished or not progress.seeds:
        return 0.0
    share = passed / len(progress.seeds)
    if part.credit == "all":
        return part.points if share == 1 else 0.0
    if part.credit == "share":
        return rounded(part.points * share)
    tiers = [tier for tier in part.credit if isinstance(tier, Tier) and share >= tier.passed]
    best = max((tier.points for tier in tiers), default=0.0)
    return rounded(part.points * (1.0 if share == 1 else best))


def rounded(points: float) -> float:
    """Points with two digits after the point; not more than there are."""
    return math.floor(100 * points + 1e-6) / 100


def _statement(progress: Progress) -> str:
    counted, failed, part = progress.counted, progress.failed, progress.part
    if not counted or not progress.finished:
        return ""
    if len(counted) < len(progress.seeds):
        sentence = confidence.stopped(failed[0].index, len(progress.seeds))
        if part.credit != "all":
            sentence += " The seeds after the last one that was run count as failed."
        return sentence
    if not part.hidden:  # students have trained against them: they are no sample
        passed = len(counted) - len(failed)
        return f"{passed} of {len(counted)} public seeds pass."
    return confidence.statement(len(failed), len(counted))


def _grade(
    plan: Plan,
    about: About,
    parts: Sequence[PartGrade],
    status: str,
    reason: str,
    shut_in: ShutIn = ShutIn(0, ""),  # noqa: B008 - it does not change
) -> Grade:
    reached = rounded(sum(part.points for part in parts)) if status == GRADED else 0.0
    share, late = lateness(plan.rubric.late, about.submitted)
    return Grade(
        student=about.student,
        lab=plan.lab.name,
        title=plan.rubric.title or plan.assignment,
        status=status,
        points=rounded(reached * share),
        max_points=plan.max_points,
        reached=reached,
        late=late,
        reason=reason,
        notes=tuple(dict.fromkeys((*about.notes, *shut_in.notes))),
        isolation=shut_in.sentence,
        level=shut_in.level,
        commitment=plan.commitment,
        files_digest=about.files_digest,
        rubric_digest=plan.digest,
        version=VERSION,
        parts=tuple(parts),
        submitted="" if about.submitted is None else about.submitted.isoformat(),
        source=about.source,
        stands_on=dict(plan.stands_on),
    )


def lateness(rule: LateRule, submitted: datetime.datetime | None) -> tuple[float, str]:
    """The share of the points that is left, and a sentence if that is not all."""
    if rule.due is None or submitted is None or submitted <= rule.due:
        return 1.0, ""
    days = math.ceil((submitted - rule.due).total_seconds() / _DAY_S)
    if days > rule.days:
        return 0.0, f"{_days(days)} late, more than the {rule.days} that are allowed: no points."
    lost = min(100.0, days * rule.percent_per_day)
    return 1 - lost / 100, f"{_days(days)} late: {lost:g} % of the points reached are lost."


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
