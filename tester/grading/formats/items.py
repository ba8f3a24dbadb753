"""What all formats have in common: each test with its points and what may be shown of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tester.grading.feedback import head, output, title
from tester.grading.grade import GRADED, PASSED, Grade, PartGrade, rounded


@dataclass(frozen=True)
class Item:
    """One line of a result."""

    part: PartGrade
    name: str
    passed: bool
    points: float
    """After what lateness costs."""
    output: str
    message: str
    """One line of it."""


def items(grade: Grade) -> Iterator[Item]:
    """The lines of a result; their points add up to those of the grade, but for rounding."""
    share = grade.points / grade.reached if grade.reached else 0.0
    for part in grade.parts:
        counts = grade.status == GRADED
        passed = counts and part.status == PASSED
        points = part.points if share == 1 else rounded(part.points * share)
        shown = output(grade, part)
        message = next((line for line in shown.splitlines() if line.strip()), part.status)
        yield Item(part, title(part), passed, points if counts else 0.0, shown, message.strip())


def visible(grade: Grade) -> Iterator[Item]:
    """The items for a place that shows all it gets: what may never be seen says nothing."""
    for item in items(grade):
        if item.part.visibility == "hidden":
            yield Item(item.part, item.name, item.passed, item.points, "", item.part.status)
        else:
            yield item


def summary(grade: Grade) -> str:
    """What comes before the tests."""
    return head(grade)


def whole(points: float, scale: int) -> int:
    """Points as an integer: never more than were reached."""
    return math.floor(points * scale + 1e-6)


def dumped(what: Any) -> str:
    """JSON as all the files have it."""
    return json.dumps(what, indent=2, ensure_ascii=False) + "\n"
