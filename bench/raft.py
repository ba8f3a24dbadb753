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
"""At most this many commands one run commits."""
SIZE: Final = 100
"""Bytes of a command."""

Figures = dict[str, list[float]]
Sample = Callable[[Simulation, int], Coroutine[Any, Any, Figures]]
"""What one run, with so many servers, gives: by the name of a figure, one value or more."""


async def failover(sim: Simulation, servers: int) -> Figures:
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
    return {"failover, ms": took}


async def alone(sim: Simulation, servers: int) -> Figures:
    """What a committed command takes when one client starts one after the other."""
    return await _commit(sim, servers, 1, "")


async def together(sim: Simulation, servers: int) -> Figures:
    """What it takes when ten clients do so."""
    return await _commit(sim, servers, 10, ", 10 at once")


async def _commit(sim: Simulation, servers: int, at_once: int, how: str) -> Figures:
    """Have commands committed: RPCs, and bytes to all peers together, for each of them."""
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
    return {
        f"RPCs/command{how}": [(sim.network.rpc_total - rpcs) / COMMANDS],
        f"bytes/command{how}": [(sim.network.byte_total - size) / COMMANDS],
    }


class Setting(NamedTuple):
    """What is sampled, of how many servers, and on which network."""

    sample: Sample
    servers: int
    network: Conditions


SETTINGS: Final = tuple(
    Setting(sample, servers, network)
    for sample in (failover, alone, together)
    for servers in (3, 5)
    for network in (CALM, ROUGH)
)


def samples(setting: Setting, seeds: int) -> Figures:
    """What the runs of so many seeds give, all together; each of them must pass."""
    found: Figures = {}

    async def test(sim: Simulation) -> None:
        for name, values in (await setting.sample(sim, setting.servers)).items():
            found.setdefault(name, []).extend(values)

    scenario = Scenario(test, "bench", network=setting.network)
    for seed in range(seeds):
        outcome = run(scenario, Choices(Seeded(seed)))
        if outcome.error is not None:
            raise outcome.error
    return found


def line(name: str, setting: Setting, found: list[float]) -> str:
    """One line of the table: mean and tail."""
    network = "reliable" if setting.network.reliable else "unreliable"
    tail = np.percentile(found, [50, 95, 99])
    shown = [float(np.mean(found)), *map(float, tail), max(found)]
    start = f"{name:<25}{setting.servers:>2}  {network:<10}"
    return start + "".join(f"{x:>8.1f}" for x in shown)


def main(seeds: int = SEEDS) -> None:
    """Print the table."""
    print(f"{f'{seeds} seeds':<39}{'mean':>8}{'median':>8}{'95 %':>8}{'99 %':>8}{'most':>8}")
    for setting in SETTINGS:
        for name, found in samples(setting, seeds).items():
            print(line(name, setting, found), flush=True)


if __name__ == "__main__":
    main()
