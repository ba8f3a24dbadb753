"""A real folder as the disk of workers, with the input split into parts of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

_WINDOW: Final = 2**20
"""How many bytes before a cut are searched for the end of a line or a word."""
_SPACES: Final = b" \t\r\v\f"
_NONE: Final[Mapping[str, Split]] = MappingProxyType({})


@dataclass(frozen=True)
class Split:
    """A part of an input file, for one map task."""

    document: str
    """The file as its user calls it."""
    path: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.document}, bytes {self.start} to {self.end}"


def split(document: str, path: Path, size: int) -> Iterator[Split]:
    """Cut a file into parts of at most `size` bytes, at the end of a line.

    Where a line is longer, it is cut between words, and where a word is, between characters of
    UTF-8. An empty file is one empty part.
    """
    start = 0
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        while start < total or start == 0:
            end = _cut(file.fileno(), start, min(start + size, total), total)
            yield Split(document, str(path), start, end)
            start = end
            if total == 0:
                return


def _cut(file: int, start: int, end: int, total: int) -> int:
    """Where to cut a file that is to be cut after `start`, and at `end` at the latest."""
    if end == total:
        return total
    first = max(start, end - _WINDOW)
    window = os.pread(file, end - first, first)
    line = window.rfind(b"\n")
    if line >= 0:
        return first + line + 1
    word = max(window.rfind(space) for space in _SPACES)
    if word >= 0:
        return first + word + 1
    for back in range(min(4, end - start)):
        byte = os.pread(file, 1, end - back)
        if byte and byte[0] & 0xC0 != 0x80:  # no byte within a character
            return end - back
    return end


class Folder:
    """A disk of `mapreduce.api`: files in a folder, and the parts of the input by their names."""

    def __init__(self, path: Path, parts: Mapping[str, Split] = _NONE) -> None:
        self._path = path
        self._parts = parts

    async def read(self, name: str) -> bytes:
        """See Disk."""
        part = self._parts.get(name)
        if part is None:
            return (self._path / name).read_bytes()
        with open(part.path, "rb") as file:  # noqa: PTH123 - a part has the path as text
            file.seek(part.start)
            data = file.read(part.end - part.start)
        if len(data) != part.end - part.start:
            raise OSError(f"{part.document} has become shorter while the job ran")
        return data

    async def write(self, name: str, data: bytes) -> None:
        """See Disk."""
        (self._path / name).write_bytes(data)

    async def rename(self, old: str, new: str) -> None:
        """See Disk."""
        (self._path / old).replace(self._path / new)

    async def remove(self, name: str) -> None:
        """See Disk."""
        (self._path / name).unlink(missing_ok=True)

    async def names(self, prefix: str = "") -> list[str]:
        """See Disk."""
        return sorted(path.name for path in self._path.iterdir() if path.name.startswith(prefix))


def named(parts: Sequence[Split]) -> dict[str, Split]:
    """The parts by the names that workers read them under."""
    return {f"part-{number}": part for number, part in enumerate(parts)}
