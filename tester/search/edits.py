"""Edits of a record: what is not zero in it, and the same with some of that changed."""

from __future__ import annotations

from collections.abc import Sequence

from tester.engine.choices import Record

Place = tuple[str, int]
"""A choice: (stream, index in the stream's record)."""


def nonzero(record: Record) -> dict[Place, int]:
    """The choices of a record that are not 0."""
    return {
        (stream, index): value
        for stream, values in record.items()
        for index, value in enumerate(values)
        if value
    }


def trimmed(record: Record) -> Record:
    """Without the zeros at the end of each stream: a missing choice is 0."""
    trimmed = {}
    for stream, values in record.items():
        end = len(values)
        while end and not values[end - 1]:
            end -= 1
        if end:
            trimmed[stream] = values[:end]
    return trimmed


def changed(record: Record, changes: dict[Place, int]) -> Record:
    edited = {stream: list(values) for stream, values in record.items()}
    for (stream, index), value in changes.items():
        values = edited.setdefault(stream, [])
        values += [0] * (index + 1 - len(values))
        values[index] = value
    return edited


def only(values: Sequence[int], kept: set[int]) -> list[int]:
    return [value if index in kept else 0 for index, value in enumerate(values)]
