"""What a student handed in, read as bytes: a folder, a zip or a tar file, all of them hostile.

Nothing is unpacked by a library. Every entry is looked at first, only regular files with plain
names are read, each up to a limit, and what is written later is written by us.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import os
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""The archives that are read."""
_ZIP_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SKIPPED: Final = {"__pycache__", "__MACOSX", "venv", "env", "node_modules", "site-packages"}
"""Folders with nothing of the student's in them; so is one whose name begins with a dot."""
_PATH: Final = 200
_AT_ONCE: Final = 2 << 20
"""Bytes that are read of a zip file at once: more than 5 000 entries need in its list."""
_DEPTH: Final = 12


class Malformed(Exception):
    """A submission that cannot be graded as it is: one sentence to its author."""


@dataclass(frozen=True)
class Limits:
    """How much a submission may be."""

    entries: int = 5_000
    files: int = 200
    """Python files."""
    file_bytes: int = 1 << 20
    total_bytes: int = 4 << 20
    archive_bytes: int = 32 << 20
    """The most bytes of an archive as it was handed in, and of a decompressed tar file."""


@dataclass
class Found:
    """The Python files of a submission, by their paths, and what was left out."""

    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """A sentence for each entry that was left out and may have been meant."""
    others: list[str] = field(default_factory=list)
    """The paths of files that are no Python files."""


