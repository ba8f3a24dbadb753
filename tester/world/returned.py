"""Where a function returned its result: the line to show when that result cannot travel."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from sys import settrace  # this name is not rebound while a run lasts
from types import CodeType, CoroutineType, FrameType
from typing import Any

from tester.guard.origin import is_users
from tester.world.failure import Frame, line_of


class Returned:
    """Watches one call of a function, or the coroutine that it makes, until it returns.

    It costs time, and a place on the stack, so it is for a run that is repeated for its story. A
    debugger or a coverage tool that traces already goes on with that; then nothing is known of a
    plain function.
    """

    def __init__(self) -> None:
        self._last: FrameType | None = None

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call the function."""
        code = _code(function)
        if code is None or sys.gettrace() is not None:
            result = function(*args)
        else:
            settrace(self._tracer(code))
            try:
                result = function(*args)
            finally:
                settrace(None)
        if isinstance(result, CoroutineType):
            self._last = result.cr_frame  # once it has returned, it stands where it did
        return result

    def _tracer(self, code: CodeType) -> Callable[[FrameType, str, Any], Any]:
        def enter(frame: FrameType, event: str, argument: Any) -> None:
            if frame.f_code is code:
                self._last = frame

        return enter

    def line(self) -> Frame | None:
        """The line of the `return`, or the last one before the function's end; None: unknown."""
        frame, self._last = self._last, None
        if frame is None or not is_users(frame.f_code.co_filename):
            return None
        return line_of(frame.f_code, frame.f_lineno)


def _code(function: Callable[..., Any]) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None)
