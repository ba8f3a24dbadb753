"""What a student may read of a failure: the hint ladder, without any trace of a hidden seed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Final

from tester.grading.grade import FAILED, GRADED, PASSED, UNKNOWN, Grade, PartGrade
from tester.grading.journal import COMMAND
from tester.report.width import WIDTH
from tester.workers.wire import plain

_AGAIN: Final = "To run it again:"
HIDDEN: Final = "(hidden)"
_DIGITS: Final = re.compile(r"[0-9a-fA-F]+")


def command(grade: Grade, part: PartGrade) -> str:
    """What runs a failing public seed again, in the student's own folder."""
    seed = part.first_failing_seed
    return f"labtester replay {grade.lab} {part.name} --seed {seed} --submission ."


def search(grade: Grade, part: PartGrade) -> str:
    """What looks for a failure like that of a hidden seed."""
    return f"labtester run {grade.lab} --tests {part.name} --seeds 1000 --submission ."


def title(part: PartGrade) -> str:
    """The name of a part, for people."""
    return f"{part.name} ({'hidden' if part.hidden else 'public'} seeds)"


def output(grade: Grade, part: PartGrade) -> str:
    """What the student reads about a part: as much as its hint level allows."""
    if part.status not in (PASSED, FAILED, UNKNOWN):
        return plain(wrapped(part.reason))
    lines = [wrapped(part.statement)]
    if part.status != PASSED:
        lines.append(_hidden(grade, part) if part.hidden else _public(grade, part))
    return plain("\n\n".join(filter(None, lines)))


def head(grade: Grade) -> str:
    """What the student reads first: the points, and what they stand on."""
    lines = [f"{grade.title}: {grade.points:g} of {grade.max_points:g} points"]
    if grade.status != GRADED:
        lines = [f"{grade.title}: {grade.status}", grade.reason]
    lines += [grade.late, *grade.notes]
    if grade.isolation:
        lines.append(grade.isolation)
    if grade.commitment:
        lines.append(f"Hidden seeds: the sha256 of their secret is {grade.commitment}")
    return plain("\n".join(wrapped(line) for line in lines if line))


def wrapped(text: str) -> str:
    """A sentence in lines that fit on a terminal."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)


def redacted(text: str, seeds: Iterable[int]) -> str:
    """The text without these seeds, whatever wrote them: in decimal or as hexadecimal digits."""
    spelled = {form for seed in seeds for form in (str(seed), f"{seed:x}")}
    lengths = sorted({len(one) for one in spelled}, reverse=True)

    def without(run: re.Match[str]) -> str:
        kept, digits, at = [], run[0].lower(), 0
        while at < len(digits):
            for length in lengths:
                if digits[at : at + length] in spelled:
                    kept.append(HIDDEN)
                    at += length
                    break
            else:
                kept.append(run[0][at])
                at += 1
        return "".join(kept)

    return _DIGITS.sub(without, text) if spelled else text


def full_story(grade: Grade, part: PartGrade) -> str:
    """The story as an instructor reads it, with the command that runs it again."""
    again = f"labtester replay {grade.lab} {part.name} --seed {part.first_failing_seed}"
    return _with_lines(part.story.replace(COMMAND, f"{again} --submission DIR"), part)


def _public(grade: Grade, part: PartGrade) -> str:
    again = f"To run it again:\n    {command(grade, part)}"
    if part.hint >= 3:
        return _with_lines(part.story.replace(COMMAND, command(grade, part)), part)
    return "\n\n".join(filter(None, [_ladder(part), again]))


def _with_lines(story: str, part: PartGrade) -> str:
    """The story, and what the code logged and printed in its run.

    Of a hidden seed a student does not see that: code may print whatever it comes to know of a
    run, such as all that the test does.
    """
    if not part.printed:
        return story
    return f"{story.rstrip()}\n\nWhat was logged and printed in this run:\n\n{part.printed}"


def _hidden(grade: Grade, part: PartGrade) -> str:
    look = f"To look for such a failure:\n    {search(grade, part)}"
    if part.hint < 3:
        return "\n\n".join(filter(None, [_ladder(part), look if part.hint >= 1 else ""]))
    paragraphs = part.story.split("\n\n")
    ends = [number for number, text in enumerate(paragraphs) if _AGAIN in text]
    story = "\n\n".join(paragraphs[: ends[-1]] if ends else paragraphs)
    story = re.sub(r"^seed \d+:", "a hidden seed:", story)
    return f"{story}\n\n{look}"


def _ladder(part: PartGrade) -> str:
    """Levels 0 to 2: when it fails, which rule is broken, and the smallest schedule."""
    said = [_when(part)]
    if part.hint >= 1:
        said.append(wrapped(f"What is wrong: {part.reason}"))
    if part.hint >= 2 and part.needs:
        faults = "\n".join(f"    {fault}" for fault in part.faults)
        said.append("\n".join(filter(None, [wrapped(part.needs), faults])))
    return "\n\n".join(said)


def _when(part: PartGrade) -> str:
    if part.kinds:
        return wrapped(f"It fails when this happens: {', '.join(part.kinds)}.")
    if part.needs:
        return "It fails even when the network loses nothing and delays nothing."
    return "It fails."
