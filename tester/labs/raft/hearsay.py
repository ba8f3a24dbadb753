"""Hearsay: who can know of what, by the messages that servers got from each other.

What happens on one server can be known on another only if messages lead from there to here
(Lamport 1978, "Time, Clocks, and the Ordering of Events in a Distributed System"): for each server
a vector counts the commands that were started on each of the others, as far as it can know. So it
is with what it can know of the others' knowledge, and a matrix clock has all these vectors (Wuu
and Bernstein 1984). Knowledge outlives a crash, as it may have been saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

View = tuple[tuple[int, ...], ...]
"""What a server can know each server to know: how many commands were started on each."""

# It observes the code under test: see tester.guard.origin.
__harness__ = True


class Hearsay:
    """Overhears the network of a group, and is told where commands are started."""

    def __init__(self, names: Sequence[str], links: Mapping[tuple[str, str], str]) -> None:
        number = {name: i for i, name in enumerate(names)}
        self._ends = {end: (number[a], number[b]) for (a, b), end in links.items() if a != b}
        self._views: list[View] = [((0,) * len(names),) * len(names) for _ in names]
        self._heard: list[set[int]] = [set() for _ in names]
        self._started: dict[bytes, list[tuple[int, int]]] = {}
        self._routes: dict[int, tuple[int, int]] = {}
        self._requests: dict[int, View] = {}
        self._replies: dict[int, View] = {}

    def started(self, server: int, command: bytes) -> None:
        """A command is about to be started on a server."""
        view = self._views[server]
        own = view[server]
        count = own[server] + 1
        own = (*own[:server], count, *own[server + 1 :])
        self._views[server] = (*view[:server], own, *view[server + 1 :])
        self._started.setdefault(command, []).append((server, count))

    def was_started(self, command: bytes) -> bool:
        """Whether a command has been started anywhere."""
        return command in self._started

    def can_know(self, server: int, command: bytes) -> bool:
        """Whether messages, or nobody else's, can have told the server of a command."""
        return self._has(self._views[server][server], command)

    def who_can_know(self, server: int, command: bytes) -> list[int]:
        """Those who know a command, as far as messages can have told the server."""
        return [i for i, known in enumerate(self._views[server]) if self._has(known, command)]

    def _has(self, known: Sequence[int], command: bytes) -> bool:
        return any(known[where] >= which for where, which in self._started.get(command, ()))

    def heard_from(self, server: int) -> int:
        """From how many others a server has got a message or an answer."""
        return len(self._heard[server])

    def overhear(self, event: tuple[Any, ...]) -> None:
        """Take note of an event of the network: see `Network.overhear`."""
        _, kind, *rest = event
        if kind == "send":
            rpc, end = rest[:2]
            if end in self._ends:
                self._routes[rpc] = sender, _ = self._ends[end]
                self._requests[rpc] = self._views[sender]
        elif kind in {"deliver", "answer", "reply"} and rest[0] in self._routes:
            rpc = rest[0]
            caller, server = self._routes[rpc]
            if kind == "deliver":
                self._learn(server, caller, self._requests[rpc])
            elif kind == "answer":
                self._replies[rpc] = self._views[server]
            else:
                self._learn(caller, server, self._replies[rpc])

    def _learn(self, server: int, source: int, news: View) -> None:
        self._heard[server].add(source)
        view = self._views[server]
        if view is not news and view != news:
            joined = [*map(_join, view, news)]
            joined[server] = _join(joined[server], news[source])
            self._views[server] = tuple(joined)


def _join(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return one if one == other else tuple(map(max, one, other))
