"""Fault-space coverage: which faults of a run have hit which kind of operation."""

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
    """Reads the trace of one run as it is digested; `hits` are known when the run is over.

    A fault of a message hits the method of its RPC. Any other fault, a crash or a partition, hits
    the methods of all RPCs that are under way when it strikes.
    """

    def __init__(self) -> None:
        self._struck: set[tuple[str, str]] = set()
        self._flying: dict[int, str] = {}
        self._sent: dict[str, list[str]] = {}

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
            elif kind in _ACTS:
                self._strike(_ACTS[kind])
            elif kind == "fault":
                self._strike(entry[5])

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
