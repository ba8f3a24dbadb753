"""Frames: how a worker says something, and what is heard of one whom nobody trusts.

Each message stands behind its length and a tag: a keyed hash of the message and of its number.
Only the worker and its parent have the key, and a number is good once, so that what the code under
test writes into the pipe is nobody's message, nor is a copy of one that was sent before.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Final

import msgspec

from tester.workers.wire import Message, encode, message_of
from tester.world.pipe import HEADER, send

LARGEST: Final = 1 << 28
"""Bytes of one message. A longer one is not ours: somebody else wrote into the pipe."""
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

        A copy of the process, which the code under test has made of it in spite of the guard, ends
        here: it is at the same run, and has all that it takes to answer for it.
        """
        if _getpid() != self._pid:
            _exit(1)
        payload = encode(message)
        send(self._pipe, self._tags.next(payload) + payload)


class Frames:
    """Cuts a stream of bytes into the messages of a worker, which nobody has to trust."""

    def __init__(self, key: bytes) -> None:
        self._rest = bytearray()
        self._tags = _Tags(key)
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
