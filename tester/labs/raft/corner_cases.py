"""Tests of a Raft that are not among those of the course: what rarely falls on one index or time.

A message ends where the log ends, and a snapshot in its middle; a log ends where its snapshot
does; a server crashes just after it has taken over a snapshot; two candidates ask at once.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tester.labs.raft.cluster import ELECTION_TIMEOUT_S, RaftCluster
from tester.labs.raft.network import CALM, LIMITS
from tester.labs.raft.ours import new_leader
from tester.labs.raft.peer import SNAPSHOT_EVERY, Pace
from tester.labs.raft.power import CANDIDATES_S, PATIENCE_S, SLOW_DISK_MS, compete, until
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

EVEN: Final = [Pace(2, 2)] * 3
"""A snapshot after every command: it covers the whole log."""
OFTEN: Final = [Pace(3, 2)] * 3
CAUGHT_UP_S: Final = 3


@simulate(network=CALM, limits=LIMITS)
async def test_entries_around_a_snapshot(sim: Simulation) -> None:
    """AppendEntries arrives late: its first entries are in a snapshot, its last ends the log."""
    raft = RaftCluster(sim, 3, snapshots=OFTEN)
    for _ in range(sim.at_most(6, "rounds")):
        index = await raft.one(raft.command(), 3)
        leader = await raft.check_one_leader()
        follower = (leader + 1 + raft.below(2)) % 3
        for _ in range(4 + raft.below(3)):
            index, _, _ = await raft.start(leader, raft.command())
        await asyncio.sleep(raft.below(10) / 10_000)
        held = raft.servers.hold(leader, follower)  # many a Raft sends all but the first together
        await asyncio.sleep(raft.below(300) / 1_000)
        held.stop()
        _ = await until(raft, CAUGHT_UP_S, partial(_have_applied, raft, index, 3))
        if raft.below(3) == 0:
            raft.servers.crash(follower)
            raft.restart(follower)
        held.release(newest_first=bool(raft.below(2)))
        await asyncio.sleep(0.05)
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_into_right_log(sim: Simulation) -> None:
    """A server has the entry at which a snapshot ends, and later ones, but none is committed."""
    raft = RaftCluster(sim, 3, snapshots=True)
    servers = raft.servers
    for _ in range(sim.at_most(4, "rounds")):
        index = await raft.one(raft.command(), 3)
        leader = await raft.check_one_leader()
        follower = (leader + 1 + raft.below(2)) % 3
        for _ in range(2 * SNAPSHOT_EVERY):
            index, _, _ = await raft.start(leader, raft.command())
        await asyncio.sleep(raft.below(40) / 10_000)
        servers.disconnect(follower)  # with luck after its request came, and before its reply went
        _ = await until(raft, CAUGHT_UP_S, partial(_have_applied, raft, index, 2))
        servers.connect(follower)
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshots_outlive_crashes(sim: Simulation) -> None:
    """A server crashes as soon as it has taken over a snapshot, and catches up once more."""
    raft = RaftCluster(sim, 3, snapshots=True)
    servers = raft.servers
    for _ in range(sim.at_most(3, "rounds")):
        _ = await raft.one(raft.command(), 3)
        leader = await raft.check_one_leader()
        follower = (leader + 1 + raft.below(2)) % 3
        servers.disconnect(follower)
        index = 0
        while (index + 1) % SNAPSHOT_EVERY:  # the snapshot covers the whole log then
            index = await raft.one(raft.command(), 2)
        servers.connect(follower)
        _ = await until(raft, CAUGHT_UP_S, partial(_have_applied, raft, index, 3))
        await asyncio.sleep(raft.below(10) / 1_000)
        servers.crash(follower)
        raft.restart(follower)
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_votes_after_a_snapshot(sim: Simulation) -> None:
    """A restarted voter whose whole log is in its snapshot knows that a candidate has less.

    Of two servers one has missed some commands, and the other one has them in its snapshot only.
    """
    raft = RaftCluster(sim, 3, snapshots=EVEN)
    servers = raft.servers
    for _ in range(sim.at_most(4, "rounds")):
        while await raft.one(raft.command(), 3) % 2 == 0:
            pass  # all end with an entry that is in no snapshot
        leader = await raft.check_one_leader()
        behind = (leader + 1 + raft.below(2)) % 3
        ahead = 3 - leader - behind
        servers.disconnect(behind)
        index = 0
        for _ in range(1 + 2 * raft.below(2)):
            index = await raft.one(raft.command(), 2)
        _ = await until(raft, CAUGHT_UP_S, partial(_have_applied, raft, index, 2))
        servers.disconnect(leader)
        servers.crash(ahead)
        servers.restart(ahead)
        servers.connect(ahead, behind)
        _ = await new_leader(raft, [ahead, behind])
        _ = await raft.one(raft.command(), 2)
        servers.connect_all()
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_votes_asked_for_at_once(sim: Simulation) -> None:
    """Two candidates of one term ask the third server at the same time: one of them can win."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    _ = await raft.one(b"agreed", 3)
    for _ in range(sim.at_most(4, "rounds")):
        voter = await raft.check_one_leader()
        first, second = (i for i in range(3) if i != voter)
        servers.nodes[voter].slow_disk(SLOW_DISK_MS * raft.below(2))
        holds = [servers.hold(i, *(j for j in range(3) if j != i), waits=True) for i in range(3)]
        candidates = partial(compete, raft, first, second, voter)
        if await until(raft, CANDIDATES_S, candidates):
            holds[first].release()
            holds[second].release()
            await asyncio.sleep(PATIENCE_S)
        servers.nodes[voter].slow_disk()
        for hold in holds:
            hold.release()
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_votes_after_an_overwrite(sim: Simulation) -> None:
    """A server had three wrong entries, and gets the right one for the first of them.

    It was needed to commit that one, so it may not elect who has all three wrong ones.
    """
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    for _ in range(sim.at_most(3, "rounds")):
        _ = await raft.one(raft.command(), 5)
        old = await raft.check_one_leader()
        near, *far = [i for i in range(5) if i != old]
        servers.partition([old, near], far)
        for _ in range(3):  # which will never be committed
            _ = await raft.start(old, raft.command())
        newer = await new_leader(raft, far)
        other, absent = (i for i in far if i != newer)
        servers.partition([newer, other, near], [])
        _ = await raft.one(raft.command(), 3)
        servers.partition([old, near, absent], [])
        _ = await new_leader(raft, [old, near, absent])
        _ = await raft.one(raft.command(), 3)
        servers.connect_all()


