"""Frames: how messages travel through pipes, and what is heard of a worker whom nobody trusts."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from tester.search.wire import Message, encode, message_of

_HEADER: Final = 4
LARGEST: Final = 1 << 28
"""Bytes of one message. A longer one is not ours: somebody else wrote into the pipe."""


def frame(payload: bytes) -> bytes:
    """The bytes of a message as they travel: its length, then the message."""
    return len(payload).to_bytes(_HEADER, "big") + payload


def say(pipe: int, message: Message) -> None:
    """Write a whole message, however little the pipe takes at once."""
    data = memoryview(frame(encode(message)))
    while data:
        data = data[os.write(pipe, data) :]


def receive(pipe: int) -> bytes:
    """Read one message's bytes. Raises EOFError where the pipe ends."""
    return _exactly(pipe, int.from_bytes(_exactly(pipe, _HEADER), "big"))


def _exactly(pipe: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(pipe, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class Frames:
    """Cuts a stream of bytes into the messages of a worker, which nobody has to trust."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self.garbled = False
        """Whether something came that no worker says: what follows means nothing."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, up to the first that is none."""
        messages: list[Message] = []
        rest = self._rest
        rest += data
        at = 0
        while len(rest) >= at + _HEADER and not self.garbled:
            start = at + _HEADER
            size = int.from_bytes(rest[at:start], "big")
            at = start + size
            if size > LARGEST:
                self.garbled = True
            elif len(rest) < at:
                at = start - _HEADER
                break
            else:
                try:
                    messages.append(message_of(rest[start:at]))
                except msgspec.DecodeError:
                    self.garbled = True
        del rest[:at]
        return messages
