"""Where a task waits: the innermost line of the user's own code, shown after a deadlock."""

from __future__ import annotations

import linecache
from types import CodeType
from typing import Any

from tester.engine.errors import Waiting
from tester.engine.loop import Loop
from tester.engine.tasks import Task
from tester.guard.origin import is_users


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
