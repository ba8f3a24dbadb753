"""A network with one end and one server, in a world that a test turns by hand."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from labrpc import RELIABLE, Conditions, Fate, Network
from labrpc.wiring import Request

END, SERVER, METHOD = "end", "server", "Service.method"
NO_FAULT = Fate(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
RISKY = RELIABLE.but(request_loss=(1, 1_000))
"""Reliable, but that fates are drawn: a test says what they are."""


class ByHand:
    """Time, events and fates as the test says."""

    def __init__(self) -> None:
        self.now = 0
        self.fate = NO_FAULT
        self.owed = 0
        self.entries: list[tuple[Any, ...]] = []
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._posted = 0

    def post(self, when: int, action: Callable[[Any], None], argument: Any) -> None:
        assert when >= self.now
        self._posted += 1
        heapq.heappush(self._heap, (when, self._posted, action, argument))

    def stream(self, name: str) -> ByHand:
        assert name == f"net/{END}"
        return self

    def draw(self, slots: Sequence[tuple[int, int]]) -> list[int]:
        assert len(slots) == len(self.fate)
        return list(self.fate)

    def owe(self, slots: Sequence[tuple[int, int]]) -> None:
        assert len(slots) == len(self.fate)
        self.owed += 1

    def trace(self, entry: tuple[Any, ...]) -> None:
        self.entries.append(entry)

    def run(self, until: int | None = None) -> None:
        while self._heap and (until is None or self._heap[0][0] <= until):
            self.now, _, action, argument = heapq.heappop(self._heap)
            action(argument)
        if until is not None:
            self.now = until


class Call:
    """What a caller was told: (microseconds, reply or None), once if all is well."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes | None]] = []


class Lab:
    """One enabled end, and one server that replies at once or, if `slow`, when told to."""

    def __init__(self, conditions: Conditions = RISKY, *, slow: bool = False) -> None:
        self.world = ByHand()
        self.network = Network(self.world, self.world.stream, self.world.trace, conditions)
        self.served: list[tuple[int, bytes]] = []
        self._slow = slow
        self._running: list[int] = []
        self.network.make_end(END)
        self.network.connect(END, SERVER)
        self.network.enable(END)
        self.network.add_server(SERVER, self._deliver)

    def _deliver(self, event: Request) -> None:
        kind, number, server, _, payload = event
        assert (kind, server) == ("request", SERVER)
        self.served.append((self.world.now, payload))
        if self._slow:
            self._running.append(number)
        else:
            self.network.reply(number, b"reply")

    def finish(self) -> None:
        """Let the handlers that run return."""
        for number in self._running:
            self.network.reply(number, b"reply")

    def call(self, **fate: int) -> Call:
        """Send a request now, with this fate."""
        call = Call()
        self.world.fate = NO_FAULT._replace(**fate)

        def answer(event: tuple[str, int, bytes | None]) -> None:
            assert event[:2] == ("reply", 7)
            call.answers.append((self.world.now, event[2]))

        self.network.send(END, METHOD, b"request", answer, 7)
        return call

    def at(self, when: int, action: Callable[[], object]) -> None:
        """Have something happen at a time."""

        def act(_: None) -> None:
            action()

        self.world.post(when, act, None)

    def run(self, until: int | None = None) -> None:
        """Let time pass, to the end or to a time."""
        self.world.run(until)

    def cut(self, why: str) -> None:
        """Make the server unreachable in one of several ways."""
        network = self.network
        if why == "disabled":
            network.enable(END, on=False)
        elif why == "no server":
            network.delete_server(SERVER)
        elif why == "unconnected":
            network.connect(END, "nobody")

    def kill(self, death: str) -> None:
        """Make the server dead for the calls that run on it, in one of several ways."""
        network = self.network
        if death == "disable":
            network.enable(END, on=False)
        elif death == "delete":
            network.delete_server(SERVER)
        elif death == "replace":
            network.add_server(SERVER, lambda event: None)
