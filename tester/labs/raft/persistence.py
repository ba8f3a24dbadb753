"""Part 3C of the Raft suite: crashes, and networks that lose, delay and reorder."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from tester.labs.raft.cluster import ELECTION_TIMEOUT_S, RaftCluster
from tester.labs.raft.network import CALM, LIMITS, ROUGH, ROUGHEST
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

REORDERING_FROM: Final = 200
"""The iteration of Figure 8 (unreliable) from which replies are held back, too."""
ROUGH_AGREE_S: Final = 30
"""How long agreement may take where two replies in three come up to two seconds late.

The course allows 10 s, which a right solution misses at times: a vote may come too late in one
election after the other.
"""


@simulate(network=CALM, limits=LIMITS)
async def test_persist1_3c(sim: Simulation) -> None:
    """All servers crash, then the leader, then a follower: what was agreed on stays."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    _ = await raft.one(b"11", 3)
    for i in range(3):
        servers.crash(i)
    raft.restart(0, 1, 2)
    _ = await raft.one(b"12", 3)

    first = await raft.check_one_leader()
    servers.stop(first)  # with a call of kill(), for once
    await asyncio.sleep(0.1)
    raft.restart(first)
    _ = await raft.one(b"13", 3)

    second = await raft.check_one_leader()
    servers.crash(second)
    _ = await raft.one(b"14", 2)
    raft.restart(second)
    _ = await raft.wait(4, 3)  # before somebody else is lost

    third = (await raft.check_one_leader() + 1) % 3
    servers.crash(third)
    _ = await raft.one(b"15", 2)
    raft.restart(third)
    _ = await raft.one(b"16", 3)


@simulate(network=CALM, limits=LIMITS)
async def test_persist2_3c(sim: Simulation) -> None:
    """Successive majorities share at most one server."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    index = 1
    for _ in range(sim.at_most(5, "rounds")):
        _ = await raft.one(b"%d" % (10 + index), 5)
        index += 1
        leader = await raft.check_one_leader()
        after = [(leader + i) % 5 for i in range(5)]
        servers.crash(after[1])
        servers.crash(after[2])
        _ = await raft.one(b"%d" % (10 + index), 3)
        index += 1
        for i in (after[0], after[3], after[4]):
            servers.crash(i)
        raft.restart(after[1], after[2])
        await asyncio.sleep(ELECTION_TIMEOUT_S)
        raft.restart(after[3])
        _ = await raft.one(b"%d" % (10 + index), 3)
        index += 1
        raft.restart(after[4], after[0])
    _ = await raft.one(b"1000", 5)


@simulate(network=CALM, limits=LIMITS)
async def test_persist3_3c(sim: Simulation) -> None:
    """A leader and a follower crash, and the leader restarts with one that was cut off."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    _ = await raft.one(b"101", 3)
    leader = await raft.check_one_leader()
    near, far = (leader + 1) % 3, (leader + 2) % 3
    servers.disconnect(far)
    _ = await raft.one(b"102", 2)
    servers.crash(leader)
    servers.crash(near)
    servers.connect(far)
    raft.restart(leader)
    _ = await raft.one(b"103", 2)
    raft.restart(near)
    _ = await raft.one(b"104", 3)


@simulate(network=CALM, limits=LIMITS, weight=5)
async def test_figure8_3c(sim: Simulation) -> None:
    """Leaders crash, most of them soon after their election, as in Figure 8 of the paper.

    Often a leader has the entries of its predecessors on a majority, and none of its own.
    """
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    _ = await raft.one(raft.command(), 1)
    for _ in range(sim.at_most(1_000, "iterations")):
        leader = await _start_everywhere(raft, raft.command())
        await _pause(raft)
        if leader is not None:
            servers.crash(leader)
        if sum(map(servers.is_up, range(5))) < 3:
            back = raft.below(5)
            if not servers.is_up(back):
                raft.restart(back)
    raft.restart(*(i for i in range(5) if not servers.is_up(i)))
    _ = await raft.one(raft.command(), 5)


@simulate(network=ROUGH, limits=LIMITS)
async def test_unreliable_agree_3c(sim: Simulation) -> None:
    """Five commands at a time are agreed on over an unreliable network."""
    raft = RaftCluster(sim, 5)
    async with asyncio.TaskGroup() as group:
        for number in range(1, 1 + sim.at_most(49, "rounds")):
            for i in range(4):
                command = b"%d" % (100 * number + i)
                _ = group.create_task(raft.one(command, 1), name=f"round {number}, {i}")
            _ = await raft.one(b"%d" % number, 1)
        sim.note("from here on, the network is reliable")
        sim.network.conditions = CALM
    _ = await raft.one(b"100", 5)


