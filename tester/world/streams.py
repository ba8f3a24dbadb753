"""The names of streams, and what the integers in them mean."""

from typing import Final

from labrpc.conditions import Fate

NETWORK: Final = "net/"
"""What the names of the streams begin with that decide the fates of the RPCs of an end."""
SIZE: Final = "size/"
"""What the names of the streams begin with that say how much of a workload to leave out."""
FATE_FIELDS: Final = Fate._fields
FATE_KINDS: Final = {
    "request_lost": "lost request",
    "reply_lost": "lost reply",
    "duplicated": "duplicated request",
    "late": "late request",
    "reply_held": "held-back reply",
}
"""What is called what, of the choices of a fate that are faults."""
FATE_SIZE: Final = len(FATE_FIELDS)
"""How many choices the fate of an RPC is: place j of the k-th RPC of an end has a fixed index."""


def is_size(stream: str) -> bool:
    """Whether a stream says how much of a workload to leave out."""
    return stream.startswith(SIZE)
