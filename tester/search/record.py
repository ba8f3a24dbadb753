"""A record: a failing run on one page of JSON, to be replayed anywhere, by anyone, later.

Only the choices that are not 0 are written, so the record of a shrunk run is a few lines. This
module reads and writes records; `tester.search.again` makes them and runs them again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tester.engine import SEED_LIMIT
from tester.engine.choices import Record as Chosen
from tester.engine.schedule import DEFAULT, SCHEDULES
from tester.engine.strategy import STRATEGIES, UNIFORM

FOLDER: Final = ".labtester"
"""The folder of records, in the folder that a run was started from."""
SUFFIX: Final = ".sim"
_LONGEST_NAME: Final = 150
_MOST_BYTES: Final = 64 << 20
_MOST_CHOICES: Final = 10_000_000
"""Far more than a run makes; without a limit, a few bytes of a record could exhaust the memory."""


class BadRecord(Exception):
    """A file is not a record: one sentence that names it and says what is wrong."""


@dataclass(frozen=True)
class Record:
    """A failing run: what was run, what was chosen, and what came of it."""

    lab: str
    """The lab's name; "" for a test of a pytest project."""
    test: str
    """The test's name; for a test of a pytest project its node id."""
    seed: int
    """The seed whose failure was shrunk to this run."""
    submission: str
    """The folder of the code under test; "" for the reference or the project's own."""
    kind: str
    digest: str
    code: str
    """Digest of the sources of the code under test."""
    python: str
    labtester: str
    choices: Chosen
    schedule: str = DEFAULT
    """The schedule that the choices were drawn under."""
    strategy: str = UNIFORM
    """The strategy under which the seed stands for this run; written only if it is another."""

    def save(self, folder: Path) -> Path:
        """Write it into the folder, atomically, under a name made of its test and seed."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / file_name(
            self.lab, self.test, self.seed, self.submission, self.schedule, self.strategy
        )
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.text())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return path

    def as_test(self, module: str, name: str, fixtures: Sequence[str] = ()) -> str:
        """The source of a pytest test that runs it again; `name` is the test in its module.

        The test is given these fixtures, which pytest knows by their names.
        """
        given = "".join(f", {fixture}={fixture}" for fixture in fixtures)
        signature = f"({', '.join(fixtures)})" if fixtures else "() -> None"
        under = "" if self.schedule == DEFAULT else f", schedule={self.schedule!r}"
        lines = [f"        {stream!r}: {sparse!r}," for stream, sparse in self._sparse().items()]
        return "\n".join(
            [
                "from tester import recorded, run_once",
                f"from {module} import {name}",
                "",
                "",
                f"def {name}_as_in_seed_{self.seed}{signature}:",
                f'    """It failed with {self.kind} before it was fixed."""',
                "    choices = {",
                *lines,
                "    }",
                f"    run_once({name}, recorded(choices){under}{given})",
                "",
            ]
        )

    def _sparse(self) -> dict[str, dict[int, int]]:
        return {
            stream: {index: value for index, value in enumerate(values) if value}
            for stream, values in sorted(self.choices.items())
        }

    def text(self) -> str:
        """The record as JSON, one choice a line."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        fields |= {} if self.strategy == UNIFORM else {"strategy": self.strategy}
        return json.dumps(fields | {"choices": self._sparse()}, indent=2) + "\n"


_FIELDS: Final = {
    "lab": str,
    "test": str,
    "seed": int,
    "submission": str,
    "kind": str,
    "digest": str,
    "code": str,
    "python": str,
    "labtester": str,
    "schedule": str,
}


