"""A rule of a lab that an answer broke: where in the trace, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    """One answer that breaks one rule."""

    place: int
    """Where in the trace the answer was given."""
    sentence: str
    rpc: int | None = None
    """The request whose answer it is, if a server gave it,"""
    op: int | None = None
    """and otherwise the operation whose result it is."""
    others: Sequence[int] = ()
    """Other requests that the sentence speaks of."""


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`."""
    *before, end = names
    return f"{', '.join(before)} {last} {end}" if before else end
