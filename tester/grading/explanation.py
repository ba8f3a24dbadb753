"""What cost a submission points, for the instructor: each story once, with its seed."""

from __future__ import annotations

from tester.grading.feedback import full_story, head, title
from tester.grading.grade import GRADED, PASSED, Grade, PartGrade
from tester.workers.wire import plain


def explained(grade: Grade) -> str:
    """All parts that did not pass; the same failure is told once."""
    sections = [f"{grade.student}: {head(grade)}"]
    if grade.status != GRADED:
        return sections[0]
    told: dict[str, str] = {}
    for part in grade.parts:
        if part.status == PASSED:
            continue
        lost = f"{title(part)}: {part.status}, {part.points:g} of {part.max_points:g} points"
        same = told.get(part.likeness) if part.likeness else None
        if same is not None:
            sections.append(f"{lost}\n{part.reason}: as in {same}")
            continue
        told[part.likeness] = title(part)
        sections.append(_told(lost, grade, part))
    if len(sections) == 1:
        sections.append("Every test passes.")
    return plain("\n\n".join(sections))


def _told(lost: str, grade: Grade, part: PartGrade) -> str:
    said = [lost, part.statement, full_story(grade, part) if part.story else part.reason]
    return "\n\n".join(filter(None, said))
