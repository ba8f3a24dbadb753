"""Where a task waits: the innermost line of the user's own code, for a deadlock's story."""

from __future__ import annotations

import linecache
import os
import sysconfig
from pathlib import Path
from types import CodeType
from typing import Any, Final

from tester.engine.errors import Waiting
from tester.engine.loop import Loop
from tester.engine.tasks import Task

_HOUSE: Final = Path(__file__).resolve().parents[2]
_OURS: Final = tuple(
    f"{_HOUSE / name}{os.sep}" for name in ("labrpc", "linearizability", "tester")
)
_SUITES: Final = f"{_HOUSE / 'tester' / 'labs'}{os.sep}"
_HARNESS: Final = tuple(
    str(Path(_SUITES, f"{name}.py"))
    for name in ("crowd", "raft/hearsay", "raft/peer", "raft/safety")
)
_STDLIB: Final = (
    sysconfig.get_path("stdlib") + os.sep,
    sysconfig.get_path("platstdlib") + os.sep,
)
_SITE: Final = (
    sysconfig.get_path("purelib") + os.sep,
    sysconfig.get_path("platlib") + os.sep,
)


def is_users(filename: str) -> bool:
    """Whether a source file belongs to the person being tested, not to us or to Python.

    The reference labs count as the user's: where a lab runs them, they are its submission. So do
    the suites, which are tests like anybody's; what observes the code for them does not.
    """
    if filename.startswith("<"):
        return False
    if filename.startswith(_OURS) and not filename.startswith(_SUITES):
        return False
    if filename in _HARNESS:
        return False
    return not filename.startswith(_STDLIB) or filename.startswith(_SITE)


def is_installed(filename: str) -> bool:
    """Whether a source file was installed by a package manager."""
    return filename.startswith(_SITE)


def waiting(node: str, loop: Loop) -> list[Waiting]:
    """Every unfinished task of the node that waits inside the user's code, oldest first."""
    found = []
    for task in loop.tasks():
        place = _innermost(task)
        if place is not None:
            code, number = place
            line = linecache.getline(code.co_filename, number).strip()
            found.append(Waiting(node, task.get_name(), code.co_filename, number, line))
    return found


def _innermost(task: Task[Any]) -> tuple[CodeType, int] | None:
    place = None
    coro: Any = task.get_coro()
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None)
        if frame is None:
            frame = getattr(coro, "ag_frame", None)
        if frame is not None and is_users(frame.f_code.co_filename):
            place = frame.f_code, frame.f_lineno
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return place
