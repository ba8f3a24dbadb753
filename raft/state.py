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


class ProgressState(StrEnum):
    """How a leader sends entries to a follower."""

    PROBE = "probe"
    """It asks where the logs agree, one place at a time, and sends nothing ahead."""
    REPLICATE = "replicate"
    """The logs agree: entries are sent without waiting for the reply to those before."""
    SNAPSHOT = "snapshot"
    """A snapshot was sent; heartbeats ask whether it has arrived."""


@dataclass(slots=True)
class Progress:
    """What a leader knows of a follower (Figure 2, volatile state on leaders)."""

    next: int
    """The next entry to send; unless replicating, the one after the place that is asked about."""
    match: int = 0
    """The last entry it is known to have."""
    state: ProgressState = ProgressState.PROBE
