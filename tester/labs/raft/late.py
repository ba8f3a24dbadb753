"""Tests of a Raft that are not among those of the course: requests that arrive much later.

Each kind of request is kept back on its way, and its caller told that no reply came. It arrives
when the world is another one: after a snapshot, in a later term, or at a server that has restarted
since. Which kind it is, a test knows by what it does, and not by any name.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM, LIMITS
from tester.labs.raft.ours import new_leader
from tester.labs.raft.peer import SNAPSHOT_EVERY, Pace
from tester.world.group import Hold
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

LARGE: Final = 3_000
"""Bytes of the first command: of later messages, only those with a snapshot are as long."""
SELDOM: Final = 15
"""Commands between two snapshots: more than are tried until a follower has caught up."""
OWN_PACES: Final = Pace(5, 4), Pace(8, 3), Pace(3, 5)


async def _agree_on(raft: RaftCluster, count: int, expected: int) -> None:
    for _ in range(count):
        _ = await raft.one(raft.command(), expected)


async def _arrive(raft: RaftCluster, held: Hold, receiver: int) -> None:
    """Have what is held arrive: at times after a restart, and at times the newest first."""
    if raft.below(3) == 0:
        raft.servers.crash(receiver)
        raft.restart(receiver)
    held.release(newest_first=bool(raft.below(2)))
    await asyncio.sleep(0.05)


@simulate(network=CALM, limits=LIMITS)
async def test_entries_from_before_a_snapshot(sim: Simulation) -> None:
    """AppendEntries arrives after the receiver's snapshot covers its entries, or some of them."""
    raft = RaftCluster(sim, 3, snapshots=True)
    for _ in range(sim.at_most(4, "rounds")):
        _ = await raft.one(raft.command(), 3)
        leader = await raft.check_one_leader()
        follower = (leader + 1 + raft.below(2)) % 3
        held = raft.servers.hold(leader, follower)
        for _ in range(4):
            _ = await raft.start(leader, raft.command())
            await asyncio.sleep(0.03)
        held.stop()
        await _agree_on(raft, 1 + raft.below(SNAPSHOT_EVERY + 2), 3)
        await _arrive(raft, held, follower)
        await _agree_on(raft, 1, 3)


