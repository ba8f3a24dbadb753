"""The network: what becomes of each message between named ends and named servers.

It carries bytes and knows neither nodes nor objects. What it needs of the world around it is
injected: the time, a way to have something happen later, and the choices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from labrpc.conditions import RELIABLE, Conditions, Fate
from labrpc.errors import TesterError
from labrpc.wiring import Answer, Deliver, Hold, Rpc, Station, Stream, Traffic, Wire

_MS: Final = 1_000
_DEAD_CHECK_US: Final = 100 * _MS
"""labrpc asks this often, from the dispatch on, whether the server of a running call is dead."""


class Clock(Protocol):
    """The time, and a way to have something happen later."""

    now: int
    """Microseconds since the start."""

    def post(self, when: int, action: Callable[[Any], None], argument: Any) -> None:
        """Have `action(argument)` happen at `when`."""


Note = Callable[[tuple[Any, ...]], None]
"""Takes note of an event: (microseconds, kind, ...)."""


class Network:
    """labrpc's network: see `send` for the pipeline of a request.

    A new network is reliable, and nothing is connected yet. Times are microseconds.
    """

    def __init__(
        self,
        clock: Clock,
        stream: Callable[[str], Stream],
        note: Note,
        conditions: Conditions = RELIABLE,
    ) -> None:
        self.conditions = conditions
        """What holds on links without conditions of their own; read when a request enters."""
        self.rpc_total = 0
        """Requests sent, also those that were lost or reached nobody."""
        self.byte_total = 0
        """Bytes of all arguments sent and of all replies that arrived."""
        self.largest = 0
        """Bytes of the largest message so far, arrived or not."""
        self._clock = clock
        self._stream = stream
        self._note = note
        self._ends: dict[str, Wire] = {}
        self._servers: dict[str, Station] = {}
        self._counts: dict[str, int] = {}
        self._flying: dict[int, Rpc] = {}
        """By number, until a reply is on its way or the caller has been told that none comes."""
        self._unanswered: dict[tuple[str, str], dict[str, int]] = {}

    def overhear(self, listener: Note) -> None:
        """Have a listener told of every event too, from now on."""
        note = self._note

        def both(event: tuple[Any, ...]) -> None:
            note(event)
            listener(event)

        self._note = both

    def rpc_count(self, server: str) -> int:
        """Requests delivered to servers of this name, over all its incarnations."""
        return self._counts.get(server, 0)

    def traffic(self, end: str) -> Traffic:
        """What has gone over an end; kept up to date, so that it can be asked again and again."""
        return self._end(end).traffic

    def unanswered(self, end: str, method: str) -> Mapping[str, int]:
        """How often a caller got None for this method, by the reason, which it never learns.

        The reasons: "unreachable", "request lost", "reply lost", "server dead".
        """
        return self._unanswered.get((end, method), {})

    def hold(
        self,
        *ends: str,
        waits: bool = False,
        least_bytes: int = 0,
        at_most: int | None = None,
    ) -> Hold:
        """Keep back the requests that would arrive over these ends, until they are released.

        Of those with so many bytes of arguments or more, and so many of them at most. A request
        that is released goes to whoever serves under the name by then. See `Hold`.
        """
        wires = [self._end(end) for end in ends]
        return Hold(wires, self._released, waits=waits, least_bytes=least_bytes, at_most=at_most)

    # -- the wiring -------------------------------------------------------------------------------

    def make_end(self, name: str) -> None:
        """Make an end: disabled, and connected to no server."""
        if name in self._ends:
            raise TesterError(f"expected a new name for an end, got {name!r} again")
        self._ends[name] = Wire(name)

    def connect(self, end: str, server: str) -> None:
        """Have the end talk to the server of that name, present or future."""
        self._end(end).server = server

    def enable(self, end: str, on: bool = True) -> None:
        """Switch an end on or off. A call that enters while it is off fails; see `send`."""
        found = self._end(end)
        found.on = on
        self._switch(found)

    def block(self, end: str, *, requests: bool = False, replies: bool = False) -> None:
        """Cut one direction of an end, or both, or (by default) neither: a one-way partition.

        A caller whose requests are cut is told after a while; one whose replies are cut, after
        its request has been served. An end that is cut both ways is as good as disabled.
        """
        found = self._end(end)
        found.requests = not requests
        found.replies = not replies
        self._switch(found)

    def _switch(self, end: Wire) -> None:
        end.enabled = end.on and (end.requests or end.replies)
        if not end.enabled:
            self._cut_off(end)

    def set_conditions(self, conditions: Conditions | None, end: str) -> None:
        """Give one link conditions of its own; None: the network's again."""
        self._end(end).conditions = conditions

    def add_server(self, name: str, deliver: Deliver) -> None:
        """Register a server, in the place of the one that had the name."""
        if name in self._servers:
            self._servers[name].gone = True
        self._servers[name] = Station(name, deliver)
        self._counts.setdefault(name, 0)
        self._cut_off()

    def has_server(self, name: str) -> bool:
        """Whether a server of this name is registered, and has not been deleted."""
        return name in self._servers

    def delete_server(self, name: str) -> None:
        """Leave the name without a server: calls under way to it fail within 100 ms."""
        if name not in self._servers:
            raise TesterError(
                f"there is no server {name!r}; expected one of {sorted(self._servers)}"
            )
        self._servers.pop(name).gone = True
        self._cut_off()

    def retire_server(self, name: str, deliver: Deliver) -> None:
        """Delete a server, unless another one has its name by now, or none."""
        server = self._servers.get(name)
        if server is not None and server.deliver is deliver:
            self.delete_server(name)

    def _end(self, name: str) -> Wire:
        try:
            return self._ends[name]
        except KeyError:
            raise TesterError(
                f"there is no end {name!r}; expected one of {sorted(self._ends)}"
            ) from None

    # -- the pipeline -----------------------------------------------------------------------------

    def send(self, end: str, method: str, payload: bytes, answer: Answer, call: int = 0) -> Rpc:
        """Send a request; some time later `answer` is called, exactly once, unless nobody lives.

        In this order: the request is counted and its whole fate drawn; without a server to be
        reached the caller is told so after a while; else the request is delayed, lost, or
        delivered (twice, or late, where conditions say so); the handler runs; a reply of a server
        that is dead by now is dropped; the reply is lost, or held, or delivered. Whatever happens
        takes the latency of a message. Where no part of a fate can matter, it is only owed.
        """
        try:
            sender = self._ends[end]
        except KeyError:
            sender = Wire(end)
        if sender.stream is None:
            sender.stream = self._stream(f"net/{end}")
        clock = self._clock
        now = clock.now
        number = self.rpc_total = self.rpc_total + 1
        size = len(payload)
        self.byte_total += size
        if size > self.largest:  # noqa: PLR1730 - a call less
            self.largest = size
        sender.traffic.sent += 1
        conditions = sender.conditions or self.conditions
        server = None
        if sender.enabled and sender.requests and sender.server in self._servers:
            server = self._servers[sender.server]
        if server is not None and conditions.reliable:
            sender.stream.owe(conditions.slots)
            rpc = Rpc(number, sender, server, method, payload, answer, call, conditions)
            self._flying[number] = rpc
            self._note((now, "send", number, end, method, payload))
            clock.post(now + conditions.latency_us, self._arrive, rpc)
            return rpc
        fate = sender.stream.draw(conditions.slots)
        # Unpacked, and not asked by name: each name of a NamedTuple is a look-up in its class.
        unreachable, delay, lost, twice, twice_ms, late, late_ms, reply_lost, held, _, _ = fate
        held_us = conditions.hold_us(Fate._make(fate)) if held else 0
        rpc = Rpc(
            number, sender, server, method, payload, answer, call, conditions, reply_lost, held_us
        )
        self._flying[number] = rpc
        self._note((now, "send", number, end, method, payload))
        if server is None:
            sender.traffic.unanswered += 1
            later = now + conditions.latency_us + unreachable * _MS
            clock.post(later, self._unreachable, rpc)
            return rpc
        there = now + conditions.latency_us + delay * _MS
        if lost or late:
            sender.traffic.unanswered += 1
            told = there + conditions.loss_timeout_ms * _MS
            clock.post(told, self._request_lost, rpc)
            if not lost:
                clock.post(told + late_ms * _MS + 1, self._deliver, rpc)
        else:
            clock.post(there, self._arrive, rpc)
        if twice:
            clock.post(there + twice_ms * _MS + 1, self._deliver, rpc)
        return rpc

    def _arrive(self, rpc: Rpc, *, released: bool = False) -> None:
        hold = rpc.end.hold
        if hold is not None and not released and hold.takes(rpc):
            self._note((self._clock.now, "held", rpc.number))
            if not hold.waits:
                rpc.end.traffic.unanswered += 1
                self._request_lost(rpc)
            return
        rpc.dispatched = now = self._clock.now
        server = rpc.to
        assert server is not None  # only requests that found a server arrive anywhere
        if server.gone or not rpc.end.enabled:
            self._clock.post(now + _DEAD_CHECK_US, self._check_alive, rpc)
        name, number = server.name, rpc.number  # as `_deliver` does it, without the call
        self._counts[name] += 1
        self._note((now, "deliver", number, name))
        server.deliver(("request", number, name, rpc.method, rpc.payload))

    def _released(self, rpc: Rpc) -> None:
        assert rpc.to is not None  # only requests that found a server are held
        server = self._servers.get(rpc.to.name)
        if server is not None:
            rpc.to = server
        if rpc.number in self._flying:
            self._arrive(rpc, released=True)
        elif server is not None:
            self._deliver(rpc)

    def _deliver(self, rpc: Rpc) -> None:
        """Hand the request, or a copy of it that nobody waits for, to the server's machine."""
        server = rpc.to
        assert server is not None  # likewise
        name = server.name
        self._counts[name] += 1
        self._note((self._clock.now, "deliver", rpc.number, name))
        server.deliver(("request", rpc.number, name, rpc.method, rpc.payload))

    def reply(self, number: int, payload: bytes) -> None:
        """The handler of request `number` returned this reply."""
        clock = self._clock
        now = clock.now
        self._note((now, "answer", number, payload))
        size = len(payload)
        if size > self.largest:  # noqa: PLR1730 - a call less
            self.largest = size
        flying = self._flying
        if number not in flying:
            return  # the reply to a copy, or to a caller that was told that none would come
        rpc = flying[number]
        if rpc.dispatched is None:
            return  # likewise
        del flying[number]  # from here on no crash or partition can change what becomes of it
        there = now + rpc.conditions.latency_us
        if not rpc.end.enabled or (rpc.to is not None and rpc.to.gone):
            clock.post(there, self._dead_server, rpc)
        elif rpc.reply_lost or not rpc.end.replies:
            rpc.end.traffic.unanswered += 1
            clock.post(there + rpc.conditions.loss_timeout_ms * _MS, self._reply_lost, rpc)
        else:
            clock.post(there + rpc.reply_held_us, self._return, (rpc, payload))

    def _return(self, answered: tuple[Rpc, bytes]) -> None:
        rpc, payload = answered
        self.byte_total += len(payload)
        self._note((self._clock.now, "reply", rpc.number))
        rpc.end.traffic.answered += 1
        rpc.answer(("reply", rpc.call, payload))

    def _unreachable(self, rpc: Rpc) -> None:
        self._give_up(rpc, "unreachable")

    def _request_lost(self, rpc: Rpc) -> None:
        self._give_up(rpc, "request lost")

    def _reply_lost(self, rpc: Rpc) -> None:
        self._tell(rpc, "reply lost")

    def _dead_server(self, rpc: Rpc) -> None:
        self._tell(rpc, "server dead")

    def _give_up(self, rpc: Rpc, why: str) -> None:
        if self._flying.pop(rpc.number, None) is not None:
            self._tell(rpc, why)

    def _tell(self, rpc: Rpc, why: str) -> None:
        """Tell the caller that no reply came; nobody else will tell it anything."""
        self._note((self._clock.now, why, rpc.number))
        rpc.end.traffic.unanswered += why == "server dead"  # the others were counted before
        reasons = self._unanswered.setdefault((rpc.end.name, rpc.method), {})
        reasons[why] = reasons.get(why, 0) + 1
        rpc.answer(("reply", rpc.call, None))

    # -- death ------------------------------------------------------------------------------------

    def _dead(self, rpc: Rpc) -> bool:
        return rpc.to is not None and (rpc.to.gone or not rpc.end.enabled)

    def _cut_off(self, end: Wire | None = None) -> None:
        """Some server or end has died: look after the calls that run on it.

        labrpc polls every 100 ms from the dispatch on; only the poll that follows can find out.
        """
        now = self._clock.now
        for rpc in self._flying.values():
            if rpc.dispatched is None or (end is not None and rpc.end is not end):
                continue
            if self._dead(rpc):
                polls = (now - rpc.dispatched) // _DEAD_CHECK_US + 1
                at = rpc.dispatched + polls * _DEAD_CHECK_US
                self._clock.post(at, self._check_alive, rpc)

    def _check_alive(self, rpc: Rpc) -> None:
        if self._dead(rpc):
            self._give_up(rpc, "server dead")
