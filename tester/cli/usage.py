"""What every command needs, even to say that it was called wrongly: statuses and sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

EXIT: Final = {"pass": 0, "fail": 1, "misuse": 2, "unknown": 3}
"""The exit status of a verdict. A failure beats an unknown, and an unknown a pass."""
_QUOTED: Final = 60


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The error for an unknown name, with the nearest known one."""
    import difflib

    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"there is no {kind} {shortened(name)}; did you mean {near[0]}?"
    return f"there is no {kind} {shortened(name)}; the {kind}s are {', '.join(known)}"


def shortened(value: str) -> str:
    """A value as a sentence can quote it, however long it is."""
    shown = repr(value)
    return shown if len(shown) <= _QUOTED else f"{shown[:_QUOTED]}... ({len(value)} characters)"