@simulate(network=CALM, limits=LIMITS)
async def test_entries_of_an_older_term(sim: Simulation) -> None:
    """AppendEntries of a deposed leader arrives after other entries have replaced its own."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    for _ in range(sim.at_most(3, "rounds")):
        _ = await raft.one(raft.command(), 5)
        old = await raft.check_one_leader()
        rest = [i for i in range(5) if i != old]
        held = [raft.servers.hold(old, i) for i in rest]
        for _ in range(3):  # will never be committed
            _ = await raft.start(old, raft.command())
        await asyncio.sleep(0.15)
        servers.disconnect(old)
        newer = await new_leader(raft, rest)
        for _ in range(1 + raft.below(5)):
            _ = await raft.one(raft.command(), 4)
        rest.remove(newer)
        servers.disconnect(newer)  # nobody is to bring the others right at once
        for hold, receiver in zip(held, [i for i in range(5) if i != old], strict=True):
            if receiver in rest:
                await _arrive(raft, hold, receiver)
            else:
                hold.stop()
        _ = await raft.one(raft.command(), 3)
        servers.connect_all()


@simulate(network=CALM, limits=LIMITS)
async def test_votes_asked_for_long_ago(sim: Simulation) -> None:
    """RequestVote arrives late, whether or not another candidate has been elected since."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    for _ in range(sim.at_most(4, "rounds")):
        _ = await raft.one(raft.command(), 3)
        leader = await raft.check_one_leader()
        candidate, voter = (leader + 1) % 3, (leader + 2) % 3
        held = raft.servers.hold(candidate, voter)
        servers.disconnect(leader)
        await asyncio.sleep((300 + raft.below(900)) / 1_000)
        held.stop()
        newer = await new_leader(raft, [candidate, voter])
        servers.connect(leader)
        _ = await raft.one(raft.command(), 3)
        if raft.below(2):
            servers.disconnect(newer)
            await asyncio.sleep(raft.below(600) / 1_000)
        await _arrive(raft, held, voter)
        _ = await raft.one(raft.command(), 2)
        servers.connect_all()
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshots_from_long_ago(sim: Simulation) -> None:
    """A snapshot arrives after its receiver has applied more and made a later one."""
    raft = RaftCluster(sim, 3, snapshots=[Pace(5, 4)] * 3)
    servers = raft.servers
    _ = await raft.one(b"x" * LARGE, 3)
    for _ in range(sim.at_most(4, "rounds")):
        leader = await raft.check_one_leader()
        follower = (leader + 1 + raft.below(2)) % 3
        servers.disconnect(follower)
        await _agree_on(raft, SNAPSHOT_EVERY, 2)
        held = [
            raft.servers.hold(i, follower, least_bytes=LARGE, at_most=1)
            for i in range(3)
            if i != follower
        ]
        servers.connect(follower)
        await _agree_on(raft, 1 + raft.below(SNAPSHOT_EVERY), 3)
        for hold in held:
            await _arrive(raft, hold, follower)
        await _agree_on(raft, 1, 3)
        servers.crash(follower)
        raft.restart(follower)
        await _agree_on(raft, 1 + raft.below(3), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshots_answered_late(sim: Simulation) -> None:
    """A leader learns that a snapshot was installed after it has made a later one."""
    raft = RaftCluster(sim, 3, snapshots=[Pace(SELDOM, SELDOM)] * 3)
    servers = raft.servers
    _ = await raft.one(b"x" * LARGE, 3)
    for _ in range(sim.at_most(3, "rounds")):
        leader = await raft.check_one_leader()
        follower = (leader + 1 + raft.below(2)) % 3
        others = [i for i in range(3) if i != follower]
        servers.disconnect(follower)
        await _start_many(raft, leader, SELDOM)
        _ = await raft.one(raft.command(), 2)
        held = [servers.hold(i, follower, waits=True, least_bytes=LARGE) for i in others]
        servers.connect(follower)
        leader = await raft.check_one_leader()  # the follower's term may have deposed the last one
        await _start_many(raft, leader, SELDOM + raft.below(5))
        for hold in held:
            hold.release(newest_first=bool(raft.below(2)))
        _ = await raft.one(raft.command(), 3)


async def _start_many(raft: RaftCluster, leader: int, count: int) -> None:
    """Start many commands at once, and wait until somebody has applied the last one."""
    index = -1
    for _ in range(count):
        index, _, _ = await raft.start(leader, raft.command())
    for _ in range(20):
        if index > 0 and raft.n_committed(index):
            return
        await asyncio.sleep(0.005)


@simulate(network=CALM, limits=LIMITS)
async def test_requests_from_long_ago(sim: Simulation) -> None:
    """Requests on some links arrive some rounds later, while servers crash and restart."""
    raft = RaftCluster(sim, 3, snapshots=OWN_PACES)
    servers = raft.servers
    held: list[tuple[Hold, int]] = []
    for _ in range(sim.at_most(25, "rounds")):
        sender, step = raft.below(3), 1 + raft.below(2)
        receiver = (sender + step) % 3
        hold = raft.servers.hold(sender, receiver)
        held.append((hold, receiver))
        lost = (sender, receiver, 3 - sender - receiver)[raft.below(3)]
        what = raft.below(4)
        if what == 1:
            servers.disconnect(lost)
        elif what == 2:
            servers.crash(lost)
        for _ in range(1 + raft.below(4)):
            for i in servers.connected():
                if raft.safety.servers[i].leads:
                    _ = await raft.start(i, raft.command())
            await asyncio.sleep((20 + raft.below(300)) / 1_000)
        hold.stop()
        if not servers.is_up(lost):
            servers.restart(lost)
        servers.connect_all()
        await asyncio.sleep((50 + raft.below(400)) / 1_000)
        if len(held) > 1 + raft.below(4):
            await _arrive(raft, *held.pop(raft.below(len(held))))
    for hold, receiver in held:
        await _arrive(raft, hold, receiver)
    _ = await raft.one(raft.command(), 3)
