"""Frames: how a worker says something, and what is heard of one whom nobody trusts."""

from __future__ import annotations

from typing import Final

import msgspec

from tester.workers.wire import Message, encode, message_of
from tester.world.pipe import HEADER, send

LARGEST: Final = 1 << 28
"""Bytes of one message. A longer one is not ours: somebody else wrote into the pipe."""


def say(pipe: int, message: Message) -> None:
    """Write a message."""
    send(pipe, encode(message))


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
        while len(rest) >= at + HEADER and not self.garbled:
            start = at + HEADER
            size = int.from_bytes(rest[at:start], "big")
            at = start + size
            if size > LARGEST:
                self.garbled = True
            elif len(rest) < at:
                at = start - HEADER
                break
            else:
                try:
                    messages.append(message_of(rest[start:at]))
                except msgspec.DecodeError:
                    self.garbled = True
        del rest[:at]
        return messages
