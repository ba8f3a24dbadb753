"""The requests of a run: for which operation each was sent, what was answered, who heard it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tester.world.events import (
    Answer,
    Call,
    Deliver,
    NoReply,
    Reply,
    Return,
    Send,
    TraceEvent,
    Unheard,
)
from tester.world.run import Outcome


class Causes:
    """Walks a trace, and is about each RPC for which operation it was sent.

    That is the one of the task that sent it, while it is open. A task that serves operations of
    others, taken from a queue, has none, or that of whoever made it: then it is the latest that is
    open on the same node.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._open: set[int] = set()

    def take(self, event: TraceEvent) -> int | None:
        """The next event; if it is a Send, the operation it was sent for."""
        match event:
            case Call():
                self._open.add(event.op)
            case Return() | Unheard():
                self._open.discard(event.op)
            case Send():
                sender = self._outcome.senders[event.rpc]
                if sender.op in self._open:
                    return sender.op
                ops = self._outcome.history.ops
                here = (op for op in self._open if ops[op].node == sender.node)
                return max(here, default=sender.op)
        return None


@dataclass
class Request:
    """One RPC. Places are positions in the trace."""

    rpc: int
    op: int | None
    end: str
    method: str
    """ "KVServer.put". """
    payload: bytes
    sent: int
    """The place at which it was sent."""
    sent_us: int
    server: str = ""
    arrivals: list[int] = field(default_factory=list)
    """The places at which it, or a copy of it, reached the server."""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    """What its handlers returned, each with its place."""
    arrived_us: int = 0
    answered_us: int = 0
    ended: int | None = None
    """The place at which its caller knew; None if that was never."""
    ended_us: int = 0
    fate: str = ""
    """What its caller was shown, or why it was shown nothing: "reply", "reply lost", ..."""

    @property
    def verb(self) -> str:
        """The method without its class."""
        return self.method.rpartition(".")[2]

    @property
    def args(self) -> Mapping[str, Any]:
        """The fields of the request; none, if it is no message with fields."""
        return _fields(self.payload)

    @property
    def answered(self) -> Mapping[str, Any] | None:
        """The fields of the first answer; None if there is none."""
        return _fields(self.answers[0][1]) if self.answers else None

    @property
    def heard(self) -> Mapping[str, Any] | None:
        """The fields of the answer that reached the caller; None if none did."""
        return self.answered if self.fate == "reply" else None


def _fields(payload: bytes) -> Mapping[str, Any]:
    fields = msgspec.msgpack.decode(payload)
    return fields if isinstance(fields, dict) else {}


def requests(outcome: Outcome) -> list[Request]:
    """Every request of a run that kept its trace, in the order in which they were sent."""
    causes = Causes(outcome)
    known: dict[int, Request] = {}
    for place, event in enumerate(outcome.events):
        op = causes.take(event)
        match event:
            case Send():
                known[event.rpc] = Request(
                    event.rpc, op, event.end, event.method, event.payload, place, event.time_us
                )
            case Deliver():
                request = known[event.rpc]
                request.server = event.server
                if not request.arrivals:
                    request.arrived_us = event.time_us
                request.arrivals.append(place)
            case Answer():
                request = known[event.rpc]
                if not request.answers:
                    request.answered_us = event.time_us
                request.answers.append((place, event.payload))
            case Reply() | NoReply():
                request = known[event.rpc]
                request.ended, request.ended_us, request.fate = place, event.time_us, event.kind
    return list(known.values())


def returns(outcome: Outcome) -> dict[int, int]:
    """The place at which each operation returned, by its number."""
    return {
        event.op: place for place, event in enumerate(outcome.events) if isinstance(event, Return)
    }
