"""The messages of the solution: a write names its client and counts that client's requests."""

from __future__ import annotations

from labrpc import Message


class GetArgs(Message, frozen=True):
    """Ask for a key."""

    key: str


class GetReply(Message, frozen=True):
    """The value; "" if the key was never written."""

    value: str


class WriteArgs(Message, frozen=True):
    """Put or append a value. A repetition has the same client and request."""

    key: str
    value: str
    client: int
    request: int


class PutReply(Message, frozen=True):
    """It has been put."""


class AppendReply(Message, frozen=True):
    """It has been appended, to this value."""

    old: str
