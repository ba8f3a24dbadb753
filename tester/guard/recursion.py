"""Recursion: code under test goes as deep as it asks for, up to a limit that memory is enough for.

A limit of a billion calls is none: the process is out of memory first, and where in the code that
happens depends on the runs before it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from tester.engine.current import CurrentNode

DEEPEST: Final = 50_000
"""Calls. A frame of Python's takes some hundred bytes."""


def limit() -> int:
    """The limit of this process, once a run has begun."""
    return min(sys.getrecursionlimit(), DEEPEST)


def bound() -> None:
    """Lower a limit that the import of a submission has set beyond what is possible."""
    if sys.getrecursionlimit() > DEEPEST:
        sys.setrecursionlimit(DEEPEST)


def _setrecursionlimit(
    machine: CurrentNode, real: Callable[[int], None], new: int, /, *more: Any
) -> None:
    real(min(new, DEEPEST) if type(new) is int else new, *more)


RECURSION: Final = {"sys": {"setrecursionlimit": _setrecursionlimit}}
