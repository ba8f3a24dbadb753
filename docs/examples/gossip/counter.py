"""A grow-only counter by gossip: every node counts its own additions, and tells the others.

Shapiro, Preguiça, Baquero and Zawirski, "Conflict-free Replicated Data Types" (2011): the
G-Counter. A node knows a count for each node. Merging takes the larger of two counts, so it does
not matter in which order, or how often, what is told arrives: all nodes that have heard of the
same additions know the same counts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from labrpc import ClientEnd, Message
from tester import Disk


class Counts(Message, frozen=True):
    of: list[int]
    """How much each node has added, as far as the sender knows."""


class Counter:
    """One replica. Its own additions are on its disk before they count."""

    def __init__(self, peers: Sequence[ClientEnd], me: int, disk: Disk) -> None:
        self._peers = peers
        self._me = me
        self._disk = disk
        self._counts = [0] * len(peers)
        self._counts[me] = int(disk.read("own") or b"0")
        self._gossip = asyncio.create_task(self._tell())

    async def add(self) -> None:
        """Add one; when this returns, it will not be lost."""
        own = self._counts[self._me] + 1
        self._counts[self._me] = own
        self._disk.write({"own": b"%d" % own})
        await self._disk.sync()

    def merge(self, args: Counts) -> Counts:
        """Learn what a peer knows, and tell it what is known here."""
        self._counts = self._merged(args.of)
        return Counts(self._counts)

    def _merged(self, told: Sequence[int]) -> list[int]:
        return [max(mine, theirs) for mine, theirs in zip(self._counts, told, strict=True)]

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            peer = self._peers[random.randrange(len(self._peers))]
            reply = await peer.call(Counter.merge, Counts(self._counts))
            if reply is not None:
                self._counts = self._merged(reply.of)

    def describe(self) -> dict[str, int]:
        """What an invariant sees."""
        return {"value": sum(self._counts)}
