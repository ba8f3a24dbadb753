"""Peers that call each other, and tell what they notice: what faults are tried on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from labrpc import ClientEnd
from tester.world.nodes import Member, Remote
from tester.world.simulation import Simulation


@dataclass
class Ping:
    number: int


class Peer:
    """Answers pings, sends them, and counts those it has handled."""

    def __init__(self, *ends: ClientEnd) -> None:
        self._ends = ends
        self._handled = 0

    def ping(self, args: Ping) -> Ping:
        self._handled += 1
        return Ping(args.number + 1)

    async def slow(self, args: Ping) -> Ping:
        await asyncio.sleep(args.number)
        self._handled += 1
        return args

    async def call(self, end: int, number: int) -> int | None:
        """Ping through an end; None: no reply."""
        reply = await self._ends[end].call(Peer.ping, Ping(number))
        return None if reply is None else reply.number

    async def call_slow(self, end: int, seconds: int) -> bool:
        return await self._ends[end].call(Peer.slow, Ping(seconds)) is not None

    async def reached(self) -> list[bool]:
        """Through which of its ends it gets an answer."""
        return [await end.call(Peer.ping, Ping(0)) is not None for end in self._ends]

    def handled(self) -> int:
        return self._handled

    async def nap(self, seconds: float) -> float:
        """Sleep, and say how long it was by this node's monotonic clock."""
        start = time.monotonic()
        await asyncio.sleep(seconds)
        return time.monotonic() - start

    def wall(self) -> float:
        """Unix time, by this node's clock."""
        return time.time()


def peers(sim: Simulation, names: Sequence[str]) -> dict[str, Remote]:
    """A peer on each of these nodes; its ends lead to all of them, in this order, itself too."""
    made = {}
    for name in names:
        node = sim.node(name)
        made[name] = node.make(Peer, *(node.end(f"{name}-{to}", to) for to in names))
        node.serve(made[name])
    return made


def server_and_client(sim: Simulation) -> tuple[Member, Remote, Remote]:
    """The node of a peer that serves, that peer, and one that calls it."""
    node = sim.node("server")
    server = node.make(Peer)
    node.serve(server)
    client = sim.node("client")
    return node, server, client.make(Peer, client.end("end", "server"))
