"""Pipes between processes, with the length before each message; and how a process ended."""

from __future__ import annotations

import os
import signal
from typing import Final

HEADER: Final = 4
"""Bytes of a length, the most significant one first."""
_AT_ONCE: Final = 1 << 20


def framed(payload: bytes) -> bytes:
    """The bytes of a message as they travel: its length, then the message."""
    return len(payload).to_bytes(HEADER, "big") + payload


def send(pipe: int, payload: bytes) -> None:
    """Write a whole message, however little the pipe takes at once."""
    data = memoryview(framed(payload))
    while data:
        data = data[os.write(pipe, data) :]


def receive(pipe: int) -> bytes:
    """Read one message. Raises EOFError where the pipe ends."""
    return _exactly(pipe, int.from_bytes(_exactly(pipe, HEADER), "big"))


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
