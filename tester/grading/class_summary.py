"""The summary of a class: scores, a histogram, and which tests and bugs tell solutions apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tester.grading.feedback import title
from tester.grading.formats.text import table
from tester.grading.grade import GRADED, NOT_GRADED, PASSED, Grade, PartGrade, cause

_BINS: Final = 10
_BAR: Final = 40


class TestSummary(msgspec.Struct, frozen=True):
    """How a class did in one test."""

    __test__ = False  # not for pytest to collect

    id: str
    name: str
    passed: int
    graded: int
    separates: float | None
    """Correlation of passing it with the points of all other tests; None: all did alike."""


class Bug(msgspec.Struct, frozen=True):
    """Failures that are told in the same words."""

    words: str
    """The headline of one of them, and what it has in common with the others."""
    tests: tuple[str, ...]
    students: tuple[str, ...]


class Summary(msgspec.Struct, frozen=True):
    """A class, in the order of its students."""

    scores: dict[str, float | None]
    """None: not graded."""
    max_points: float
    mean: float | None
    median: float | None
    histogram: tuple[int, ...]
    """How many have less than a tenth of the points, than two tenths, ...; all of them: last."""
    tests: tuple[TestSummary, ...]
    bugs: tuple[Bug, ...]
    not_graded: dict[str, str]
    """Who, and why."""


def summarize(grades: Sequence[Grade]) -> Summary:
    """The summary of these grades."""
    counted = [grade for grade in grades if grade.status != NOT_GRADED]
    points = [grade.points for grade in counted]
    most = grades[0].max_points if grades else 0.0
    bins = [0] * _BINS
    for value in points:
        bins[min(_BINS - 1, math.floor(_BINS * value / most)) if most else 0] += 1
    first = grades[0].parts if grades else ()
    return Summary(
        scores={g.student: None if g.status == NOT_GRADED else g.points for g in grades},
        max_points=most,
        mean=round(statistics.fmean(points), 2) if points else None,
        median=round(statistics.median(points), 2) if points else None,
        histogram=tuple(bins),
        tests=tuple(_of_test(number, part, counted) for number, part in enumerate(first)),
        bugs=_bugs(counted),
        not_graded={g.student: cause(g) for g in grades if g.status == NOT_GRADED},
    )


def _of_test(number: int, part: PartGrade, grades: Sequence[Grade]) -> TestSummary:
    parts = [grade.parts[number] for grade in grades]
    passes = [part.status == PASSED for part in parts]
    rest = [grade.reached - part.points for grade, part in zip(grades, parts, strict=True)]
    separates = correlation([float(passed) for passed in passes], rest)
    return TestSummary(part.id, title(part), sum(passes), len(parts), separates)


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Pearson's; None if one of them is the same throughout."""
    if len(one) < 2 or min(one) == max(one) or math.isclose(min(other), max(other)):
        return None
    return round(statistics.correlation(one, other), 2)


def _bugs(grades: Sequence[Grade]) -> tuple[Bug, ...]:
    """Failures in the same words, those of most students first."""
    words: dict[str, str] = {}
    tests: dict[str, dict[str, None]] = {}
    students: dict[str, dict[str, None]] = {}
    for grade in grades:
        failures = [(part.likeness, part.reason, part.name) for part in grade.parts]
        if grade.status != GRADED:
            failures = [(grade.reason, grade.reason, "")]
        for key, reason, test in failures:
            if key:
                words.setdefault(key, _joined(reason, key))
                tests.setdefault(key, {}).update({test: None} if test else {})
                students.setdefault(key, {})[grade.student] = None
    bugs = [Bug(words[key], tuple(tests[key]), tuple(students[key])) for key in words]
    return tuple(sorted(bugs, key=lambda bug: (-len(bug.students), bug.words)))


def _joined(reason: str, likeness: str) -> str:
    """A headline and what it has in common with others, neither of them said twice."""
    if likeness in reason:
        return reason
    return likeness if reason in likeness else f"{reason}: {likeness}"


# -- as files ------------------------------------------------------------------------------------


def as_json(summary: Summary) -> str:
    """The summary as data."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=1).decode() + "\n"


def as_csv(grades: Sequence[Grade]) -> str:
    """A line for each student: points in all, and in each test."""
    names = [title(part) for part in grades[0].parts] if grades else []
    rows: list[list[object]] = [
        ["student", "status", "points", "max_points", "reached", *names, "reason"]
    ]
    rows += [
        [
            grade.student,
            grade.status,
            f"{grade.points:g}" if grade.status != NOT_GRADED else "",
            f"{grade.max_points:g}",
            f"{grade.reached:g}",
            *(f"{part.points:g}" for part in grade.parts),
            cause(grade) or grade.late,
        ]
        for grade in grades
    ]
    return table(rows)


def as_text(summary: Summary, bugs: int = 10) -> str:
    """The summary as text, with at most this many bugs."""
    lines = [_headline(summary), ""]
    most = max(summary.histogram, default=0)
    for number, count in enumerate(summary.histogram):
        low = summary.max_points * number / _BINS
        bar = "#" * math.ceil(_BAR * count / most) if most else ""
        lines.append(f"{low:>7.4g} and more  {count:>4}  {bar}".rstrip())
    lines += ["", f"{'passed':>9}  separates  test"]
    for test in summary.tests:
        separates = "" if test.separates is None else f"{test.separates:.2f}"
        lines.append(f"{test.passed:>4} of {test.graded:>2}  {separates:>9}  {test.name}")
    if summary.bugs:
        lines += ["", "students  what went wrong"]
    for bug in summary.bugs[:bugs]:
        who = ", ".join(bug.students[:5]) + (", ..." if len(bug.students) > 5 else "")
        lines += [f"{len(bug.students):>8}  {bug.words}", f"{'':>10}{who}"]
    if len(summary.bugs) > bugs:
        lines.append(f"{'':>10}({len(summary.bugs) - bugs} more kinds)")
    if summary.not_graded:
        lines += ["", "not graded; run the same command again:"]
        lines += [f"  {student}: {why}" for student, why in summary.not_graded.items()]
    return "\n".join(lines) + "\n"


def _headline(summary: Summary) -> str:
    graded = len(summary.scores) - len(summary.not_graded)
    head = f"{graded} of {len(summary.scores)} graded"
    if summary.mean is None:
        return head
    return f"{head}; mean {summary.mean:g}, median {summary.median:g} of {summary.max_points:g}"


def record(summary: Summary) -> dict[str, Any]:
    """The summary as plain data, for `--json`."""
    found: dict[str, Any] = msgspec.to_builtins(summary)
    return found
