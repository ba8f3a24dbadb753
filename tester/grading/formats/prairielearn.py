"""PrairieLearn's `results.json` of an external grader."""

from __future__ import annotations

from tester.grading.formats.items import dumped, summary, visible
from tester.grading.grade import NOT_GRADED, Grade

_MOST: int = 100_000
"""Characters of one test's output: a result may have 1 MB."""


def write(grade: Grade) -> str:
    """The result. What could not be graded costs no attempt; what failed or crashed does."""
    if grade.status == NOT_GRADED:
        return dumped(
            {"gradable": False, "format_errors": [grade.reason], "message": summary(grade)}
        )
    return dumped(
        {
            "gradable": True,
            "score": round(grade.points / grade.max_points, 6) if grade.max_points else 0.0,
            "message": summary(grade),
            "output": "",
            "images": [],
            "tests": [
                {
                    "name": item.name,
                    "description": "",
                    "points": item.points,
                    "max_points": item.part.max_points,
                    "message": item.message,
                    "output": item.output[:_MOST],
                    "images": [],
                }
                for item in visible(grade)
            ],
        }
    )
