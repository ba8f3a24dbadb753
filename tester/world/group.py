"""A group: servers of one service on nodes of their own, each with a client end to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tester.world.host import End

if TYPE_CHECKING:
    from tester.world.simulation import Simulation


class Group:
    """Servers `s0`, `s1`, ... that are started, crashed, cut off and joined again, by number.

    Only what they say to each other is cut; clients have ends of their own. A server that crashes
    is off the net, and when it restarts, with what is on its disk, it stays so until it is
    connected.
    """

    def __init__(self, sim: Simulation, n: int, prefix: str = "s") -> None:
        self.names = [f"{prefix}{i}" for i in range(n)]
        self.nodes = [sim.node(name) for name in self.names]
        self.links = {(a, b): f"{a}-{b}" for a in self.names for b in self.names}
        """The client end by which one server talks to another, itself included."""
        self._sim = sim
        self._sides: list[int | None] = [0] * n
        self._ends = {
            (a, b): self.nodes[at].end(self.links[a, b], b)
            for at, a in enumerate(self.names)
            for b in self.names
        }

    def __len__(self) -> int:
        return len(self.names)

    def ends(self, i: int) -> list[End]:
        """The ends of one server to all of them, in order: for a factory's arguments."""
        return [self._ends[self.names[i], name] for name in self.names]

    def is_up(self, i: int) -> bool:
        """Whether a server runs."""
        return not self.nodes[i].down

    def is_connected(self, i: int) -> bool:
        """Whether a server runs and is not cut off."""
        return self._sides[i] is not None and self.is_up(i)

    def connected(self) -> list[int]:
        """All servers that run and are not cut off."""
        return [i for i in range(len(self)) if self.is_connected(i)]

    def crash(self, i: int, lost_writes: int = 0) -> None:
        """Take a server down: what it had in memory is lost, what it saved is not.

        With `lost_writes`, its power fails: the last writes are lost, of those not synced.
        """
        self._sides[i] = None
        self.nodes[i].crash(lost_writes)
        self._switch()

    def stop(self, i: int) -> None:
        """Shut a server down: as a crash, but its objects' kill() is called before."""
        self._sides[i] = None
        self.nodes[i].stop()
        self._switch()

    def restart(self, i: int) -> None:
        """Start a server that is down anew; it stays off the net."""
        self.nodes[i].restart()

    def disconnect(self, *servers: int) -> None:
        """Cut servers off, each for itself."""
        for i in servers:
            if self._sides[i] is not None:
                self._sides[i] = None
                self._sim.say(self.names[i], "is cut off from the others")
        self._switch()

    def connect(self, *servers: int) -> None:
        """Join servers to all those that are connected."""
        for i in servers:
            if self._sides[i] != 0 and self.is_up(i):
                self._sides[i] = 0
                self._sim.say(self.names[i], "is connected again")
        self._switch()

    def connect_all(self) -> None:
        """Join all servers that run."""
        self.connect(*range(len(self)))

    def partition(self, one: Sequence[int], other: Sequence[int]) -> None:
        """Have two sides, which do not hear each other; who is on neither is cut off."""
        for i in range(len(self)):
            self._sides[i] = 0 if i in one else 1 if i in other else None
        sides = (" ".join(self.names[i] for i in side) for side in (one, other))
        self._sim.note(f"partition = {' | '.join(sides)}")
        self._switch()

    def _switch(self) -> None:
        side = dict(zip(self.names, self._sides, strict=True))
        for (a, b), end in self.links.items():
            on = a == b or (side[a] is not None and side[a] == side[b])
            self._sim.network.enable(end, on)
