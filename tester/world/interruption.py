"""Interruptions: exceptions from outside a run, which say nothing about the code under test."""

from __future__ import annotations

import signal
from types import CodeType
from typing import Final

from tester.guard import stack
from tester.world.failure import first

_DEBUGGERS: Final = frozenset({"bdb", "pdb"})
_SIGNALS: Final = tuple(
    number
    for name in ("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None
)


def interruption(error: BaseException) -> BaseException | None:
    """What broke into the run that raised this, if anything did.

    Somebody at the keyboard, who may be in a debugger; or a handler of a signal, such as the alarm
    of a time limit for tests. It would not come again if the run were repeated.
    """
    error = first(error)
    if isinstance(error, KeyboardInterrupt):
        return error if error.__cause__ is None else error.__cause__
    codes = _handlers()
    for frame, _ in stack.frames(error):
        if frame.f_code in codes or frame.f_globals.get("__name__") in _DEBUGGERS:
            return error
    return None


def _handlers() -> set[CodeType]:
    """The functions that handle signals now."""
    handlers = map(signal.getsignal, _SIGNALS)
    return {
        code for handler in handlers if (code := getattr(handler, "__code__", None)) is not None
    }
