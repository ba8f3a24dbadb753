"""Frames: how messages from an untrusted worker are written, authenticated and read.

A frame is a length, a tag and a message. The tag is a keyed hash of the message and its number.
Only the worker and its parent have the key, and each number is accepted once. So nothing that the
code under test writes into the pipe is accepted, not even a copy of an earlier message.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Final

import msgspec

from tester.workers.wire import Message, encode, message_of
from tester.world.pipe import HEADER, send

LARGEST: Final = 1 << 28
"""The most bytes of a message. A longer one was written by the code under test."""
KEY: Final = 32
_TAG: Final = 16
_getpid = os.getpid  # the code under test may put another one in its place, or be given one
_exit = os._exit


class _Tags:
    """The tags of the messages in one pipe, one after the other."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=_TAG)
        self._number = 0

    def next(self, payload: bytes | bytearray) -> bytes:
        tag = self._keyed.copy()
        tag.update(self._number.to_bytes(8, "big"))
        tag.update(payload)
        self._number += 1
        return tag.digest()


class Sender:
    """Writes the messages of this process into a pipe."""

    def __init__(self, pipe: int, key: bytes) -> None:
        self._pipe = pipe
        self._tags = _Tags(key)
        self._pid = _getpid()

    def say(self, message: Message) -> None:
        """Write a message.

        A copy of the process that the code under test has forked in spite of the guard ends here:
        it has the key, and could answer for the run.
        """
        if _getpid() != self._pid:
            _exit(1)
        payload = encode(message)
        send(self._pipe, self._tags.next(payload) + payload)


class Frames:
    """Cuts the stream of bytes from an untrusted worker into messages."""

    def __init__(self, key: bytes) -> None:
        self._rest = bytearray()
        self._tags = _Tags(key)
        self.garbled = False
        """Whether bytes came that are no valid frame. Whatever follows them is ignored."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, up to the first invalid frame."""
        messages: list[Message] = []
        rest = self._rest
        rest += data
        at = 0
        while len(rest) >= at + HEADER and not self.garbled:
            start = at + HEADER
            size = int.from_bytes(rest[at:start], "big")
            at = start + size
            if not _TAG <= size <= LARGEST:
                self.garbled = True
            elif len(rest) < at:
                at = start - HEADER
                break
            else:
                payload = rest[start + _TAG : at]
                self.garbled = rest[start : start + _TAG] != self._tags.next(payload)
                if not self.garbled:
                    messages += self._message(payload)
        del rest[:at]
        return messages

    def _message(self, payload: bytearray) -> list[Message]:
        try:
            return [message_of(payload)]
        except msgspec.DecodeError:
            self.garbled = True
            return []