@simulate(network=ROUGH, limits=LIMITS, weight=5)
async def test_figure8_unreliable_3c(sim: Simulation) -> None:
    """Figure 8 on an unreliable network: leaders are cut off, and all are connected at the end.

    In a later part of the test, replies are held back and overtake each other.
    """
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    _ = await raft.one(b"%d" % raft.below(10_000), 1)
    for iteration in range(sim.at_most(1_000, "iterations")):
        if iteration == REORDERING_FROM:
            sim.note("from here on, replies are held back and reordered")
            sim.network.conditions = ROUGHEST
        leader = await _start_everywhere(raft, b"%d" % raft.below(10_000))
        await _pause(raft)
        if leader is not None and servers.is_connected(leader) and raft.below(2):
            servers.disconnect(leader)
        if len(servers.connected()) < 3:
            servers.connect(raft.below(5))
    servers.connect_all()
    _ = await raft.one(b"%d" % raft.below(10_000), 5, within=ROUGH_AGREE_S)


async def _start_everywhere(raft: RaftCluster, command: bytes) -> int | None:
    """Start a command on every server that runs; return the last one that took it for a leader."""
    leader = None
    for i in range(raft.n):
        if raft.servers.is_up(i) and (await raft.start(i, command))[2]:
            leader = i
    return leader


async def _pause(raft: RaftCluster) -> None:
    """Up to half a second, one time in ten; else about as long as an RPC or two may take."""
    longest = 13 if raft.below(10) else ELECTION_TIMEOUT_S * 500
    await asyncio.sleep(raft.below(longest) / 1_000)


# -- churn --------------------------------------------------------------------------------------


@dataclass
class _Churning:
    """What the clients of a churn test share: whether they may stop, and what was agreed on."""

    stopped: bool = False
    agreed: list[bytes] = field(default_factory=list)


async def _client(raft: RaftCluster, me: int, shared: _Churning) -> None:
    """Start commands wherever somebody leads, and note those that are seen to be committed."""
    number = 0
    while not shared.stopped:
        command = b"%d.%d" % (me, number)
        number += 1
        index = None
        for i in range(raft.n):
            if raft.servers.is_up(i):
                at, _, leads = await raft.start(i, command)
                index = at if leads else index
        if index is None:
            await asyncio.sleep((79 + 17 * me) / 1_000)
            continue
        for pause_ms in (10, 20, 50, 100, 200):
            if (found := raft.committed(index)) is not None:
                if found == command:
                    shared.agreed.append(command)
                break
            await asyncio.sleep(pause_ms / 1_000)


async def _churn(sim: Simulation) -> None:
    """Servers are cut off, crash and come back, while three clients start commands."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    shared = _Churning()
    async with asyncio.TaskGroup() as clients:
        for me in range(sim.at_most(3, "clients")):
            _ = clients.create_task(_client(raft, me, shared), name=f"client {me}")
        for _ in range(sim.at_most(20, "rounds")):
            if raft.below(1_000) < 200:
                servers.disconnect(raft.below(5))
            if raft.below(1_000) < 500:
                back = raft.below(5)
                if not servers.is_up(back):
                    servers.restart(back)
                servers.connect(back)
            if raft.below(1_000) < 200:
                servers.crash(raft.below(5))
            await asyncio.sleep(ELECTION_TIMEOUT_S * 0.7)
        await asyncio.sleep(ELECTION_TIMEOUT_S)
        sim.network.conditions = CALM
        raft.restart(*(i for i in range(5) if not servers.is_up(i)))
        shared.stopped = True
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    last = await raft.one(raft.command(), 5)
    really = {await raft.wait(index, 5) for index in range(1, last + 1)}
    lost = [command for command in shared.agreed if command not in really]
    if lost:
        raise AssertionError(f"{lost} had been committed, and are in nobody's log in the end")


@simulate(network=CALM, limits=LIMITS, weight=2)
async def test_reliable_churn_3c(sim: Simulation) -> None:
    """Servers crash, restart and are cut off; what clients saw committed stays."""
    await _churn(sim)


@simulate(network=ROUGH, limits=LIMITS, weight=2)
async def test_unreliable_churn_3c(sim: Simulation) -> None:
    """Servers crash and restart on an unreliable network; what clients saw committed stays."""
    await _churn(sim)
