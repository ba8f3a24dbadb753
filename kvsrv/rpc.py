"""The messages between a Clerk and a KVServer: a fixed API file, the same for all submissions."""

from __future__ import annotations

from enum import StrEnum

from labrpc import Message

# This module is the same for everybody: no submission replaces it.
__fixed__ = True

Version = int
"""How often a key has been put: 0 for a key that does not exist."""


class Err(StrEnum):
    """The result of an operation, in the wire spelling of the 6.5840 labs."""

    OK = "OK"
    NO_KEY = "ErrNoKey"
    VERSION = "ErrVersion"
    MAYBE = "ErrMaybe"
    """Only a Clerk returns this: the put was sent more than once, and may have happened."""
    WRONG_LEADER = "ErrWrongLeader"
    WRONG_GROUP = "ErrWrongGroup"


class GetArgs(Message, frozen=True):
    """Ask for a key."""

    key: str


class GetReply(Message, frozen=True):
    """The value and version of a key; "" and 0 with NO_KEY."""

    value: str
    version: Version
    err: Err


class PutArgs(Message, frozen=True):
    """Install a value if the key is at this version; version 0 creates the key."""

    key: str
    value: str
    version: Version


class PutReply(Message, frozen=True):
    """OK, VERSION or NO_KEY."""

    err: Err
