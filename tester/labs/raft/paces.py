"""Tests of a Raft that are not among those of the course: services with paces of their own."""

from __future__ import annotations

import asyncio
from typing import Final

from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM, LIMITS, ROUGH
from tester.labs.raft.ours import new_leader
from tester.labs.raft.peer import NEVER, Pace
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

LATE_S: Final = 3
"""Enough to agree on five commands, and to bring a server a snapshot of them."""


async def _rounds(sim: Simulation, raft: RaftCluster, rounds: int) -> None:
    """Rounds of commands: in each a server is cut off, or crashes, or leads no more."""
    servers = raft.servers
    _ = await raft.one(raft.command(), 3)
    for _ in range(sim.at_most(rounds, "rounds")):
        leader = await raft.check_one_leader()
        victim = (leader + raft.below(3)) % 3
        crashes = raft.below(2) == 1
        if crashes:
            servers.crash(victim)
        else:
            servers.disconnect(victim)
        for _ in range(raft.below(4)):  # of a leader that is cut off, these are lost
            _ = await raft.start(leader, raft.command())
        for _ in range(1 + raft.below(8)):
            _ = await raft.one(raft.command(), 2)
        if crashes:
            servers.restart(victim)
        servers.connect(victim)
        _ = await raft.one(raft.command(), 3)


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshots_at_own_paces(sim: Simulation) -> None:
    """The services make snapshots at different indices: one often, one rarely, and one never."""
    paces = [Pace(4, 3), Pace(9, 5), NEVER]
    first = sim.choices.below(3, "work/raft")
    raft = RaftCluster(sim, 3, snapshots=[*paces[first:], *paces[:first]])
    await _rounds(sim, raft, 15)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshots_handed_over_late(sim: Simulation) -> None:
    """A service applies more while it writes a snapshot, and gives Raft an outdated one."""
    raft = RaftCluster(sim, 3, snapshots=[Pace(4, 3, 400), Pace(7, 5, 50), Pace(5, 6, 150)])
    await _rounds(sim, raft, 15)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_handed_over_after_a_later_one(sim: Simulation) -> None:
    """While a service writes its snapshot, its Raft gets a later one from the leader."""
    raft = RaftCluster(sim, 3, snapshots=[Pace(5, 5, 1_000 * LATE_S), Pace(5, 5), Pace(5, 5)])
    servers = raft.servers
    for _ in range(sim.at_most(2, "rounds")):
        if await raft.check_one_leader() == 0:
            servers.disconnect(0)
            _ = await new_leader(raft, [1, 2])
            servers.connect(0)
        while await raft.one(raft.command(), 3) % 5:
            pass
        servers.disconnect(0)
        for _ in range(6):
            _ = await raft.one(raft.command(), 2)
        servers.connect(0)
        _ = await raft.one(raft.command(), 3)
        await asyncio.sleep(LATE_S)
        _ = await raft.one(raft.command(), 3)
