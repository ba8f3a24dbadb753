"""Fault-space coverage: which faults have hit which kind of operation, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tester.engine.stream import Fault
from tester.engine.trace import Entry
from tester.world.streams import FATE_FIELDS, FATE_KINDS, FATE_SIZE, NETWORK

NOTHING: Final = "nothing"
"""What a fault hits while no RPC is under way."""

_OVER: Final = frozenset({"reply", "reply lost", "request lost", "unreachable", "server dead"})
_ACTS: Final = {"crash": "crash", "stop": "shutdown", "pause": "pause", "cut": "partition"}
"""What a test, or a nemesis, does to nodes and links, by the word of the trace."""


class Coverage:
    """Reads the trace of one run as it is digested; the rest is known when the run is over.

    A fault of a message hits the method of its RPC. Any other fault, a crash or a partition, hits
    the methods of all RPCs that are under way when it strikes.
    """

    def __init__(self) -> None:
        self._struck: set[tuple[str, str]] = set()
        self._flying: dict[int, str] = {}
        self._sent: dict[str, list[str]] = {}
        self._called: dict[int, int] = {}
        self._acts: list[int] = []
        self.recovery_us = 0
        """The longest virtual time from such an act to the next return of an operation.

        What was called before it, or returns at once, is no sign of recovery.
        """

    def take(self, batch: Sequence[Entry]) -> None:
        """The next events of the run."""
        flying, sent = self._flying, self._sent
        for entry in batch:
            kind = entry[1]
            if kind == "send":
                flying[entry[2]] = entry[4]
                sent.setdefault(entry[3], []).append(entry[4])
            elif kind in _OVER:
                flying.pop(entry[2], None)
            elif kind == "call":
                self._called[entry[2]] = entry[0]
            elif kind == "return":
                self._returned(self._called.pop(entry[2], entry[0]), entry[0])
            elif kind in _ACTS:
                self._acts.append(entry[0])
                self._strike(_ACTS[kind])
            elif kind == "fault":
                self._strike(entry[5])

    def _returned(self, called_us: int, now_us: int) -> None:
        if not self._acts or called_us == now_us:
            return
        over = [act for act in self._acts if act <= called_us]
        if over:
            self.recovery_us = max(self.recovery_us, now_us - over[0])
            del self._acts[: len(over)]

    def _strike(self, fault: str) -> None:
        self._struck.update((fault, method) for method in set(self._flying.values()) or {NOTHING})

    def hits(self, faults: Sequence[Fault]) -> list[tuple[str, str]]:
        """(kind of fault, kind of operation), sorted; `faults` are the choices that were some."""
        found = set(self._struck)
        for stream, index in faults:
            if stream.startswith(NETWORK):
                number, place = divmod(index, FATE_SIZE)
                methods = self._sent.get(stream.removeprefix(NETWORK), ())
                if number < len(methods):
                    found.add((FATE_KINDS[FATE_FIELDS[place]], methods[number]))
        return sorted(found)
