"""labrpc: an unreliable network for the labs, and typed remote calls over it."""

from labrpc.conditions import (
    LONG_DELAYS,
    LONG_REORDERING,
    RELIABLE,
    UNRELIABLE,
    Conditions,
    Fate,
    Ratio,
)
from labrpc.end import ClientEnd
from labrpc.errors import NotAMessage, TesterError, UnknownMethod
from labrpc.message import Message
from labrpc.network import Network
from labrpc.server import Server

__all__ = [
    "LONG_DELAYS",
    "LONG_REORDERING",
    "RELIABLE",
    "UNRELIABLE",
    "ClientEnd",
    "Conditions",
    "Fate",
    "Message",
    "Network",
    "NotAMessage",
    "Ratio",
    "Server",
    "TesterError",
    "UnknownMethod",
]
