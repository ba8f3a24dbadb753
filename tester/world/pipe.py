"""Pipes between processes, with the length before each message; and how a process ended."""

from __future__ import annotations

import os
import signal
from typing import Final

HEADER: Final = 4
"""Bytes of a length, the most significant one first."""
_AT_ONCE: Final = 1 << 20
_MOSTLY: Final = 1 << 15
"""Bytes that few messages have."""


def framed(payload: bytes) -> bytes:
    """The bytes of a message as they travel: its length, then the message."""
    return len(payload).to_bytes(HEADER, "big") + payload


def send(pipe: int, payload: bytes) -> None:
    """Write a whole message, however little the pipe takes at once."""
    data = framed(payload)
    written = os.write(pipe, data)
    while written < len(data):
        written += os.write(pipe, memoryview(data)[written:])


def receive(pipe: int) -> bytes:
    """Read one message. Raises EOFError where the pipe ends."""
    return _exactly(pipe, int.from_bytes(_exactly(pipe, HEADER), "big"))


class Messages:
    """What comes through a pipe, message by message; mostly it takes one read for each."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._rest = bytearray()
        """What has been read beyond the last message."""

    def next(self) -> bytes:
        """Read one message. Raises EOFError where the pipe ends."""
        data = self._rest
        if not data:
            whole = os.read(self._pipe, _MOSTLY)
            if len(whole) - HEADER == int.from_bytes(whole[:HEADER], "big"):
                return whole[HEADER:]
            if not whole:
                raise EOFError
            data += whole
        while len(data) < HEADER or len(data) < HEADER + int.from_bytes(data[:HEADER], "big"):
            more = os.read(self._pipe, _MOSTLY)
            if not more:
                raise EOFError
            data += more
        end = HEADER + int.from_bytes(data[:HEADER], "big")
        message = bytes(data[HEADER:end])
        del data[:end]
        return message


def _exactly(pipe: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(pipe, min(size, _AT_ONCE))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def killed_by(number: int) -> str:
    """What a signal has done to a process: "was killed by SIGSEGV"."""
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {number}"
    return f"was killed by {name}"
