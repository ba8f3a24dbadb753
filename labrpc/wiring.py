"""What a network knows of its ends and servers, and of each request on its way between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from labrpc.conditions import Conditions

Answer = Callable[[tuple[str, int, bytes | None]], None]
"""Tells the caller: ("reply", its number of the call, the encoded reply or None).

None: no reply came, and nobody knows whether the handler ran.
"""
Request = tuple[str, int, str, str, bytes]
"""("request", number, server, method, payload)."""
Deliver = Callable[[Request], None]
"""Hands a request to the machine of the server, which some time later calls `Network.reply`."""


class Stream(Protocol):
    """Where the fates of an end's requests come from."""

    def draw(self, slots: Sequence[tuple[int, int]]) -> Sequence[int]:
        """Choose once per slot: see `Conditions.slots`."""

    def owe(self, slots: Sequence[tuple[int, int]]) -> None:
        """Do as if they had been drawn: their values change nothing."""


class Traffic:
    """What has gone over one end so far."""

    __slots__ = ("answered", "sent", "unanswered")

    def __init__(self) -> None:
        self.sent = 0
        """Requests sent."""
        self.answered = 0
        """Requests whose reply the caller has received."""
        self.unanswered = 0
        """Requests that can no longer be answered, whether or not the caller knows it."""


class Wire:
    """An end as the network knows it: where it leads, and what is cut of it."""

    __slots__ = (
        *("conditions", "enabled", "hold", "name", "on", "replies", "requests", "server"),
        *("stream", "traffic"),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.stream: Stream | None = None  # until it sends
        self.traffic = Traffic()
        self.server: str | None = None
        self.on = False
        self.requests = True
        self.replies = True
        self.enabled = False  # on, and not cut in both directions
        self.conditions: Conditions | None = None
        self.hold: Hold | None = None


class Station:
    """A server as the network knows it, from when it got its name until that is another's."""

    __slots__ = ("deliver", "gone", "name")

    def __init__(self, name: str, deliver: Deliver) -> None:
        self.name = name
        self.deliver = deliver
        self.gone = False


class Rpc(msgspec.Struct, eq=False):
    """One request on its way, and where it stands."""

    number: int
    end: Wire
    to: Station | None
    method: str
    payload: bytes
    answer: Answer
    call: int
    conditions: Conditions
    reply_lost: int = 0
    reply_held_us: int = 0
    dispatched: int | None = None
    """When it arrived, if it has and not only a copy of it."""


class Hold:
    """What is held of the requests on some ends; made by `Network.hold`.

    The request of a caller that waits is answered when it has been released. A caller that is not
    to wait is told at once that no reply came, as if the request were lost.
    """

    def __init__(
        self,
        ends: Iterable[Wire],
        deliver: Callable[[Rpc], None],
        *,
        waits: bool,
        least_bytes: int,
        at_most: int | None,
    ) -> None:
        self.waits = waits
        self._ends = [*ends]
        self._deliver = deliver
        self._least_bytes = least_bytes
        self._room = at_most
        self._held: list[Rpc] = []
        for end in self._ends:
            end.hold = self

    def __len__(self) -> int:
        """How many requests are held."""
        return len(self._held)

    def takes(self, rpc: Rpc) -> bool:
        """Keep a request back, if it is one of those that are to be."""
        if len(rpc.payload) < self._least_bytes or self._room == 0:
            return False
        if self._room is not None:
            self._room -= 1
        self._held.append(rpc)
        return True

    def stop(self) -> None:
        """Let later requests pass; those that are held stay so."""
        for end in self._ends:
            if end.hold is self:
                end.hold = None

    def release(self, *, newest_first: bool = False) -> None:
        """Let later requests pass, and deliver those that are held, in the order they came."""
        self.stop()
        held, self._held = self._held, []
        for rpc in reversed(held) if newest_first else held:
            self._deliver(rpc)
