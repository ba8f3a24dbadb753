"""A group: servers of one service on nodes of their own, each with a client end to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Final, Protocol

from labrpc.errors import TesterError
from labrpc.network import Network
from labrpc.wiring import Hold
from tester.world.arguments import End
from tester.world.nodes import Member

__all__ = ["CUT_OFF", "JOINED", "Group", "Hold"]

CUT_OFF: Final = "is cut off from the others"
JOINED: Final = "is connected again"


class Around(Protocol):
    """What a group needs of the simulation that it is in."""

    network: Network

    def node(self, name: str) -> Member:
        """The node of this name."""
        ...

    def client_node(self) -> Member:
        """A node for a client."""
        ...

    def say(self, who: str, what: str) -> None:
        """Put a line about a node into the story."""
        ...

    def note(self, text: str) -> None:
        """Put a line into the story."""
        ...


class Group:
    """Servers `s0`, `s1`, ... that are started, crashed, cut off and joined again, by number.

    Only the messages between servers are cut; clients have ends of their own. A server that
    crashes is cut off. It restarts with its disk, and stays cut off until it is connected; in a
    group that `rejoins`, it returns to where it was.
    """

    def __init__(self, sim: Around, n: int, prefix: str = "s", *, rejoins: bool = False) -> None:
        if type(n) is not int or n < 1:
            raise TesterError(f"expected one server or more in a group, got {n!r}")
        self.names = [f"{prefix}{i}" for i in range(n)]
        self.nodes = [sim.node(name) for name in self.names]
        self.peers: list[Any] = []
        """The objects that `make` has built, whose methods are operations of the test."""
        self.links = {(a, b): f"{a}-{b}" for a in self.names for b in self.names}
        """The client end by which one server talks to another, itself included."""
        self._sim = sim
        self._rejoins = rejoins
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

    def make(self, factory: Callable[..., Any], *args: Any, like: type | None = None) -> None:
        """Build `factory(ends, i, *args)` on each node i, and register it under the node's name.

        `ends` leads to all servers, in order, itself included. An argument that is a function of
        a node is called with each, as `lambda node: node.disk`.
        """
        if self.peers:
            raise TesterError(
                f"{self.names[0]} and its peers are built already; another group is built by "
                "sim.group, under another name"
            )
        for i, node in enumerate(self.nodes):
            own = (arg(node) if isinstance(arg, FunctionType) else arg for arg in args)
            made = node.make(factory, self.ends(i), i, *own, like=like, name=node.name)
            node.serve(made)
            self.peers.append(made)

    def client(self, factory: Callable[..., Any], *args: Any, like: type | None = None) -> Any:
        """Build `factory(ends, *args)` on a node of its own, with an end to each server."""
        node = self._sim.client_node()
        ends = [node.end(f"{node.name}-{name}", name) for name in self.names]
        return node.make(factory, ends, *args, like=like, name=node.name)

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
        self._check(i)
        self._leave(i)
        self.nodes[i].crash(lost_writes)
        self._switch()

    def stop(self, i: int) -> None:
        """Shut a server down: as a crash, but its objects' kill() is called before."""
        self._check(i)
        self._leave(i)
        self.nodes[i].stop()
        self._switch()

    def _leave(self, i: int) -> None:
        if not self._rejoins:
            self._sides[i] = None

    def restart(self, i: int) -> None:
        """Start a server that is down; it stays cut off unless the group rejoins."""
        self._check(i)
        self.nodes[i].restart()

    def disconnect(self, *servers: int) -> None:
        """Cut servers off, each for itself."""
        self._check(*servers)
        for i in servers:
            if self._sides[i] is not None:
                self._sides[i] = None
                self._sim.say(self.names[i], CUT_OFF)
        self._switch()

    def connect(self, *servers: int) -> None:
        """Join servers to all those that are connected."""
        self._check(*servers)
        for i in servers:
            if self._sides[i] != 0 and self.is_up(i):
                self._sides[i] = 0
                self._sim.say(self.names[i], JOINED)
        self._switch()

    def connect_all(self) -> None:
        """Join all servers that run."""
        self.connect(*range(len(self)))

    def partition(self, one: Sequence[int], other: Sequence[int]) -> None:
        """Divide the servers into two sides; a server on neither side is cut off."""
        self._check(*one, *other)
        if both := sorted({*one} & {*other}):
            raise TesterError(
                f"expected each server on one side only, got {self.names[both[0]]} on both"
            )
        for i in range(len(self)):
            self._sides[i] = 0 if i in one else 1 if i in other else None
        sides = (" ".join(self.names[i] for i in side) for side in (one, other))
        self._sim.note(f"partition = {' | '.join(sides)}")
        self._switch()

    def hold(
        self,
        sender: int,
        *receivers: int,
        waits: bool = False,
        least_bytes: int = 0,
        at_most: int | None = None,
    ) -> Hold:
        """Keep back what one server asks of others, until it is released: see `Network.hold`."""
        self._check(sender, *receivers)
        ends = [self.links[self.names[sender], self.names[i]] for i in receivers]
        return self._sim.network.hold(*ends, waits=waits, least_bytes=least_bytes, at_most=at_most)

    def _check(self, *servers: int) -> None:
        for i in servers:
            if type(i) is not int or not 0 <= i < len(self):
                raise TesterError(
                    f"expected the number of a server, 0 to {len(self) - 1}, got {i!r}"
                )

    def _switch(self) -> None:
        side = dict(zip(self.names, self._sides, strict=True))
        for (a, b), end in self.links.items():
            on = a == b or (side[a] is not None and side[a] == side[b])
            self._sim.network.enable(end, on)
