"""What cost a submission points, for the instructor: each story once, with its seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tester.grading.archives import Limits, Malformed
from tester.grading.collect import collect
from tester.grading.feedback import command, full_story, head, title
from tester.grading.grade import GRADED, PASSED, Grade, PartGrade
from tester.grading.isolation import Isolation, NothingToTell
from tester.labs import LABS
from tester.report.page.document import Document
from tester.workers.wire import plain


def explained(grade: Grade) -> str:
    """All parts that did not pass; the same failure is told once."""
    sections = [f"{grade.student}: {head(grade)}"]
    if grade.status != GRADED:
        return plain("\n\n".join(filter(None, [*sections, grade.fault])))
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


def failures(grade: Grade) -> list[PartGrade]:
    """The first part of each kind of failure that a seed shows."""
    found: dict[str, PartGrade] = {}
    for part in grade.parts:
        if part.first_failing_seed and part.story:
            found.setdefault(part.likeness or part.id, part)
    return list(found.values())


def draw(grade: Grade) -> Iterator[Document]:
    """A page of each kind of failure, whose runs are run again, shut in as before.

    Raises Malformed if the submission is not what it was, and MachineFault.
    """
    lab = LABS[grade.lab]
    source = Path(grade.source)
    if not grade.source or not source.exists():
        raise Malformed(f"expected the submission at {grade.source}, got nothing there")
    collected = collect(source, lab, grade.stands_on, Limits())
    if collected.digest != grade.files_digest:
        raise Malformed(f"{source}: expected what was graded, got other files: grade it again")
    with Isolation(lab.name, collected.files, granted=collected.granted) as isolated:
        for part in failures(grade):
            try:
                found = isolated.diagnosis(part.name, int(part.first_failing_seed))
            except NothingToTell:  # it passes now: no run is there to be drawn
                continue
            yield isolated.document(part.name, found, command(grade, part))


def _told(lost: str, grade: Grade, part: PartGrade) -> str:
    said = [lost, part.statement, full_story(grade, part) if part.story else part.reason]
    return "\n\n".join(filter(None, said))
