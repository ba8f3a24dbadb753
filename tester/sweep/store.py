"""The store of a sweep: an SQLite file with what every seed came to, chunk by chunk.

A chunk is one transaction, so a kill at any moment leaves whole chunks behind. What differs from
machine to machine, such as times, is kept for the statistics, and is no part of an export.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from tester.sweep.job import LostRun
from tester.workers.wire import Ran

FORMAT: Final = 1
"""Of the tables below: a store of another one is refused."""
MOST_SEED: Final = 2**62
"""Seeds of a sweep lie below it: SQLite has 64 bits, and so has the wire."""
_WAIT_MS: Final = 30_000

_TABLES: Final = """
CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL, test TEXT NOT NULL, schedule TEXT NOT NULL, strategy TEXT NOT NULL,
    code TEXT NOT NULL, labtester TEXT NOT NULL, sometimes TEXT NOT NULL,
    UNIQUE (target, test, schedule, strategy, code, labtester)
);
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE runs (
    subject INTEGER NOT NULL, seed INTEGER NOT NULL,
    verdict TEXT NOT NULL, digest BLOB NOT NULL,
    rpcs INTEGER NOT NULL, ops INTEGER NOT NULL, virtual_us INTEGER NOT NULL,
    steps INTEGER NOT NULL, latency_us INTEGER NOT NULL, slowest_us INTEGER NOT NULL,
    symptom INTEGER NOT NULL, hits INTEGER NOT NULL, reached INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    PRIMARY KEY (subject, seed)
) WITHOUT ROWID;
CREATE TABLE stories (
    subject INTEGER NOT NULL, seed INTEGER NOT NULL,
    likeness TEXT NOT NULL, size TEXT NOT NULL, story TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (subject, seed)
) WITHOUT ROWID;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, seeds INTEGER NOT NULL, elapsed_us INTEGER NOT NULL
);
"""


class BadStore(Exception):
    """A file is no store, or not one that can be used: one sentence that names it."""


class Subject(NamedTuple):
    """What has been run: a test of a target, how, and of which code."""

    target: str
    """A lab; "" for a test of a pytest project, whose name is its node id."""
    test: str
    schedule: str
    strategy: str
    code: str
    labtester: str
    sometimes: tuple[str, ...] = ()
    """What some run must come to."""

    @property
    def name(self) -> str:
        """The test, as pytest or the command line names it."""
        return f"{self.target}::{self.test}" if self.target else self.test


class StoredRun(NamedTuple):
    """What a seed came to."""

    seed: int
    verdict: str
    digest: bytes
    """Empty for a seed whose process hung or died."""
    rpcs: int
    ops: int
    virtual_us: int
    steps: int
    latency_us: int
    slowest_us: int
    symptom: tuple[str, ...]
    hits: tuple[tuple[str, str], ...]
    reached: dict[str, bool]


class Story(NamedTuple):
    """A failing seed that has been made small."""

    seed: int
    likeness: str
    """Equal for failures that are told in the same words; "": like no other."""
    size: tuple[int, ...]
    """Smaller is better: faults, RPCs and operations, choices."""
    story: str
    record: str
    """The text of its record; "" if it has none."""


class Store:
    """A store that is open; use it as a context. `new` allows the file to be made."""

    def __init__(self, path: Path, *, new: bool = False, alone: bool = False) -> None:
        self.path = path
        if not new and not path.exists():
            raise BadStore(
                f"there is no store {path}; `labtester sweep LAB --store {path}` makes it"
            )
        self._lock = _lock(path) if alone else None
        self._subjects: dict[Subject, int] = {}
        self._texts: dict[str, int] = {}
        try:
            self._db = sqlite3.connect(path, timeout=_WAIT_MS / 1_000, isolation_level=None)
            self._open(new=new)
        except sqlite3.Error as error:
            self.close()
            raise BadStore(f"{path} is no store of a sweep: {error}") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_db"):
            self._db.close()
        if self._lock is not None:  # after that: to close any descriptor ends SQLite's locks
            os.close(self._lock)
            self._lock = None

    def _open(self, *, new: bool) -> None:
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and new:
            self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found != FORMAT:
            raise BadStore(
                f"{self.path} is no store of this labtester: expected format {FORMAT}, got {found}"
            )
        self._load()

    def _load(self) -> None:
        """Know the numbers of subjects and texts, as they stand in the file."""
        rows = self._db.execute(f"SELECT id, {', '.join(_SUBJECT)} FROM subjects")
        self._subjects = {_subject(row): number for number, *row in rows}
        self._texts = dict(self._db.execute("SELECT text, id FROM texts"))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it, or nothing."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._load()
            if isinstance(error, sqlite3.Error):
                raise BadStore(f"{self.path} cannot be written: {error}") from None
            raise

    # -- writing ----------------------------------------------------------------------------------

    def commit(self, chunks: Iterable[tuple[Subject, int, Sequence[Ran | LostRun]]]) -> None:
        """Keep chunks, (subject, first seed, runs): all, or, if it is killed meanwhile, none."""
        with self._transaction():
            for subject, first, runs in chunks:
                self._put_runs(subject, _rows(first, runs))
                for seed, ran in enumerate(runs, first):
                    if isinstance(ran, LostRun):
                        story = Story(seed, " ".join(ran.symptom), (), ran.story, "")
                        self._put_story(subject, story)

    def put_stories(self, subject: Subject, stories: Iterable[Story]) -> None:
        """Keep the stories of failing seeds."""
        with self._transaction():
            for story in stories:
                self._put_story(subject, story)

    def session(self, seeds: int, elapsed_us: int) -> None:
        """Keep how many seeds were run in how long."""
        with self._transaction():
            values = (seeds, elapsed_us)
            self._db.execute("INSERT INTO sessions (seeds, elapsed_us) VALUES (?, ?)", values)

    def take(self, other: Store) -> int:
        """Take over what another store has and this one has not; how many seeds that is.

        Raises BadStore where both have a seed, and it came to two things.
        """
        before = self.count()
        with self._transaction():
            for subject in other.subjects():
                self._check_same(other, subject)
                self._put_runs(subject, other._raw(subject))
                for story in other.stories(subject):
                    self._put_story(subject, story)
            for row in other._db.execute("SELECT seeds, elapsed_us FROM sessions"):
                self._db.execute("INSERT INTO sessions (seeds, elapsed_us) VALUES (?, ?)", row)
        return self.count() - before

    def _check_same(self, other: Store, subject: Subject) -> None:
        if subject not in self._subjects:
            return
        mine = {run.seed: run for run in self.runs(subject)}
        for theirs in other.runs(subject):
            ours = mine.get(theirs.seed, theirs)
            if ours != theirs:
                raise BadStore(
                    f"seed {theirs.seed} of {subject.name} came to two things: {ours.verdict} "
                    f"{ours.digest.hex()} in {self.path}, {theirs.verdict} {theirs.digest.hex()} "
                    f"in {other.path}; `labtester verify` looks for the cause"
                )

    def _put_runs(self, subject: Subject, rows: Iterable[tuple[Any, ...]]) -> None:
        number = self._id(subject)
        texts = ((number, *row[:9], *map(self._text, row[9:12]), row[12]) for row in rows)
        marks = ", ".join("?" * 14)
        # A job may be done twice, by a worker that was given up too early; the first one counts.
        self._db.executemany(f"INSERT OR IGNORE INTO runs VALUES ({marks})", texts)

    def _put_story(self, subject: Subject, story: Story) -> None:
        seed, likeness, size, *texts = story
        values = (self._id(subject), seed, likeness, json.dumps(size), *texts)
        self._db.execute("INSERT OR IGNORE INTO stories VALUES (?, ?, ?, ?, ?, ?)", values)

    def _id(self, subject: Subject) -> int:
        if subject not in self._subjects:
            values = (*subject[:-1], json.dumps(subject.sometimes))
            marks = ", ".join("?" * len(values))
            names = ", ".join(_SUBJECT)
            made = self._db.execute(f"INSERT INTO subjects ({names}) VALUES ({marks})", values)
            assert made.lastrowid is not None
            self._subjects[subject] = made.lastrowid
        return self._subjects[subject]

    def _text(self, text: str) -> int:
        if text not in self._texts:
            made = self._db.execute("INSERT INTO texts (text) VALUES (?)", (text,))
            assert made.lastrowid is not None
            self._texts[text] = made.lastrowid
        return self._texts[text]

    # -- reading ----------------------------------------------------------------------------------

    def subjects(self) -> list[Subject]:
        """What has been run, sorted."""
        return sorted(self._subjects)

    def count(self) -> int:
        """How many runs there are."""
        return int(self._db.execute("SELECT count(*) FROM runs").fetchone()[0])

    def missing(self, subject: Subject, wanted: range) -> list[range]:
        """The seeds among these that have not been run, as ranges in order."""
        found = []
        start = wanted.start
        for (seed,) in self._db.execute(
            "SELECT seed FROM runs WHERE subject = ? AND seed >= ? AND seed < ? ORDER BY seed",
            (self._subjects.get(subject), wanted.start, wanted.stop),
        ):
            if seed > start:
                found.append(range(start, seed))
            start = seed + 1
        return [*found, range(start, wanted.stop)] if start < wanted.stop else found

    def column(self, subject: Subject, *names: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of the runs, in the order of the seeds."""
        what = f"SELECT {', '.join(names)} FROM runs WHERE subject = ? ORDER BY seed"
        return self._db.execute(what, (self._subjects.get(subject),))

    def texts(self) -> dict[int, str]:
        """The texts that stand in the columns `symptom`, `hits` and `reached`, by number."""
        return {number: text for text, number in self._texts.items()}

    def _raw(self, subject: Subject) -> Iterator[tuple[Any, ...]]:
        texts = self.texts()
        for row in self.column(subject, *_COLUMNS):
            yield (*row[:9], *map(texts.__getitem__, row[9:12]), row[12])

    def runs(self, subject: Subject) -> Iterator[StoredRun]:
        """The runs, in the order of the seeds."""
        for row in self._raw(subject):
            symptom, hits, reached = map(json.loads, row[9:12])
            read = tuple(symptom), tuple(map(tuple, hits)), reached
            yield StoredRun._make((*row[:9], *read))

    def stories(self, subject: Subject) -> list[Story]:
        """The stories of failing seeds, in the order of the seeds."""
        what = "SELECT seed, likeness, size, story, record FROM stories WHERE subject = ?"
        rows = self._db.execute(f"{what} ORDER BY seed", (self._subjects.get(subject),))
        return [Story._make((*row[:2], tuple(json.loads(row[2])), *row[3:])) for row in rows]

    def sessions(self) -> tuple[int, int]:
        """How many seeds were run in how many microseconds, in all sessions together."""
        what = "SELECT coalesce(sum(seeds), 0), coalesce(sum(elapsed_us), 0) FROM sessions"
        seeds, elapsed_us = self._db.execute(what).fetchone()
        return seeds, elapsed_us

    def export(self) -> Iterator[str]:
        """Everything that does not differ from machine to machine, as sorted lines of JSON."""
        for subject in self.subjects():
            yield json.dumps({"subject": subject._asdict()}, sort_keys=True)
            for run in self.runs(subject):
                fields = run._asdict() | {"digest": run.digest.hex()}
                yield json.dumps(fields, sort_keys=True)
            for story in self.stories(subject):
                yield json.dumps({"story": story._asdict()}, sort_keys=True)