def _have_applied(raft: RaftCluster, index: int, n: int) -> bool:
    return index > 0 and raft.n_committed(index) >= n


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_before_a_wrong_tail(sim: Simulation) -> None:
    """A deposed leader has the entry at which a snapshot ends, and wrong ones after it."""
    raft = RaftCluster(sim, 3, snapshots=True)
    servers = raft.servers
    for _ in range(sim.at_most(4, "rounds")):
        await _fill(raft, 3)
        old = await raft.check_one_leader()
        for _ in range(3):
            _ = await raft.start(old, raft.command())
        await asyncio.sleep(raft.below(20) / 10_000)
        servers.disconnect(old)  # with luck the others have these three, and old does not know it
        for _ in range(5):
            _ = await raft.start(old, raft.command())
        for _ in range(3):
            _ = await raft.one(raft.command(), 2)
        new = await raft.check_one_leader()
        servers.disconnect(new)  # who leads next begins at the end of its log, and has to go back
        await asyncio.sleep(ELECTION_TIMEOUT_S)
        servers.connect(new)
        _ = await raft.one(raft.command(), 2)
        servers.connect(old)
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_next_to_a_log(sim: Simulation) -> None:
    """A log ends where a snapshot does, or one or two entries before, and no later one is left."""
    raft = RaftCluster(sim, 3, snapshots=True)
    for missing in range(3):
        await _fill(raft, missing)
        follower = (await raft.check_one_leader() + 1) % 3
        raft.servers.disconnect(follower)
        for _ in range(missing + 1):
            _ = await raft.one(raft.command(), 2)
        raft.servers.connect(follower)
        _ = await raft.one(raft.command(), 3)


async def _fill(raft: RaftCluster, before: int) -> None:
    """Agree on commands until the log ends so many entries before the next snapshot's last."""
    while (await raft.one(raft.command(), 3) + 1 + before) % SNAPSHOT_EVERY:
        pass
