"""What clients ask for: the inputs of the shipped models, plain tuples whose first field is a key.

A lock's inputs name their owner, because to the model the client of an operation means nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple


class Get(NamedTuple):
    """Read a key. `kv`: -> (value, version, err). `kv-append`: -> value."""

    key: str


class Put(NamedTuple):
    """Replace the value of a key. `kv`: only if it is at this version, -> err.

    `kv-append`: always, -> None.
    """

    key: str
    value: str
    version: int | None = None


class Append(NamedTuple):
    """Add to the value of a key. `kv-append`: -> the value before, or None if not returned."""

    key: str
    value: str


class Read(NamedTuple):
    """Read a register or counter -> its value, or a set -> all its elements."""

    key: str


class Write(NamedTuple):
    """Overwrite a register -> None."""

    key: str
    value: Hashable


class Cas(NamedTuple):
    """Replace `old` by `new` -> True if it did, False if the register held something else.

    None: it gave up and nobody knows what it did, or will do; the operation is open.
    """

    key: str
    old: Hashable
    new: Hashable


class Acquire(NamedTuple):
    """Take a lock -> None or True when held, False if an attempt found it taken."""

    key: str
    owner: int | str


class Release(NamedTuple):
    """Give a lock back -> None."""

    key: str
    owner: int | str


class Increment(NamedTuple):
    """Add to a counter -> None, or the new value."""

    key: str
    by: int = 1


class Enqueue(NamedTuple):
    """Add to the end of a queue -> None."""

    key: str
    value: Hashable


class Dequeue(NamedTuple):
    """Take from the front of a queue -> the value, or None if there is none."""

    key: str


class Add(NamedTuple):
    """Put an element into a set -> None, or whether it was new."""

    key: str
    value: Hashable


class Remove(NamedTuple):
    """Take an element out of a set -> None, or whether it was there."""

    key: str
    value: Hashable


class Contains(NamedTuple):
    """Ask whether an element is in a set -> bool."""

    key: str
    value: Hashable


class Push(NamedTuple):
    """Put onto a stack -> None."""

    key: str
    value: Hashable


class Pop(NamedTuple):
    """Take the top of a stack -> the value, or None if there is none."""

    key: str


class Insert(NamedTuple):
    """Add to a priority queue -> None. The values are their own priorities."""

    key: str
    value: Any


class DeleteMin(NamedTuple):
    """Take the least value from a priority queue -> the value, or None if there is none."""

    key: str


class Transaction(NamedTuple):
    """Several reads and writes at once -> what each read returned, None for the writes.

    `steps` are ("r", key, anything) and ("w", key, value); a read sees the writes before it.
    """

    steps: tuple[tuple[str, Hashable, Hashable], ...]


def is_get(input: Any, output: Any) -> bool:
    """Gets are read-only, whatever they returned."""
    return isinstance(input, Get)


def unless_itself(values: tuple[Any, ...]) -> str | None:
    """What was expected in the place of values, one of which is NaN, which equals nothing."""
    if all(value == value for value in values):  # noqa: PLR0124
        return None
    return "a value that is equal to itself, unlike NaN"


def is_read(input: Any, output: Any) -> bool:
    """Reads are read-only, whatever they returned."""
    return isinstance(input, Read)


def is_refused(input: Any, output: Any) -> bool:
    """An attempt that found the lock taken changes nothing."""
    return isinstance(input, Acquire) and bool(output == False)  # noqa: E712
