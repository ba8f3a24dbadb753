"""The journal of one submission: a line for each result, so that a killed grader can go on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

COMMAND: Final = "labtester replay"
"""Stands in stories for the command that runs a seed again; see `feedback`."""


class Head(msgspec.Struct, frozen=True, tag=True):
    """What is graded: results under another head do not count."""

    key: str


class SeedLine(msgspec.Struct, frozen=True, tag=True):
    """What one seed of a part came to. The seed itself is not kept, only its number."""

    part: str
    index: int
    verdict: str
    """`pass`, `fail`, `unknown`, or `lost`: its process hung or died."""
    rpcs: int = 0
    ops: int = 0
    virtual_us: int = 0
    digest: str = ""
    last: bool = False
    """Whether the part ends with it: what comes later could not be believed."""


class StoryLine(msgspec.Struct, frozen=True, tag=True):
    """The story of the first seed of a part that did not pass."""

    part: str
    text: str
    headline: str
    kinds: tuple[str, ...] = ()
    """The kinds of faults that the smallest failing run needs."""
    faults: tuple[str, ...] = ()
    sentence: str = ""
    """What the failure needs; "" if that is not known."""
    likeness: str = ""
    printed: str = ""
    """What was logged and printed in the run of the story."""


class RefusedLine(msgspec.Struct, frozen=True, tag=True):
    """The submission cannot be run at all."""

    sentence: str


class ShutIn(msgspec.Struct, frozen=True, tag=True):
    """What kept the code under test away from everything else, and what of it was not used."""

    level: int
    sentence: str
    notes: tuple[str, ...] = ()


class DoneLine(msgspec.Struct, frozen=True, tag=True):
    """Everything has been run."""

    timed_out: bool = False


Line = Head | SeedLine | StoryLine | RefusedLine | ShutIn | DoneLine
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Line).decode


class Journal:
    """Lines on disk, in the order in which they were written."""

    def __init__(self, file: Path, key: str) -> None:
        """Open it for what `key` stands for; what it holds of something else is dropped."""
        self._file = file
        self.lines: list[Line] = []
        known = list(_read(file))
        if known[:1] == [Head(key)]:
            self.lines = known[1:]
        # Written anew, so that a line the last grader had not finished is gone.
        replace_file(file, b"".join(_encode(line) + b"\n" for line in [Head(key), *self.lines]))
        self._stream = file.open("ab")

    def add(self, line: Line) -> None:
        """Write a line: it survives this process."""
        self.lines.append(line)
        self._stream.write(_encode(line) + b"\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


def _read(file: Path) -> Iterator[Line]:
    """The whole lines of a file; nothing if there is none."""
    with contextlib.suppress(FileNotFoundError):
        for text in file.read_bytes().splitlines(keepends=True):
            if not text.endswith(b"\n"):
                return
            try:
                yield _decode(text)
            except msgspec.DecodeError:  # of another version, or damaged: from here on it is lost
                return


def replace_file(file: Path, content: bytes) -> None:
    """Write a file as a whole: at every moment it has its old content or its new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    draft.write_bytes(content)
    draft.replace(file)
