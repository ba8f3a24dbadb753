"""The messages of the solution: a write names its client and counts that client's requests."""

from __future__ import annotations

from kvsrv.rpc import Err
from labrpc import Message


class GetArgs(Message, frozen=True):
    """Ask for a key."""

    key: str


class WriteArgs(Message, frozen=True):
    """Put or append a value. A repetition has the same client and number, at any server."""

    key: str
    value: str
    client: int
    number: int


class Reply(Message, frozen=True):
    """OK, and the value or, after an append, the value before it; or WRONG_LEADER."""

    err: Err
    value: str = ""
