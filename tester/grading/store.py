"""The folder of a grading run: a file for each student, one for the instructor, and a journal."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tester.grading import class_summary
from tester.grading.class_summary import Summary
from tester.grading.feedback import redacted
from tester.grading.formats import Format, render
from tester.grading.grade import Grade
from tester.grading.journal import Journal, replace_file

_PRIVATE: Final = 0o700
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Grade).decode


class Busy(Exception):
    """Another grader works in this folder."""


class Store:
    """Where everything of a grading run lies, below one folder.

    `students` is for students; `instructor` and `journal` are for nobody else.
    """

    def __init__(self, folder: Path, form: Format, result: Path | None = None) -> None:
        self.folder = folder
        self.form = form
        self._result = result
        """Where the file of the only student goes as well."""

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside, no other grader works in the folder. Raises Busy, or OSError."""
        for name in ("students", "instructor", "journal"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / name).chmod(_PRIVATE)
        lock = os.open(self.folder / "journal" / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise Busy(
                f"{self.folder}: another grader is at work there; wait for it, or name another "
                "folder"
            ) from None
        try:
            yield
        finally:
            os.close(lock)

    def journal(self, student: str, key: str) -> Journal:
        """What is known of a submission; `key` stands for all that its results depend on."""
        return Journal(self.folder / "journal" / f"{student}.jsonl", key)

    def student_file(self, student: str) -> Path:
        return self.folder / "students" / f"{student}{self.form.suffix}"

    def keep(self, grade: Grade, hidden: list[int]) -> None:
        """Write a grade, for the student without these seeds; both files are whole at any time."""
        replace_file(self._instructors(grade.student), _pretty(grade))
        shown = redacted(render(self.form, grade), hidden).encode("utf-8", "backslashreplace")
        replace_file(self.student_file(grade.student), shown)
        if self._result is not None:
            replace_file(self._result, shown)

    def keep_summary(self, summary: Summary, grades: Sequence[Grade]) -> None:
        """Write the summary of the class, which is for the instructor."""
        for name, text in (
            ("summary.json", class_summary.as_json(summary)),
            ("summary.csv", class_summary.as_csv(grades)),
            ("summary.txt", class_summary.as_text(summary)),
        ):
            replace_file(self.folder / name, text.encode("utf-8", "backslashreplace"))

    def grade(self, student: str) -> Grade | None:
        """What was written of a student; None if nothing was."""
        try:
            return _decode(self._instructors(student).read_bytes())
        except FileNotFoundError:
            return None

    def students(self) -> list[str]:
        """The names of all who have been graded."""
        return sorted(file.stem for file in (self.folder / "instructor").glob("*.json"))

    def _instructors(self, student: str) -> Path:
        return self.folder / "instructor" / f"{student}.json"


def _pretty(grade: Grade) -> bytes:
    return msgspec.json.format(_encode(grade), indent=1) + b"\n"
