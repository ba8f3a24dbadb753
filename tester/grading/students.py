"""Whose submission is which: names, groups and times, from file names, a list or a platform."""

from __future__ import annotations

import csv
import datetime
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tester.grading.archives import SUFFIXES
from tester.grading.plan import Plan
from tester.grading.seeds import subject_of

_LONGEST: Final = 100
_LONGEST_IN_BYTES: Final = 200
"""A file name has at most 255, and those of the journal and of drafts are longer than the name."""


class BadList(Exception):
    """The list of submissions cannot be used: one sentence with the remedy."""


@dataclass(frozen=True)
class Submission:
    """What one student, or a group, has handed in."""

    student: str
    source: Path
    members: tuple[str, ...] = ()
    submitted: datetime.datetime | None = None
    id: str = ""
    """The platform's id of this submission, if it has one."""

    def subject(self, plan: Plan) -> str:
        """Whose the hidden seeds are."""
        if plan.rubric.seeds.subject == "submission" and self.id:
            return self.id
        return subject_of(self.members or (self.student,))


class _User(msgspec.Struct):
    id: int | str


class _Assignment(msgspec.Struct):
    due_date: datetime.datetime | None = None


class _Metadata(msgspec.Struct):
    """What is needed of Gradescope's `submission_metadata.json`."""

    id: int | str
    created_at: datetime.datetime
    users: list[_User]
    assignment: _Assignment = msgspec.field(default_factory=_Assignment)


def of_paths(paths: Sequence[Path], listed: Path | None = None) -> list[Submission]:
    """One submission for each path, by its name and by what the list says. Raises BadList."""
    rows = {} if listed is None else _rows(listed)
    found = []
    for path in paths:
        name = _name(path)
        row = rows.get(path.name) or rows.get(name) or {}
        found.append(Submission(row.get("student") or name, path, (), _time(row, listed), name))
    _check(found)
    return found


def of_platform(path: Path, metadata: Path) -> Submission:
    """The submission that Gradescope describes. Raises BadList."""
    try:
        about = msgspec.json.decode(metadata.read_bytes(), type=_Metadata)
    except (OSError, msgspec.DecodeError) as error:
        raise BadList(
            f"{metadata}: expected the metadata of a submission as Gradescope writes them: {error}"
        ) from None
    members = tuple(str(user.id) for user in about.users) or (str(about.id),)
    submission = Submission(
        subject_of(members), path, members, _in_utc(about.created_at), str(about.id)
    )
    _check([submission])
    return submission


def _rows(listed: Path) -> dict[str, dict[str, str]]:
    """The rows of a CSV file with the columns submission, student and submitted."""
    try:
        with listed.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadList(f"{listed}: expected a CSV file, got {error}") from None
    if rows and "submission" not in rows[0]:
        raise BadList(
            f"{listed}:1: expected the columns submission, student and submitted, got "
            f"{', '.join(map(str, rows[0]))}; name them in the first line"
        )
    return {row["submission"]: row for row in rows}


def _time(row: dict[str, str], listed: Path | None) -> datetime.datetime | None:
    text = row.get("submitted") or ""
    if not text:
        return None
    try:
        return _in_utc(datetime.datetime.fromisoformat(text))
    except ValueError:
        raise BadList(
            f"{listed}: expected a time such as 2026-12-01T23:59:00Z for {row['submission']}, "
            f"got {text!r}"
        ) from None


def _in_utc(time: datetime.datetime) -> datetime.datetime:
    return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time


def _name(path: Path) -> str:
    name = path.name or path.resolve().name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix) and not path.is_dir():
            return name[: -len(suffix)]
    return name


def _check(found: Sequence[Submission]) -> None:
    """Refuse names that make no file names, or that two submissions have."""
    seen: dict[str, Submission] = {}
    for one in found:
        name = one.student
        if not name.isprintable() or "/" in name or name[:1] in ("", ".") or _too_long(name):
            raise BadList(
                f"{one.source}: expected a student's name of 1 to {_LONGEST} printable characters "
                f"and {_LONGEST_IN_BYTES} bytes without a slash, got {name[:_LONGEST]!r}; rename "
                "it, or name the student with --students"
            )
        other = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), one)
        if other is not one:
            raise BadList(
                f"{other.source} and {one.source} are both of {name}; leave one of them out"
            )


def _too_long(name: str) -> bool:
    return len(name) > _LONGEST or len(name.encode("utf-8", "surrogatepass")) > _LONGEST_IN_BYTES
