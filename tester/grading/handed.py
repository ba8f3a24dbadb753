"""What a student has handed in: the Python files of a folder, read without trusting any of it."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LARGEST_FILE: Final = 1 << 20
LARGEST: Final = 8 << 20
"""Bytes of all files together."""
MOST: Final = 1_000
"""Entries of the folder that are looked at."""
DEEPEST: Final = 6
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
OURS: Final = frozenset({"labrpc", "labtester", "linearizability", "tester"})
"""The import packages of the distribution that belong to no lab."""
_TOOLS: Final = frozenset({"conftest", "sitecustomize", "usercustomize"})


@dataclass(frozen=True)
class Handed:
    """The files of a submission, and a sentence for each thing in it that is not used."""

    files: Mapping[str, bytes]
    """By their paths in the folder: "kvsrv/server.py"."""
    notes: tuple[str, ...] = ()


class _Full(Exception):
    """The archive or folder holds more than a submission would."""


def read(folder: Path) -> Handed:
    """The Python files of a folder: regular ones, with names that can be imported, not too large.

    Links are not followed, whatever they point at. Raises OSError if the folder cannot be read.
    """
    files: dict[str, bytes] = {}
    notes: list[str] = []
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        left = [MOST]
        for path, name, where in _walk(at, "", notes, left):
            data = _content(name, where, path, notes)
            if data is None:
                continue
            if sum(map(len, files.values())) + len(data) > LARGEST:
                raise _Full(f"its files have more than {LARGEST >> 20} MB together")
            files[path] = data
    except _Full as full:
        return Handed({}, (f"nothing of the submission is used: {full}",))
    finally:
        os.close(at)
    return checked(files, notes)


def checked(files: Mapping[str, bytes], notes: list[str] | None = None) -> Handed:
    """The files that a submission may have, of those in an archive or a folder."""
    notes = [] if notes is None else notes
    kept = {}
    for path, data in files.items():
        why = _unusable(path) or (
            f"it has more than {LARGEST_FILE >> 20} MB" if len(data) > LARGEST_FILE else ""
        )
        if why:
            notes.append(f"{_shown(path)} is not used: {why}")
        else:
            kept[path] = data
    return Handed(dict(sorted(kept.items())), tuple(notes))


def _walk(
    at: int, prefix: str, notes: list[str], left: list[int]
) -> Iterator[tuple[str, str, int]]:
    """(path, name, descriptor of its folder) of each file that may be Python, in order."""
    for name in sorted(os.listdir(at)):
        left[0] -= 1
        if left[0] < 0:
            raise _Full(f"it has more than {MOST} files and folders")
        path = f"{prefix}{name}"
        try:
            mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
        except OSError as error:
            notes.append(f"{_shown(path)} is not used: {error.strerror}")
            continue
        if stat.S_ISLNK(mode):
            notes.append(f"{_shown(path)} is not used: it is a link; hand in the file itself")
        elif stat.S_ISDIR(mode):
            if _NAME.fullmatch(name) and prefix.count("/") < DEEPEST and name != "__pycache__":
                inner = os.open(
                    name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at
                )
                try:
                    yield from _walk(inner, f"{path}/", notes, left)
                finally:
                    os.close(inner)
        elif not name.endswith(".py"):
            if name.endswith(".pth"):
                notes.append(f"{_shown(path)} is not used: only Python files are")
        elif stat.S_ISREG(mode):
            yield path, name, at
        else:
            notes.append(f"{_shown(path)} is not used: it is no regular file")


def _content(name: str, at: int, path: str, notes: list[str]) -> bytes | None:
    try:
        # Non-blocking: what was a file a moment ago may be a pipe by now.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=at), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_nlink > 1:  # it may be a file of somebody else's, whom we can read
                notes.append(f"{_shown(path)} is not used: it is a hard link; hand in a copy")
                return None
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        notes.append(f"{_shown(path)} is not used: {error.strerror}")
        return None


def _unusable(path: str) -> str:
    """Why a file of this name cannot be part of a submission; "" if it can."""
    *folders, file = path.split("/")
    stem, dot, suffix = file.rpartition(".")
    names = [*folders, stem]
    if dot + suffix != ".py":
        return "only Python files are"
    if not all(map(_NAME.fullmatch, names)) or len(folders) > DEEPEST:
        return "nobody can import a module of that name"
    if names[-1] in _TOOLS:
        return "it would configure tools, and none of them runs here"
    if names[0] in OURS:
        return f"{names[0]} is labtester's own"
    if names[0] in sys.stdlib_module_names:
        return f"{names[0]} is the name of a module of Python's own; give yours another one"
    return ""


def _shown(path: str) -> str:
    """A path as one line of text."""
    return path if path.isascii() and path.isprintable() else ascii(path)
