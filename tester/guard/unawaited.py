"""Calls of an `async def` that were never awaited, and so never ran.

Python warns of one when its coroutine is freed, and names only the line at which that happened.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any, Final, Protocol, cast

from tester.engine import current
from tester.engine.current import CurrentNode
from tester.engine.node import Node
from tester.guard import stack
from tester.guard.origin import is_users

_DEPTH: Final = 8
"""How many frames are searched for the user's call: those of asyncio may be in between."""


@dataclass(frozen=True)
class Unawaited:
    """A call that was not awaited, and where the user's own code made it."""

    what: str
    """What was called, as Python names it: "Clerk.put"."""
    file: str
    line: int
    node: str


class ForgettingNode(CurrentNode, Protocol):
    """A node that reports what its code has forgotten."""

    def forgot(self, call: Unawaited) -> None:
        """Report that code on the node has let go of a coroutine that has never run."""


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Report calls that were never awaited to their nodes, instead of as Python's warnings.

    Tracking where a coroutine was made takes time, so this is for runs that are reported. CPython
    calls a private function of `warnings`, and offers no other hook: bugs.python.org/issue32591.
    """
    depth = sys.get_coroutine_origin_tracking_depth()
    warn, warnings._warn_unawaited_coroutine = warnings._warn_unawaited_coroutine, _report  # type: ignore[attr-defined]
    sys.set_coroutine_origin_tracking_depth(_DEPTH)
    try:
        yield
    finally:
        sys.set_coroutine_origin_tracking_depth(depth)
        warnings._warn_unawaited_coroutine = warn  # type: ignore[attr-defined]


def held_by(error: BaseException, node: Node) -> list[Unawaited]:
    """The calls whose coroutines were still at hand where this was raised, on this node.

    What a task is yet to begin with was not forgotten.
    """
    awaited = [task.get_coro() for task in node.loop.tasks()]
    return [
        found
        for frame, _ in stack.frames(error)
        for value in gc.get_referents(frame)  # f_locals would keep a copy, and all that is in it
        if isinstance(value, CoroutineType) and getcoroutinestate(value) == CORO_CREATED
        if value not in awaited and (found := _described(value, node)) is not None
    ]


def _report(coro: CoroutineType[Any, Any, Any]) -> None:
    """Called instead of Python's warning when a coroutine is freed that has never run."""
    machine = current.node
    if machine is None:
        return
    node = cast(ForgettingNode, machine)
    found = _described(coro, node)
    if found is not None:
        node.forgot(found)


def _described(coro: CoroutineType[Any, Any, Any], node: CurrentNode) -> Unawaited | None:
    """Where it was called; None if not by the user, or if unknown."""
    for file, line, _ in coro.cr_origin or ():
        if is_users(file):
            return Unawaited(coro.__qualname__, file, line, node.name)
    return None
