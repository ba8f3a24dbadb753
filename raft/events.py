"""The events that go into a core, one at a time, and what it wants done in return.

An event says what has happened, and no more: what follows from it, `raft.core` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labrpc import Message
from raft.api import ApplyMsg
from raft.messages import Args, Reply


class TimerExpired(Message, frozen=True):
    """The timer ran out: an election is due or, for a leader, a heartbeat."""


class Command(Message, frozen=True):
    """A client wants this to be in the log. Only a leader takes it."""

    command: bytes


class Request(Message, frozen=True):
    """A peer calls."""

    args: Args


class Response(Message, frozen=True):
    """A peer has replied to the call of `args`, the very object that was sent."""

    peer: int
    args: Args
    reply: Reply


class Snapshot(Message, frozen=True):
    """The service has everything up to `index` in these bytes."""

    index: int
    data: bytes


Event = TimerExpired | Command | Request | Response | Snapshot


@dataclass(slots=True)
class Ready:
    """What is to be done after a step. Saving comes first: all the rest may depend on it."""

    save: bool = False
    """Whether `saved()` or the snapshot has changed."""
    messages: list[tuple[int, Args]] = field(default_factory=list)
    """Calls to be made, as (peer, args)."""
    reply: Reply | None = None
    """The answer, if the event was a Request."""
    apply: list[ApplyMsg] = field(default_factory=list)
    """For the service, in this order."""
    reset_timer: bool = False
    """Whether the timer starts anew: a heartbeat's for a leader, else an election's."""
