"""Part 3A of the Raft suite: leader election."""

from __future__ import annotations

import asyncio

from tester.labs.raft.cluster import ELECTION_TIMEOUT_S, RaftCluster
from tester.labs.raft.network import CALM, LIMITS
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


@simulate(network=CALM, limits=LIMITS)
async def test_initial_election_3a(sim: Simulation) -> None:
    """A leader is elected, and stays as long as nothing fails."""
    raft = RaftCluster(sim, 3)
    _ = await raft.check_one_leader()
    await asyncio.sleep(0.05)  # for the others to learn of it
    term = await raft.check_terms()
    if term < 1:
        raise AssertionError(f"there is a leader, and the term is {term}; the first one is 1")
    await asyncio.sleep(2 * ELECTION_TIMEOUT_S)
    if (later := await raft.check_terms()) != term:
        raise AssertionError(
            f"the term went from {term} to {later}, though nothing failed: a leader whose "
            "heartbeats arrive stays leader"
        )
    _ = await raft.check_one_leader()


@simulate(network=CALM, limits=LIMITS)
async def test_re_election_3a(sim: Simulation) -> None:
    """A new leader is elected when the old one is cut off; without a majority there is none."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    first = await raft.check_one_leader()

    servers.disconnect(first)
    _ = await raft.check_one_leader()
    servers.connect(first)  # which must not disturb the new leader
    second = await raft.check_one_leader()

    other = (second + 1) % raft.n
    servers.disconnect(second, other)
    await asyncio.sleep(2 * ELECTION_TIMEOUT_S)
    await raft.check_no_leader()

    servers.connect(other)
    _ = await raft.check_one_leader()
    servers.connect(second)
    _ = await raft.check_one_leader()


@simulate(network=CALM, limits=LIMITS)
async def test_many_elections_3a(sim: Simulation) -> None:
    """Of seven servers up to three are cut off, again and again: there is always a leader."""
    raft = RaftCluster(sim, 7)
    _ = await raft.check_one_leader()
    for _ in range(sim.at_most(9, "rounds")):
        lost = {raft.below(raft.n) for _ in range(3)}
        raft.servers.disconnect(*sorted(lost))
        _ = await raft.check_one_leader()
        raft.servers.connect(*sorted(lost))
    _ = await raft.check_one_leader()
