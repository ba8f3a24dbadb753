"""Standard output and error that cannot fail: a closed pipe does not change a verdict."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class _Descriptor(io.RawIOBase):
    """Writes to a descriptor; drops what cannot be written, and keeps the reason."""

    def __init__(self, number: int, trouble: OSError | None = None) -> None:
        self._number = number
        self.trouble = trouble
        """Why the first dropped byte could not be written."""

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        while self.trouble is None:
            try:
                return os.write(self._number, view)
            except BlockingIOError:  # a process that shares the descriptor made it non-blocking
                select.select([], [self._number], [])
            except OSError as error:
                self.trouble = error
        return len(view)

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True


@contextmanager
def unfailing() -> Iterator[None]:
    """Printing never raises inside. A stream without a descriptor is left as it is."""
    _open_the_first_three()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _unfailing(sys.stdout, 1), _unfailing(sys.stderr, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def trouble() -> OSError | None:
    """Why output to standard output was lost; None if none was."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.trouble if isinstance(raw, _Descriptor) else None


def _open_the_first_three() -> None:
    """Open any that the parent has closed: the next file opened must not become one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def _unfailing(stream: TextIO | None, number: int) -> TextIO:
    """The stream with writes that cannot fail."""
    if stream is None or stream.closed:
        closed = OSError(errno.EBADF, os.strerror(errno.EBADF))
        return _text(_Descriptor(number, closed), "utf-8", number)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        descriptor = stream.fileno()
    except OSError:  # it is kept in memory
        stream.reconfigure(errors="backslashreplace")
        return stream
    return _text(_Descriptor(descriptor), stream.encoding, number)


def _text(raw: _Descriptor, encoding: str, number: int) -> TextIO:
    """A text stream that takes any character; standard error is line-buffered."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )
