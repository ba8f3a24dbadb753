"""The corpus: failing records in a folder, to be tried first the next time somebody runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tester.search.record import FOLDER, SUFFIX, BadRecord, Record, load, parse


class Kept(NamedTuple):
    """What became of a record that was to be kept."""

    path: Path | None
    """The file; None if it could not be written."""
    sentence: str
    """For the person who reads the verdict."""


class Corpus:
    """The records of one lab and one submission, in the folder `.labtester` where one stands."""

    def __init__(self, lab: str, submission: str | None, folder: Path | None = None) -> None:
        self._lab = lab
        self._submission = submission or ""
        self._folder = Path(FOLDER) if folder is None else folder

    def records(self, tests: Sequence[str]) -> Iterator[tuple[Path, Record]]:
        """Those of these tests, in the order of their names. What is no record is passed over."""
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
        """Write down the text of a record of this test, if that can be done."""
        return self.save(parse(text, Path(test)))

    def save(self, record: Record) -> Kept:
        """Write a record down; a folder that one may not write to is no reason to fail."""
        try:
            path = record.save(self._folder)
        except OSError as error:
            what = f"{record.test}, seed {record.seed}"
            sentence = f"the record of {what} cannot be kept in {self._folder}: {error.strerror}"
            return Kept(None, sentence)
        return Kept(path, f"kept as {path}")


def _place(submission: str) -> str:
    """The folder, whichever way it is named; "" for the reference."""
    return submission and os.path.realpath(submission)
