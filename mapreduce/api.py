"""What a coordinator and its workers stand on: apps, the shared disk, partitions, output lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

# This module is the same for everybody: no submission replaces it.
__fixed__ = True

OUTPUT: Final = "mr-out-"
"""How the names of the output files begin; the number of the reduce task follows."""


class App(Protocol):
    """What is computed. Both methods are awaited; given the same, they return the same.

    An app may also have a combiner, `async def combine(key, values) -> str`: it merges some of the
    values of a key into one, as often as anybody likes, and `reduce` must come to the same.
    """

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """The (key, value) pairs of one input file, in any order."""
        ...

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """What all values of a key come to; the values are in no particular order."""
        ...


class Disk(Protocol):
    """The folder that all workers share. Each method is awaited, and takes time.

    Names have no slash. A file can be read while it is being written, and is incomplete then.
    What a worker has written and nobody has renamed is lost when that worker crashes.
    """

    async def read(self, name: str) -> bytes:
        """The contents of a file. Raises FileNotFoundError if there is none of this name."""
        ...

    async def write(self, name: str, data: bytes) -> None:
        """Create a file, or write one anew."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Give a file another name at one stroke, in the place of whatever had that name.

        Raises FileNotFoundError if there is no file of the old name.
        """
        ...

    async def remove(self, name: str) -> None:
        """Delete a file, if there is one of this name."""
        ...

    async def names(self, prefix: str = "") -> list[str]:
        """The names of all files that begin so, in order."""
        ...


def partition(key: str, n_reduce: int) -> int:
    """The reduce task that a key belongs to: its FNV-1a hash of 32 bits, less the highest one.

    Python's own `hash` of a string differs from process to process.
    """
    found = 2_166_136_261
    for byte in encode(key):
        found = (found ^ byte) * 16_777_619 & 0xFFFF_FFFF
    return (found & 0x7FFF_FFFF) % n_reduce


def output(number: int) -> str:
    """The name of the output file of a reduce task."""
    return f"{OUTPUT}{number}"


def line(key: str, value: str) -> str:
    """The line of the output for a key."""
    return f"{key} {value}\n"


def decode(data: bytes) -> str:
    """The text of a file, in UTF-8; `encode` gives back the same bytes, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text: see `decode`."""
    return text.encode("utf-8", "surrogateescape")
