"""The wiring of a network: which ends and servers there are, and which are cut off from which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrpc.conditions import Conditions
from labrpc.errors import TesterError

if TYPE_CHECKING:
    from labrpc.hold import Hold
    from labrpc.network import Deliver


class Traffic:
    """What has gone over one end so far."""

    __slots__ = ("answered", "sent", "unanswered")

    def __init__(self) -> None:
        self.sent = 0
        """Requests sent."""
        self.answered = 0
        """Those of which the caller has got the reply."""
        self.unanswered = 0
        """Those that no reply can answer any more, whether or not the caller has been told so."""


class Wire:
    """An end as the network knows it: where it leads, and what is cut of it."""

    __slots__ = (
        *("conditions", "enabled", "hold", "name", "on", "replies", "requests", "server"),
        *("stream", "traffic"),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.stream = f"net/{name}"
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

    __slots__ = ("deliver", "name")

    def __init__(self, name: str, deliver: Deliver) -> None:
        self.name = name
        self.deliver = deliver


class Wiring:
    """Named ends and named servers. Ends are made disabled and unconnected."""

    def __init__(self) -> None:
        self._ends: dict[str, Wire] = {}
        self._servers: dict[str, Station] = {}

    def make_end(self, name: str) -> None:
        """Make an end: disabled, and connected to no server."""
        if name in self._ends:
            raise TesterError(f"there is an end {name!r} already; give each end its own name")
        self._ends[name] = Wire(name)

    def delete_end(self, name: str) -> None:
        """Forget an end: calls on it find nobody, and those under way fail."""
        self.enable(name, False)
        del self._ends[name]

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
        self._servers[name] = Station(name, deliver)
        self._cut_off()

    def delete_server(self, name: str) -> None:
        """Leave the name without a server: calls under way to it fail within 100 ms."""
        if name not in self._servers:
            raise TesterError(f"there is no server {name!r}; there are {sorted(self._servers)}")
        del self._servers[name]
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
                f"there is no end {name!r}; there are {sorted(self._ends)}"
            ) from None

    def _cut_off(self, end: Wire | None = None) -> None:
        """Calls under way on this end, or some of those on any, may reach their server no more."""
        raise NotImplementedError
