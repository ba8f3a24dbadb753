"""Faults of workers: they crash, fall silent or are slow at any step in the shared folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tester.world.simulation import Simulation

CRASH: Final = "crash"
SILENCE: Final = "silence"
SLOW: Final = "slow file"
ALL: Final = (CRASH, SILENCE, SLOW)

_ONLY_ON_RECORD: Final = 1, 2**48
"""The odds of what no seed meets: it strikes where a record or an enumeration says so."""
_ODDS: Final[dict[str, tuple[int, int]]] = {CRASH: (1, 40), SILENCE: (1, 50), SLOW: (1, 25)}
_SECONDS: Final = 16
"""A silence lasts up to so long, and so does an operation on a file that is slow."""
_UNTIL_S: Final = 60
"""Later in a run there are none."""
_DID: Final = {
    "read": "read",
    "write": "wrote",
    "rename": "renamed",
    "remove": "removed",
    "names": "listed",
}


class WorkerFaults:
    """Strikes workers when they read, write or rename; always with the same number of choices.

    Which kinds a run has is a choice, but for a single kind. `crash` and `silence` do it.
    """

    def __init__(
        self,
        sim: Simulation,
        kinds: Sequence[str],
        crash: Callable[[str], None],
        silence: Callable[[str, int], None],
    ) -> None:
        self._sim = sim
        self._kinds = tuple(kinds)
        self._crash = crash
        self._silence = silence
        self._doomed: set[str] = set()
        self._slow: dict[str, str] = {}
        """Who takes long to rename which file."""
        self.over_us = 0
        """When the last fault is over, as far as it is known."""
        self.disturbed: set[str] = set()
        """Workers that were slow or silent so far, and may think that the coordinator was."""
        on = sim.choices.stream("fault/mishaps")
        swarm = len(kinds) > 1
        self._on = [kind for kind in self._kinds if on.below(2) or not swarm]

    def before(self, node: str, method: str, name: str, other: str) -> int:
        """Draw what strikes a node that is about to do something; returns how long that takes."""
        if not self._kinds:
            return 0
        if method == "write":
            self._meet(node, name)
        stream = self._sim.choices.stream(f"fault/mishaps/{node}")
        first = len(stream.record)
        struck = stream.draw([self._odds(kind) for kind in self._kinds])
        later, seconds = stream.draw([(2, 0), (_SECONDS, 0)])
        extra_us = 0
        doing = f"{_DID[method]} {name}{f' to {other}' if other else ''}"
        for at, kind in enumerate(self._kinds):
            if struck[at]:
                fault = stream.name, first + at
                extra_us += self._strike(kind, fault, node, doing, seconds + 1, later=bool(later))
        return extra_us

    def _meet(self, node: str, name: str) -> None:
        """If somebody has been renaming this very file, that happens in the middle of writing."""
        slow = self._slow.pop(name, node)
        if slow != node:
            files = self._sim.files
            self._sim.after(1, lambda: files.finish_now(slow, "rename", name))

    def after(self, node: str) -> None:
        """What the node was about to do has been done, and it does not know yet."""
        if node in self._doomed:
            self._doomed.discard(node)
            self._crash(node)

    def passes(self, seconds: int) -> None:
        """Take note that a fault is over this many seconds from now at the earliest."""
        self.over_us = max(self.over_us, self._sim.virtual_us + seconds * 1_000_000)

    def _odds(self, kind: str) -> tuple[int, int]:
        on = kind in self._on and self._sim.now() < _UNTIL_S
        return _ODDS[kind] if on else _ONLY_ON_RECORD

    def _strike(
        self,
        kind: str,
        fault: tuple[str, int],
        node: str,
        doing: str,
        seconds: int,
        *,
        later: bool,
    ) -> int:
        if kind == CRASH:
            when = "when it had" if later else "before it had"
            self._sim.blame(fault, f"the crash of {node} {when} {doing}", kind)
            self.passes(1)
            if later:
                self._doomed.add(node)
            else:
                self._sim.after(0, lambda: self._crash(node))
            return 0
        self.disturbed.add(node)
        self.passes(seconds)
        if kind == SILENCE:
            self._sim.blame(fault, f"the silence of {node} for {seconds} s", kind)
            self._silence(node, seconds)
            return 0
        if doing.startswith(_DID["rename"]):
            self._slow[doing.split(" ")[1]] = node
        took = f"the {seconds} s in which {node} {doing}"
        self._sim.blame(fault, took, kind)
        return seconds * 1_000_000
