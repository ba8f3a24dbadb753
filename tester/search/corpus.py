"""The corpus: the records in a folder, which later runs of their tests try first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tester.search.record import FOLDER, SUFFIX, BadRecord, Record, load, parse


class Kept(NamedTuple):
    """Where a record was written, or why it was not."""

    path: Path | None
    """The file; None if it could not be written."""
    sentence: str
    """What to print about it."""


class Corpus:
    """The records of one lab and one submission, in `.labtester` of the working folder."""

    def __init__(self, lab: str, submission: str | None, folder: Path | None = None) -> None:
        self._lab = lab
        self._submission = submission or ""
        self._folder = Path(FOLDER) if folder is None else folder

    def records(self, tests: Sequence[str]) -> Iterator[tuple[Path, Record]]:
        """The records of these tests, sorted by file name. Other files are skipped."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                record = load(path)
            except BadRecord:
                continue  # `labtester replay` says what is wrong with it
            same = _place(record.submission) == _place(self._submission)
            mine = record.lab == self._lab and same
            if mine and record.test in tests:
                yield path, record

    def keep(self, text: str, test: str) -> Kept:
        """Save a record of this test, given as text."""
        return self.save(parse(text, Path(test)))

    def save(self, record: Record) -> Kept:
        """Save a record; a folder that cannot be written is not an error."""
        try:
            path = record.save(self._folder)
        except OSError as error:
            what = f"{record.test}, seed {record.seed}"
            sentence = f"cannot keep the record of {what} in {self._folder}: {error.strerror}"
            return Kept(None, sentence)
        return Kept(path, f"kept as {path}")


def _place(submission: str) -> str:
    """The real path of the folder; "" for the reference."""
    return submission and os.path.realpath(submission)
