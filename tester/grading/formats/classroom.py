"""The results of GitHub Classroom's autograding, and of Classroom 50."""

from __future__ import annotations

import os
from typing import Any, Final

from tester.grading.formats.items import dumped, visible, whole
from tester.grading.grade import GRADED, Grade

_OUTPUT: Final = 500


def write(grade: Grade) -> str:
    """What the reporter of GitHub Classroom reads, before it is encoded in base64."""
    tests = [
        {
            "name": item.name,
            "status": "pass" if item.passed else "fail",
            "score": item.points,
            "message": None if item.passed else item.message,
            "test_code": "",
            "task_id": number,
            "filename": "",
            "line_no": 0,
            "duration": 0.0,
            "output": item.output[:_OUTPUT],
        }
        for number, item in enumerate(visible(grade))
    ]
    status = "pass" if grade.full else "fail"
    return dumped(
        {
            "version": 1,
            "status": status if grade.status == GRADED else "error",
            "max_score": grade.max_points,
            "tests": tests,
        }
    )


def write_50(grade: Grade) -> str:
    """Classroom 50's `result.json`: all scores are integers."""
    integral = all(float(part.max_points).is_integer() for part in grade.parts)
    scale = 1 if integral else 100
    tests: list[dict[str, Any]] = [
        {
            "test-name": item.name,
            "passed": item.passed,
            "score": whole(item.points, scale),
            "max-score": whole(item.part.max_points, scale),
        }
        for item in visible(grade)
    ]
    return dumped(
        {
            "schema": "classroom50/result/v1",
            "classroom": os.environ.get("CLASSROOM", ""),
            "assignment": os.environ.get("ASSIGNMENT", ""),
            "submission": os.environ.get("SUBMISSION_TAG", ""),
            "commit": os.environ.get("COMMIT_URL", ""),
            "release": os.environ.get("RELEASE_URL", ""),
            "review": os.environ.get("REVIEW_URL", ""),
            "datetime": grade.submitted,
            "score": sum(test["score"] for test in tests),
            "max-score": sum(test["max-score"] for test in tests),
            "tests": tests,
        }
    )
