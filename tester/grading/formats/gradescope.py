"""Gradescope's `results.json`."""

from __future__ import annotations

from typing import Any

from tester.grading.formats.items import Item, dumped, items, summary
from tester.grading.grade import GRADED, Grade


def write(grade: Grade) -> str:
    """The result; the score stands by itself, since lateness is not any test's."""
    return dumped(
        {
            "score": grade.points if grade.status == GRADED else 0.0,
            "output": summary(grade),
            "output_format": "text",
            "test_output_format": "text",
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "extra_data": {
                "status": grade.status,
                "isolation": grade.isolation,
                "isolation_level": grade.level,
                "commitment": grade.commitment,
                "files": grade.files_digest,
                "version": grade.version,
            },
            "tests": [_test(grade, number, item) for number, item in enumerate(items(grade), 1)],
        }
    )


def _test(grade: Grade, number: int, item: Item) -> dict[str, Any]:
    part = item.part
    return {
        "name": item.name,
        "number": str(number),
        "score": part.points if grade.status == GRADED else 0.0,
        "max_score": part.max_points,
        "status": "passed" if item.passed else "failed",
        "output": item.output,
        "visibility": part.visibility,
        "tags": ["hidden seeds" if part.hidden else "public seeds"],
    }
