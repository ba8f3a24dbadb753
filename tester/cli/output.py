"""Standard output and error that cannot fail: a reader that has gone changes no verdict."""

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
    """Writes to a descriptor; what it does not take is dropped, and the reason kept."""

    def __init__(self, number: int, trouble: OSError | None = None) -> None:
        self._number = number
        self.trouble = trouble
        """Why the first byte that was dropped could not be written."""

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        while self.trouble is None:
            try:
                return os.write(self._number, view)
            except BlockingIOError:  # whoever started us shares it, and made it so
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
    """Inside, printing never raises. A stream that is no descriptor's stays what it is."""
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
    """Why something that went to standard output was lost; None if nothing was."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.trouble if isinstance(raw, _Descriptor) else None


def _open_the_first_three() -> None:
    """Whoever started us may have closed them: the next file we open must not become one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def _unfailing(stream: TextIO | None, number: int) -> TextIO:
    """The stream, writing to its descriptor in our way."""
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
    """A story may hold any character; complaints are shown line by line."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )
