"""The frames that an exception has passed through, however many there are."""

from __future__ import annotations

from collections import deque
from types import FrameType, TracebackType
from typing import Final

_OUTERMOST: Final = 100
INNERMOST: Final = 1_900
"""Together more than Python allows by itself, and far fewer than the million that a recursion
without a limit leaves."""


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Each frame with the number of its line, outermost first; of very many, those at both ends.

    The entries between are only counted off: asking one for its frame raises an audit event.
    """
    entry = error.__traceback__
    outermost: list[TracebackType] = []
    while entry is not None and len(outermost) < _OUTERMOST:
        outermost.append(entry)
        entry = entry.tb_next
    innermost: deque[TracebackType] = deque(maxlen=INNERMOST)
    while entry is not None:
        innermost.append(entry)
        entry = entry.tb_next
    return [(found.tb_frame, found.tb_lineno) for found in (*outermost, *innermost)]
