"""Interrupts: Ctrl-C (SIGINT), SIGTERM and SIGHUP end a command in one orderly way.

The first one raises KeyboardInterrupt: the command prints what it knows, ends its workers and
exits with the status that shells use. A later one kills every process that was started and exits
at once. A second signal right after the first is ignored: some senders send two.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ALONG_S: Final = 2.0

_came: list[tuple[int, float]] = []
"""The first signal of this command, and when it came, by the real clock."""


def status() -> int:
    """The exit status of a command that was interrupted: 130 for Ctrl-C."""
    number = _came[0][0] if _came else signal.SIGINT
    return 128 + number


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Handle interrupts while this lasts, except signals that the parent has set to ignore."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in that one alone
        return
    _came.clear()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in mine:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _came:
        _came.append((number, time.monotonic()))
        raise KeyboardInterrupt
    if time.monotonic() - _came[0][1] > _ALONG_S:
        from tester.workers.processes import end_descendants

        end_descendants(os.getpid())
        os._exit(128 + number)