def file_name(
    lab: str,
    test: str,
    seed: int,
    submission: str = "",
    schedule: str = DEFAULT,
    strategy: str = UNIFORM,
) -> str:
    """A file name that is safe for file systems and shells.

    A name that had to be changed or cut ends with a digest, so that it stays unique.
    """
    schedule = "" if schedule == DEFAULT else schedule
    strategy = "" if strategy == UNIFORM else strategy
    if submission:
        path = os.path.normpath(submission)
        submission = "_here" if path == os.curdir else path
    stem = "-".join(
        part for part in (lab, test, str(seed), schedule, strategy, submission) if part
    )
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)
    if safe != stem or len(safe) > _LONGEST_NAME:
        digest = hashlib.blake2b(stem.encode("utf-8", "surrogateescape"), digest_size=8)
        safe = f"{safe[:_LONGEST_NAME]}-{digest.hexdigest()}"
    return safe + SUFFIX


def load(path: Path) -> Record:
    """Read a record. Raises BadRecord, saying what is wrong with the file."""
    try:
        text = _contents(path).decode()
    except OSError as error:
        raise BadRecord(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRecord(f"{path} is not a record: expected UTF-8 text, got bytes") from None
    return parse(text, path)


def _contents(path: Path) -> bytes:
    """The bytes of a regular file: a device or a pipe may be endless, or never give any."""
    # Without O_NONBLOCK, opening a pipe that has no writer never returns.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise BadRecord(f"{path} is not a record: expected a file, got a device or a pipe")
        with os.fdopen(number, "rb", closefd=False) as file:
            data = file.read(_MOST_BYTES + 1)
    finally:
        os.close(number)
    if len(data) > _MOST_BYTES:
        raise BadRecord(f"{path} is not a record: expected at most {_MOST_BYTES} bytes, got more")
    return data


def parse(text: str, path: Path) -> Record:
    """Parse a record; `path` is where the text came from. Raises BadRecord."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadRecord(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise BadRecord(f"{path} is not a record: it is nested too deeply") from None
    if not isinstance(found, dict):
        raise BadRecord(f"{path} is not a record: expected a JSON object")
    for name, kind in _FIELDS.items():
        if type(found.get(name)) is not kind:
            raise BadRecord(f"{path} is not a record: expected {name!r} of type {kind.__name__}")
        if kind is str and not _is_text(found[name]):
            raise BadRecord(f"{path} is not a record: expected {name!r} to be valid Unicode")
    if not 0 <= found["seed"] < SEED_LIMIT:
        raise BadRecord(f"{path} is not a record: expected 'seed' in [0, 2**128)")
    if found["schedule"] not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise BadRecord(
            f"{path} is not a record: expected 'schedule' to be one of {known}, "
            f"got {found['schedule']!r}"
        )
    strategy = found.get("strategy", UNIFORM)
    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise BadRecord(
            f"{path} is not a record: expected 'strategy' to be one of {known}, got {strategy!r}"
        )
    fields = {name: found[name] for name in _FIELDS}
    return Record(**fields, choices=_choices(path, found), strategy=strategy)


def _is_text(value: str) -> bool:
    """Whether it can be encoded as UTF-8: JSON can hold a lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _choices(path: Path, found: dict[str, Any]) -> Chosen:
    sparse = found.get("choices")
    if not isinstance(sparse, dict):
        raise BadRecord(f"{path} is not a record: expected 'choices' to be an object")
    dense: Chosen = {}
    left = _MOST_CHOICES
    for stream, places in sparse.items():
        if not isinstance(places, dict):
            raise BadRecord(
                f"{path} is not a record: expected the choices of {stream!r} to be an object"
            )
        values: list[int] = []
        for index, value in places.items():
            if not index.isdecimal() or len(index) > 8 or type(value) is not int or value < 0:
                raise BadRecord(
                    f"{path} is not a record: expected an index and an integer >= 0 in "
                    f"{stream!r}, got {index!r}: {value!r}"
                )
            more = max(0, int(index) + 1 - len(values))
            left -= more
            if left < 0:
                raise BadRecord(
                    f"{path} is not a record: expected at most {_MOST_CHOICES} choices, got more"
                )
            values += [0] * more
            values[int(index)] = value
        dense[stream] = values
    return dense
