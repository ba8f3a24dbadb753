"""The formats of a student's result: one for each platform, all written from one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tester.grading.formats import classroom, gradescope, junit, prairielearn, text
from tester.grading.grade import Grade


@dataclass(frozen=True)
class Format:
    """What a file for a student looks like."""

    name: str
    suffix: str
    write: Callable[[Grade], str]


FORMATS: Final = {
    one.name: one
    for one in (
        Format("gradescope", ".json", gradescope.write),
        Format("classroom", ".json", classroom.write),
        Format("classroom50", ".json", classroom.write_50),
        Format("prairielearn", ".json", prairielearn.write),
        Format("junit", ".xml", junit.write),
        Format("json", ".json", text.write_json),
        Format("csv", ".csv", text.write_csv),
        Format("markdown", ".md", text.write_markdown),
    )
}


def render(form: Format, grade: Grade) -> str:
    """The file for the student, as text."""
    if not grade.parts:  # an empty list of tests reads as success in more than one place
        raise ValueError(f"{grade.student}: a grade without tests cannot be written")
    return form.write(grade)