def read(source: Path, limits: Limits) -> Found:
    """The Python files in a folder or an archive. Raises Malformed."""
    shown = source.name
    try:
        mode = source.stat().st_mode
    except OSError as error:
        raise Malformed(f"{shown}: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        return _Reader(limits).folder(source)
    if not stat.S_ISREG(mode) or not shown.lower().endswith(SUFFIXES):
        raise Malformed(
            f"{shown}: expected a folder or an archive ({', '.join(SUFFIXES)}), got another file"
        )
    if source.stat().st_size > limits.archive_bytes:
        raise Malformed(f"{shown}: {_too_large('an archive', limits.archive_bytes)}")
    reader = _Reader(limits)
    try:
        return reader.zip(source) if shown.lower().endswith(".zip") else reader.tar(source)
    except Malformed as error:
        raise Malformed(f"{shown}: {error}") from None
    except Exception as error:  # noqa: BLE001 - a hostile archive can raise anything in its reader
        raise Malformed(
            f"{shown}: it cannot be read as an archive ({type(error).__name__}): pack it again"
        ) from None


class _Reader:
    """Takes entries one after the other, and refuses what no honest submission has."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._found = Found()
        self._taken: dict[str, str] = {}
        """Each path as a file system may confuse it with others -> how it was spelled."""
        self._folders: dict[str, str] = {}
        self._entries = 0
        self._bytes = 0

    # -- where entries come from ------------------------------------------------------------------

    def folder(self, root: Path) -> Found:
        """All files below a folder; links are not followed."""
        for path in self._below(root, ""):
            place = root / path
            about = place.lstat()
            if not stat.S_ISREG(about.st_mode):
                self._leave_out(path, _kind(about.st_mode))
            elif about.st_nlink > 1 and path.endswith(".py"):
                self._leave_out(path, "a file with several hard links")
            else:
                self._take(path, functools.partial(_open, place))
        return self._found

    def _below(self, folder: Path, path: str) -> Iterator[str]:
        entries = []
        with os.scandir(folder) as listed:
            for entry in listed:  # there may be millions
                self._count()
                entries.append(entry)
        for entry in sorted(entries, key=lambda entry: entry.name):
            inner = f"{path}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield inner
            elif not _skipped(inner):
                _check_name(inner)
                yield from self._below(Path(entry.path), f"{inner}/")

    def zip(self, source: Path) -> Found:
        """All files of a zip file."""
        with _InPieces(io.FileIO(source)) as file, zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                self._count()
                mode = info.external_attr >> 16
                path = _clean(info.orig_filename)
                if info.is_dir() or _skipped(path):
                    continue
                if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                    self._leave_out(path, _kind(mode))
                elif info.flag_bits & 1:
                    raise Malformed("it is encrypted: pack it without a password")
                elif info.compress_type not in _ZIP_METHODS:
                    raise Malformed(
                        f"{path!r} is compressed by method {info.compress_type}: pack it with an "
                        "ordinary zip program"
                    )
                else:
                    self._take(path, functools.partial(archive.open, info))
        return self._found

    def tar(self, source: Path) -> Found:
        """All files of a tar file, which is read once from front to back."""
        with _decompressed(source) as stream:
            limited = _Limited(stream, self._limits.archive_bytes)
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                for member in archive:
                    self._count()
                    path = _clean(member.name)
                    if member.isdir() or _skipped(path):
                        continue
                    if not member.isreg() or member.issparse():
                        self._leave_out(path, _tar_kind(member))
                    else:
                        self._take(path, functools.partial(archive.extractfile, member))
        return self._found

    # -- what is taken ----------------------------------------------------------------------------

    def _count(self) -> None:
        self._entries += 1
        if self._entries > self._limits.entries:
            raise Malformed(
                f"expected at most {self._limits.entries} entries, got more: hand in the files "
                "that the lab asks for"
            )

    def _leave_out(self, path: str, kind: str) -> None:
        _check_name(path)
        self._found.notes.append(f"{path} is not used: expected a regular file, got {kind}")

    def _take(self, path: str, opened: Callable[[], IO[bytes] | None]) -> None:
        _check_name(path)
        self._check_collision(path)
        if not path.endswith(".py"):
            self._found.others.append(path)
            return
        limit = self._limits.file_bytes
        with opened() or io.BytesIO() as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise Malformed(f"{path}: {_too_large('a file', limit)}")
        self._bytes += len(content)
        if self._bytes > self._limits.total_bytes:
            raise Malformed(_too_large("a submission", self._limits.total_bytes))
        self._found.files[path] = content
        if len(self._found.files) > self._limits.files:
            raise Malformed(f"expected at most {self._limits.files} Python files, got more")

    def _check_collision(self, path: str) -> None:
        """Refuse two entries that are one file on some file system, or a file that is a folder."""
        key = _confusable(path)
        parts = key.split("/")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        other = self._taken.get(key) or self._folders.get(key)
        other = other or next((self._taken[a] for a in above if a in self._taken), None)
        if other is not None:
            raise Malformed(
                f"{path!r} and {other!r} are the same place on some computers: rename one of them"
            )
        self._taken[key] = path
        for folder in above:
            self._folders.setdefault(folder, path)


class _Limited(io.RawIOBase):
    """A stream that may be read so far and no further: what a small archive unpacks to."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise Malformed(_too_large("an archive", self._limit))
        return data


class _InPieces(io.BufferedReader):
    """A zip file of which little is read at once: its list of entries is, before it is looked at.

    A small archive can list a million, each of which takes many times its length in memory.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        most = _AT_ONCE + 1 if size is None or size < 0 else size
        data = super().read(min(most, _AT_ONCE + 1))
        if len(data) > _AT_ONCE:
            raise Malformed("its list of entries is longer than that of any submission")
        return data


def _open(place: Path) -> IO[bytes]:
    """The file, if it is still what it was: no link has taken its place meanwhile."""
    number = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return os.fdopen(number, "rb")


def _decompressed(source: Path) -> IO[bytes]:
    """A tar file as one without compression."""
    name = source.name.lower()
    if name.endswith(("gz", "z2", "xz")):
        kinds = {"gz": gzip.GzipFile, "z2": bz2.BZ2File, "xz": lzma.LZMAFile}
        stream: IO[bytes] = kinds[name[-2:]](source)
        return stream
    return source.open("rb")


def _clean(path: str) -> str:
    while path.startswith("./"):
        path = path[2:]
    return path.rstrip("/") or "."


def _skipped(path: str) -> bool:
    """Whether an entry lies where nothing of the student's does."""
    if not path.isprintable() or path.startswith("/") or ".." in path.split("/"):
        return False  # such a name is looked at
    return path == "." or any(part.startswith(".") or part in _SKIPPED for part in path.split("/"))


def _check_name(path: str) -> None:
    """Refuse a path that leaves the folder, or that reads differently from what it is."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or ":" in path or ".." in parts or "" in parts:
        raise Malformed(f"{_quoted(path)}: expected a path inside the submission, got another one")
    if not path.isprintable() or any(part != part.strip() or part[-1] == "." for part in parts):
        raise Malformed(
            f"{_quoted(path)}: expected a name of printable characters without spaces or dots at "
            "its end, got another one"
        )
    if len(path) > _PATH or len(parts) > _DEPTH:
        raise Malformed(
            f"{_quoted(path)}: expected a path of at most {_PATH} characters and {_DEPTH} parts, "
            f"got {len(path)} and {len(parts)}"
        )


def _quoted(path: str) -> str:
    shown = ascii(path)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def _confusable(path: str) -> str:
    return unicodedata.normalize("NFKC", path).casefold()


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device or socket")


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "a symbolic link"
    if member.islnk():
        return "a hard link"
    if member.isfifo():
        return "a pipe"
    return "a sparse file" if member.issparse() else "a device"


def _too_large(what: str, limit: int) -> str:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return f"expected {what} of at most {size}, got more"
