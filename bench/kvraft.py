"""What an operation of the replicated store takes, in virtual time: latency, RPCs and bytes.

Nothing here depends on the machine but the last column, operations per second of CPU.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple

import numpy as np

from labrpc import Conditions
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.labs.kvraft.clerks import KVCluster
from tester.labs.kvraft.network import CALM, LATENCY_US, ROUGH
from tester.world.run import Scenario, run

SEEDS: Final = 20
OPERATIONS: Final = 100
"""At most this many puts, and as many gets, one run does, shared by its clients."""


class Setting(NamedTuple):
    """What is measured."""

    servers: int
    clients: int
    network: Conditions
    maxraftstate: int = -1


SETTINGS: Final = (
    Setting(3, 1, CALM),
    Setting(3, 5, CALM),
    Setting(5, 1, CALM),
    Setting(5, 5, CALM),
    Setting(3, 1, ROUGH),
    Setting(3, 5, ROUGH),
    Setting(5, 1, ROUGH),
    Setting(5, 5, ROUGH),
    Setting(3, 1, CALM, 1_000),
    Setting(5, 5, ROUGH, 1_000),
)

# Of the Go tests of the course, as solution A has them on a 2-core machine: milliseconds of real
# time and RPCs (client's and peers') for each put of one client and three servers.
GO: Final = "Go, 1 client, 3 servers, reliable: 16.1 ms and 3.3 RPCs a put; with snapshots 12.5 ms"


class Taken(NamedTuple):
    """What all operations of a setting took."""

    gets_ms: list[float]
    puts_ms: list[float]
    rpcs: float
    size: float
    """RPCs and bytes of all messages per operation."""
    per_second: float
    """Operations per second of CPU time."""


def measure(setting: Setting, seeds: int) -> Taken:
    """Run this many seeds, each of which must pass."""
    latency: dict[str, list[float]] = {"get": [], "put": []}
    totals = [0, 0, 0]

    async def test(sim: Simulation) -> None:
        kv = KVCluster(sim, setting.servers, setting.maxraftstate)
        clerks = [kv.clerk() for _ in range(setting.clients)]
        _ = await asyncio.gather(*(ck.get("k") for ck in clerks))  # waits for a leader
        first, rpcs, size = len(sim.history.ops), sim.rpcs, sim.network.byte_total
        numbers = iter(range(OPERATIONS))

        async def client(i: int) -> None:
            for version, _ in enumerate(numbers):
                _ = await clerks[i].put(f"k{i}", "v" * 20, version)
                _ = await clerks[i].get(f"k{i}")

        async with asyncio.TaskGroup() as group:
            for i in range(setting.clients):
                _ = group.create_task(client(i))
        for op in sim.history.ops[first:]:
            if op.ret_us is not None:
                latency[op.method].append((op.ret_us - op.call_us) / 1_000)
        totals[0] += len(sim.history.ops) - first
        totals[1] += sim.rpcs - rpcs
        totals[2] += sim.network.byte_total - size

    scenario = Scenario(test, "bench", network=setting.network)
    start = time.process_time()
    for seed in range(seeds):
        outcome = run(scenario, Choices(Seeded(seed)))
        if outcome.error is not None:
            raise outcome.error
    cpu_s = time.process_time() - start
    ops, rpcs, size = totals
    return Taken(latency["get"], latency["put"], rpcs / ops, size / ops, ops / cpu_s)


def line(setting: Setting, taken: Taken) -> str:
    """One line of the table."""
    network = "reliable" if setting.network.reliable else "unreliable"
    limit = "" if setting.maxraftstate < 0 else f"{setting.maxraftstate}"
    start = f"{setting.servers:>7}{setting.clients:>9}  {network:<10}{limit:>6}"
    tails = [np.percentile(found, [50, 95, 99]) for found in (taken.gets_ms, taken.puts_ms)]
    shown = "".join(f"{x:>7.1f}" for tail in tails for x in tail)
    return f"{start}{shown}{taken.rpcs:>6.1f}{taken.size:>7.0f}{taken.per_second:>7.0f}"


def main(seeds: int = SEEDS) -> None:
    """Print the table."""
    print(f"{seeds} seeds, {LATENCY_US / 1_000} ms a message; milliseconds: median, 95 %, 99 %")
    print(
        f"{'servers':>7}{'clients':>9}  {'network':<10}{'limit':>6}{'get':>7}{'':>14}{'put':>7}"
        f"{'':>14}{'RPCs':>6}{'bytes':>7}{'op/s':>7}"
    )
    for setting in SETTINGS:
        print(line(setting, measure(setting, seeds)), flush=True)
    print(GO)


if __name__ == "__main__":
    main()
