"""How the reference Raft does over many seeds, in virtual time: failover, messages and bytes.

Nothing here depends on the machine: the same seeds give the same figures anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

import numpy as np

from labrpc import Conditions
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM, ROUGH
from tester.world.run import Scenario, run

SEEDS: Final = 100
FAILOVERS: Final = 5
"""So often the leader of one run crashes."""
COMMANDS: Final = 100
"""So many commands one run commits."""
SIZE: Final = 100
"""Bytes of a command."""

Sample = Callable[[Simulation, int], Coroutine[Any, Any, list[float]]]
"""What one run, with so many servers, gives: one figure or more."""


async def failover_ms(sim: Simulation, servers: int) -> list[float]:
    """From the crash of a leader until another server leads: milliseconds, once per crash."""
    raft = RaftCluster(sim, servers)
    took = []
    for _ in range(FAILOVERS):
        _ = await raft.one(b"x", servers, within=60)
        leader = await raft.check_one_leader()
        raft.servers.crash(leader)
        start = sim.virtual_us
        while not any(raft.safety.servers[i].leads for i in raft.servers.connected()):
            await asyncio.sleep(0.001)
        took.append((sim.virtual_us - start) / 1_000)
        raft.restart(leader)
    return took


async def _commit(sim: Simulation, servers: int, at_once: int) -> tuple[float, float]:
    """Have commands committed by so many clients: the RPCs and the bytes for each of them."""
    raft = RaftCluster(sim, servers)
    _ = await raft.one(b"first", servers)
    rpcs, size = sim.network.rpc_total, sim.network.byte_total
    commands = iter([b"%0*d" % (SIZE, i) for i in range(COMMANDS)])

    async def client() -> None:
        for command in commands:
            _ = await raft.one(command, 1)

    async with asyncio.TaskGroup() as clients:
        for _ in range(at_once):
            _ = clients.create_task(client())
    used = sim.network.rpc_total - rpcs, sim.network.byte_total - size
    return used[0] / COMMANDS, used[1] / COMMANDS


async def rpcs_alone(sim: Simulation, servers: int) -> list[float]:
    """RPCs per committed command, one command at a time."""
    return [(await _commit(sim, servers, 1))[0]]


async def rpcs_together(sim: Simulation, servers: int) -> list[float]:
    """RPCs per committed command, ten at a time."""
    return [(await _commit(sim, servers, 10))[0]]


async def bytes_alone(sim: Simulation, servers: int) -> list[float]:
    """Bytes sent per committed command of 100 bytes, one at a time, to all peers together."""
    return [(await _commit(sim, servers, 1))[1]]


async def bytes_together(sim: Simulation, servers: int) -> list[float]:
    """Bytes sent per committed command of 100 bytes, ten at a time."""
    return [(await _commit(sim, servers, 10))[1]]


class Figure(NamedTuple):
    """A line of the table: what is sampled, and on which network."""

    name: str
    sample: Sample
    network: Conditions
    servers: int


FIGURES: Final = tuple(
    Figure(name, sample, network, servers)
    for name, sample in (
        ("failover, ms", failover_ms),
        ("RPCs/command", rpcs_alone),
        ("RPCs/command, 10 at once", rpcs_together),
        ("bytes/command", bytes_alone),
        ("bytes/command, 10 at once", bytes_together),
    )
    for servers in (3, 5)
    for network in (CALM, ROUGH)
)


def samples(figure: Figure, seeds: int) -> list[float]:
    """What the runs of so many seeds give, all together; each of them must pass."""
    found: list[float] = []

    async def test(sim: Simulation) -> None:
        found.extend(await figure.sample(sim, figure.servers))

    scenario = Scenario(test, figure.name, network=figure.network, model=None)
    for seed in range(seeds):
        outcome = run(scenario, Choices(Seeded(seed)))
        if outcome.error is not None:
            raise outcome.error
    return found


def line(figure: Figure, found: list[float]) -> str:
    """One line of the table: mean and tail."""
    network = "reliable" if figure.network.reliable else "unreliable"
    tail = np.percentile(found, [50, 95, 99])
    shown = [float(np.mean(found)), *map(float, tail), max(found)]
    start = f"{figure.name:<25}{figure.servers:>2}  {network:<10}"
    return start + "".join(f"{x:>8.1f}" for x in shown)


def main(seeds: int = SEEDS) -> None:
    """Print the table."""
    print(f"{f'{seeds} seeds':<39}{'mean':>8}{'median':>8}{'95 %':>8}{'99 %':>8}{'most':>8}")
    for figure in FIGURES:
        print(line(figure, samples(figure, seeds)), flush=True)


if __name__ == "__main__":
    main()
