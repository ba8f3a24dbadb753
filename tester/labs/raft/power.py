"""Tests of a Raft that are not among those of the course: power that fails at any save."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM, LIMITS, ROUGH
from tester.labs.raft.peer import Pace
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

SLOW_DISK_MS: Final = 20
CANDIDATES_S: Final = 2
"""Two servers that hear nobody should be candidates by then."""
PATIENCE_S: Final = 0.2
"""How long a vote may take, with a slow disk at either side of it."""


class Power:
    """Power failures of a group: they take what was not synced, of a Raft that ever syncs.

    A Raft that never syncs counts on a disk that keeps what it is given, as the course does: with
    it, a server crashes at that moment, and what it has saved by then is there.
    """

    def __init__(self, raft: RaftCluster) -> None:
        self._raft = raft
        self.syncs = any(node.store.syncs for node in raft.servers.nodes)
        if not self.syncs:
            raft.sim.note("nobody has synced anything: nothing is to outlive a power failure")

    def unsynced(self, i: int) -> int:
        """How many writes of a server a power failure could take."""
        return self._raft.servers.nodes[i].store.unsynced

    def fails(self, i: int, lost: int) -> None:
        """Have a server lose up to this many writes, and restart."""
        servers = self._raft.servers
        servers.crash(i, lost_writes=lost if self.syncs else 0)
        servers.restart(i)
        servers.connect(i)


@simulate(network=CALM, limits=LIMITS)
async def test_votes_outlive_power_failures(sim: Simulation) -> None:
    """Two candidates of one term: the first is elected, and a vote that is not synced is lost.

    The power of the voter or of the leader fails as soon as the leader is elected. The request of
    the second candidate is still in flight, and arrives then.
    """
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"agreed", 3)
    power = Power(raft)
    for _ in range(sim.at_most(4, "rounds")):
        voter = await raft.check_one_leader()  # which starts no election
        first, second = (voter + 1) % 3, (voter + 2) % 3
        if raft.below(2):
            first, second = second, first
        forgets = voter if raft.below(2) else first
        raft.servers.nodes[forgets].slow_disk(SLOW_DISK_MS)
        others = raft.servers.hold(voter, first, second, waits=True)
        of_first = raft.servers.hold(first, voter, waits=True)
        of_second = raft.servers.hold(second, *(i for i in range(3) if i != second), waits=True)
        between = raft.servers.hold(first, second, waits=True)
        if await until(raft, CANDIDATES_S, partial(compete, raft, first, second, voter)):
            of_first.release()
            if await until(raft, PATIENCE_S, partial(_leads, raft, first)):
                power.fails(forgets, power.unsynced(forgets))
                await asyncio.sleep(0.001)  # for what others ask it at once
                of_second.release()
                await asyncio.sleep(PATIENCE_S / 2)
        raft.servers.nodes[forgets].slow_disk()
        for hold in (of_first, of_second, between, others):
            hold.release()
        _ = await raft.one(raft.command(), 3)


def compete(raft: RaftCluster, one: int, other: int, behind: int) -> bool:
    """Whether two servers are candidates of one term, which a third has not heard of."""
    term, later, before = (raft.safety.servers[i].term for i in (one, other, behind))
    return term == later > before


def _leads(raft: RaftCluster, i: int) -> bool:
    return raft.safety.servers[i].leads


async def until(raft: RaftCluster, within_s: float, true: Callable[[], bool]) -> bool:
    """Wait until something is true; returns whether it was within this time."""
    deadline = raft.sim.now() + within_s
    while raft.sim.now() < deadline:
        if true():
            return True
        await asyncio.sleep(0.001)
    return False


@simulate(network=ROUGH, limits=LIMITS)
async def test_power_fails_at_any_save(sim: Simulation) -> None:
    """Disks are slow, and the power of a server fails in the middle of any of its saves."""
    raft = RaftCluster(sim, 3, snapshots=[Pace(5, 4), Pace(7, 3), Pace(6, 6)])
    _ = await raft.one(b"agreed", 3)
    power = Power(raft)
    for i in range(3):
        raft.servers.nodes[i].slow_disk(raft.below(2 * SLOW_DISK_MS))
    for number in range(sim.at_most(1_000, "iterations")):
        await asyncio.sleep(0.005)
        if number % 10 == 0:
            leaders = [i for i in range(3) if raft.safety.servers[i].leads]
            for i in leaders:
                _ = await raft.start(i, b"%d" % number)
        for i in range(3):
            if (unsynced := power.unsynced(i)) and raft.below(12) == 0:
                power.fails(i, 1 + raft.below(unsynced))
    for node in raft.servers.nodes:
        node.slow_disk()
    sim.network.conditions = CALM
    _ = await raft.one(b"agreed, too", 3)
