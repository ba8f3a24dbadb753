"""The corpus: failing records in a folder, to be tried first the next time somebody runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tester.search.record import FOLDER, SUFFIX, BadRecord, Record, load, parse


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

    def keep(self, text: str, test: str) -> Path | None:
        """Write down the text of a record of this test; None if it cannot be written."""
        return self.save(parse(text, Path(test)))

    def save(self, record: Record) -> Path | None:
        """Write a record down; None if it cannot be written."""
        try:
            return record.save(self._folder)
        except OSError:
            return None  # a folder that one may not write to is no reason to fail


def _place(submission: str) -> str:
    """The folder, whichever way it is named; "" for the reference."""
    return submission and os.path.realpath(submission)
