"""Partitions: which nodes do not hear which others, and the client ends that this cuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labrpc.network import Network

Group = tuple[str, ...]
"""Names of nodes."""


@dataclass(frozen=True)
class Cut:
    """Pairs of nodes that cannot reach each other, or of which only one reaches the other."""

    groups: tuple[Group, ...]
    """Two nodes that are in groups, but in none together, cannot reach each other.

    A node in no group reaches all others, and one in two groups is a bridge.
    """
    one_way: bool = False
    """There are two groups, and only what the first sends to the second is lost."""

    def between(self, sender: str, receiver: str) -> bool:
        """Whether messages from sender to receiver are lost."""
        if self.one_way:
            return sender in self.groups[0] and receiver in self.groups[1]
        named = [any(node in group for group in self.groups) for node in (sender, receiver)]
        return all(named) and not any(
            sender in group and receiver in group for group in self.groups
        )


class Links:
    """Every end of the network with the nodes it joins, and the cuts between nodes."""

    def __init__(self, network: Network, note: Callable[..., None]) -> None:
        self._network = network
        self._note = note
        self._ends: dict[str, tuple[str, str]] = {}
        self._homes: dict[str, str] = {}
        self._blocked: dict[str, tuple[bool, bool]] = {}
        self._cuts: list[Cut] = []

    def ends(self) -> dict[str, tuple[str, str]]:
        """Every end: the node it is on, and the server it leads to."""
        return dict(self._ends)

    def homes(self) -> dict[str, str]:
        """The node of every server."""
        return dict(self._homes)

    def add_end(self, end: str, owner: str, server: str) -> None:
        """An end of the node `owner`, connected to a server."""
        self._ends[end] = owner, server
        if self._cuts or self._blocked:
            self._apply_to(end)

    def add_server(self, server: str, node: str) -> None:
        """The server of that name is on this node."""
        if self._homes.get(server) != node:
            self._homes[server] = node
            self._apply()

    def cut(self, groups: Sequence[Sequence[str]], *, one_way: bool = False) -> Cut:
        """Cut the nodes of these groups from each other; cuts add up. See `Cut`."""
        made = Cut(tuple(tuple(group) for group in groups), one_way)
        self._cuts.append(made)
        self._note("cut", made.groups, one_way)
        self._apply()
        return made

    def restore(self, cut: Cut) -> None:
        """Undo one cut, unless it has been undone."""
        if cut in self._cuts:
            self._cuts.remove(cut)
            self._note("heal", cut.groups, cut.one_way)
            self._apply()

    def heal(self) -> None:
        """Undo every cut."""
        for cut in list(self._cuts):
            self.restore(cut)

    def _apply(self) -> None:
        if not self._cuts and not self._blocked:
            return
        for end in self._ends:
            self._apply_to(end)

    def _apply_to(self, end: str) -> None:
        owner, server = self._ends[end]
        home = self._homes.get(server, server)
        requests = any(cut.between(owner, home) for cut in self._cuts)
        replies = any(cut.between(home, owner) for cut in self._cuts)
        if self._blocked.get(end, (False, False)) != (requests, replies):
            self._blocked[end] = requests, replies
            self._network.block(end, requests=requests, replies=replies)
