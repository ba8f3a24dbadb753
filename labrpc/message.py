"""A message: what travels between nodes, in public, typed fields of plain data."""

import msgspec


class Message(msgspec.Struct, frozen=True):
    """A base for messages; a dataclass is a message too, only a little slower to encode.

    Two equal messages have equal bytes, and a message that was sent cannot be changed any more.
    """
