"""Part 3D of the Raft suite: logs that are cut short by snapshots."""

from __future__ import annotations

from typing import Final

from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM, LIMITS, ROUGH
from tester.labs.raft.peer import SNAPSHOT_EVERY
from tester.world.failure import Verdict
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

MAX_LOG_SIZE: Final = 2_000
"""Bytes of a Raft state from which everything up to the last snapshot has been dropped."""


class LogTooLong(Verdict):
    """A server keeps entries that its snapshot covers."""


def check_log_size(raft: RaftCluster) -> None:
    """Fail if a server has saved a Raft state that is too large."""
    raft.check_snapshots()
    for name, size in raft.log_sizes().items():
        if size >= MAX_LOG_SIZE:
            raise LogTooLong(
                f"{name} has saved a Raft state of {size} bytes, though its service makes a "
                f"snapshot every {SNAPSHOT_EVERY} commands: less than {MAX_LOG_SIZE} are enough"
            )


async def _start_some(raft: RaftCluster, sender: int) -> None:
    for _ in range(SNAPSHOT_EVERY // 2 + raft.below(SNAPSHOT_EVERY)):
        _ = await raft.start(sender, raft.command())


async def _rounds(sim: Simulation, *, disconnect: bool = False, crash: bool = False) -> None:
    """Thirty rounds of commands; in each, one server misses them, if any is to be lost."""
    raft = RaftCluster(sim, 3, snapshots=True)
    servers = raft.servers
    _ = await raft.one(raft.command(), 3)
    leader = await raft.check_one_leader()
    there = 2 if disconnect or crash else 3
    for i in range(sim.at_most(30, "rounds")):
        victim, sender = (leader + 1) % 3, leader
        if i % 3 == 1:
            victim, sender = sender, victim
        if disconnect:
            servers.disconnect(victim)
        if crash:
            servers.crash(victim)
        if disconnect or crash:
            _ = await raft.one(raft.command(), 2)
        await _start_some(raft, sender)
        _ = await raft.one(raft.command(), there)
        check_log_size(raft)
        if disconnect:
            servers.connect(victim)
        if crash:
            raft.restart(victim)
        if disconnect or crash:
            _ = await raft.one(raft.command(), 3)
            leader = await raft.check_one_leader()


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_basic_3d(sim: Simulation) -> None:
    """The services make a snapshot after every tenth command, and the logs stay short."""
    await _rounds(sim)


@simulate(network=CALM, limits=LIMITS, weight=2)
async def test_snapshot_install_3d(sim: Simulation) -> None:
    """A server that was cut off gets a snapshot of what it has missed."""
    await _rounds(sim, disconnect=True)


@simulate(network=ROUGH, limits=LIMITS, weight=2)
async def test_snapshot_install_unreliable_3d(sim: Simulation) -> None:
    """A server that was cut off gets a snapshot over an unreliable network."""
    await _rounds(sim, disconnect=True)


@simulate(network=CALM, limits=LIMITS, weight=2)
async def test_snapshot_install_crash_3d(sim: Simulation) -> None:
    """A server that had crashed gets a snapshot of what it has missed."""
    await _rounds(sim, crash=True)


@simulate(network=ROUGH, limits=LIMITS, weight=2)
async def test_snapshot_install_un_crash_3d(sim: Simulation) -> None:
    """A server that had crashed gets a snapshot over an unreliable network."""
    await _rounds(sim, crash=True)


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_all_crash_3d(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots and the entries after them."""
    raft = RaftCluster(sim, 3, snapshots=True)
    _ = await raft.one(raft.command(), 3)
    for _ in range(sim.at_most(5, "rounds")):
        for _ in range(SNAPSHOT_EVERY // 2 + raft.below(SNAPSHOT_EVERY)):
            _ = await raft.one(raft.command(), 3)
        before = await raft.one(raft.command(), 3)
        _restart_all(raft)
        after = await raft.one(raft.command(), 3)
        if after <= before:
            raise AssertionError(
                f"a command got index {after} after all had restarted, and {before} was "
                "committed before"
            )


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_init_3d(sim: Simulation) -> None:
    """A snapshot is still there after two restarts in a row."""
    raft = RaftCluster(sim, 3, snapshots=True)
    for _ in range(SNAPSHOT_EVERY + 2):
        _ = await raft.one(raft.command(), 3)
    _restart_all(raft)
    _ = await raft.one(raft.command(), 3)  # saves something, and must not lose the snapshot
    _restart_all(raft)
    _ = await raft.one(raft.command(), 3)


def _restart_all(raft: RaftCluster) -> None:
    for i in range(raft.n):
        raft.servers.crash(i)
    raft.restart(*range(raft.n))
