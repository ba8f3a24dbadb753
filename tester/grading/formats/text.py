"""Plain JSON, CSV and Markdown: for people, and for programs of one's own."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

from tester.grading.feedback import command
from tester.grading.formats.items import Item, dumped, summary, visible
from tester.grading.grade import Grade
from tester.workers.wire import plain


def write_json(grade: Grade) -> str:
    """Everything that the student may see."""
    return dumped(
        {
            "student": grade.student,
            "lab": grade.lab,
            "title": grade.title,
            "status": grade.status,
            "points": grade.points,
            "max_points": grade.max_points,
            "reached": grade.reached,
            "late": grade.late,
            "reason": grade.reason,
            "notes": list(grade.notes),
            "isolation": grade.isolation,
            "isolation_level": grade.level,
            "commitment": grade.commitment,
            "version": grade.version,
            "tests": [_test(grade, item) for item in visible(grade)],
        }
    )


def _test(grade: Grade, item: Item) -> dict[str, object]:
    part = item.part
    known = {} if part.hidden else {"first_failing_seed": part.first_failing_seed or None}
    return {
        "id": part.id,
        "name": part.name,
        "hidden": part.hidden,
        "points": item.points,
        "max_points": part.max_points,
        "status": part.status,
        "seeds_run": part.seeds_run,
        "seeds_failed": part.seeds_failed,
        "rpcs": part.rpcs,
        "virtual_s": part.virtual_s,
        "hint_level": part.hint,
        "visibility": part.visibility,
        "output": item.output,
        "replay": command(grade, part) if part.first_failing_seed and not part.hidden else None,
        **known,
    }


def write_csv(grade: Grade) -> str:
    """A line for each test, and one for the whole."""
    rows: list[list[object]] = [["student", "test", "points", "max_points", "status", "message"]]
    for item in visible(grade):
        part = item.part
        scores = f"{item.points:g}", f"{part.max_points:g}"
        rows.append([grade.student, item.name, *scores, part.status, item.message])
    total = [f"{grade.points:g}", f"{grade.max_points:g}", grade.status]
    rows.append([grade.student, "total", *total, grade.reason or grade.late])
    return table(rows)


def table(rows: list[list[object]]) -> str:
    """Rows as CSV in which no spreadsheet sees a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return stream.getvalue()


def _cell(value: object) -> str:
    text = plain(str(value))
    # Some spreadsheets skip spaces, and take the wide forms of East Asian scripts for the same.
    first = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{text}" if text[:1] == "\t" or (first and first in "=+-@") else text


def write_markdown(grade: Grade) -> str:
    """A table, and what there is to say of each test that did not pass."""
    lines = [f"# {_line(grade.title)}: {_line(grade.student)}", "", fenced(summary(grade)), ""]
    lines += ["| test | points | of | status |", "|---|--:|--:|---|"]
    shown = list(visible(grade))
    for item in shown:
        part = item.part
        lines.append(f"| {item.name} | {item.points:g} | {part.max_points:g} | {part.status} |")
    for item in shown:
        if not item.passed and item.output:
            lines += ["", f"## {item.name}", "", fenced(item.output)]
        elif item.output:
            lines += ["", f"{item.name}: {_line(item.output)}"]
    return "\n".join(lines) + "\n"


def fenced(text: str) -> str:
    """A block of text that nothing in the text can end."""
    ticks = max([2, *(len(run) for run in re.findall(r"`+", text))]) + 1
    return f"{'`' * ticks}text\n{text.rstrip()}\n{'`' * ticks}"


def _line(text: str) -> str:
    return re.sub(r"[|`<>\[\]*_\s]+", " ", text)