_SUBJECT: Final = (*("target", "test", "schedule", "strategy", "code", "labtester", "sometimes"),)
_COLUMNS: Final = (
    *("seed", "verdict", "digest", "rpcs", "ops", "virtual_us", "steps", "latency_us"),
    *("slowest_us", "symptom", "hits", "reached", "wall_us"),
)


def _subject(row: Sequence[str]) -> Subject:
    return Subject._make((*row[:-1], tuple(json.loads(row[-1]))))


def _rows(first: int, runs: Sequence[Ran | LostRun]) -> Iterator[tuple[Any, ...]]:
    for seed, ran in enumerate(runs, first):
        if isinstance(ran, LostRun):
            text = json.dumps(ran.symptom)
            yield seed, "fail", b"", 0, 0, 0, 0, 0, 0, text, "[]", "{}", 0
            continue
        detail = ran.detail
        yield (
            *(seed, ran.verdict, _bytes(ran.digest)),
            *(ran.rpcs, ran.ops, ran.virtual_us, ran.steps),
            *((detail.latency_us, detail.slowest_us) if detail else (0, 0)),
            json.dumps(ran.symptom),
            json.dumps(detail.hits if detail else ()),
            json.dumps(ran.reached, sort_keys=True),
            ran.wall_us,
        )


def _bytes(digest: str) -> bytes:
    """A digest; of a run out of which an exception came, the name of that."""
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return digest.encode()


def _lock(path: Path) -> int:
    """Lock the file against other sweeps; a reader may come meanwhile."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise BadStore(f"{path} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise BadStore(
            f"another sweep is writing into {path}; wait, or use another --store"
        ) from None
    return lock
