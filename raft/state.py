"""The state of a peer: what outlives a crash, its role, and what a leader knows of others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labrpc import Message
from raft.log import Log


class Saved(Message, frozen=True):
    """What outlives a crash (Figure 2, persistent state); the snapshot is kept beside it."""

    term: int
    voted_for: int | None
    log: Log


class Role(StrEnum):
    """What a peer is (section 5.1)."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(slots=True)
class Progress:
    """What a leader knows of a follower (Figure 2, volatile state on leaders)."""

    next: int
    """The next entry to send; while probing, the one after the place that is asked about."""
    match: int = 0
    """The last entry it is known to have."""
    probing: bool = True
    """Whether the leader still looks for the place where the logs agree."""
