"""Part 4C of the kvraft suite: servers that make snapshots, and start from them."""

from __future__ import annotations

import asyncio
from typing import Final

from tester.labs.kvraft.basic import generic, speed_of_puts
from tester.labs.kvraft.clerks import GroupWitness, KVCluster
from tester.labs.kvraft.generic import LOG_FACTOR, Matrix
from tester.labs.kvraft.network import CALM, LIMITS, QUICK, ROUGH
from tester.labs.kvtest import check_get, put_at_least_once
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

MAXRAFTSTATE: Final = 1_000
MAX_SNAPSHOT: Final = 500
"""Bytes of a snapshot of a store with one small value."""
MANY: Final = 50
ROUNDS: Final = 200


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_rpc_4c(sim: Simulation) -> None:
    """A server that was cut off gets a snapshot, and then a majority depends on it."""
    kv = KVCluster(sim, 3, MAXRAFTSTATE)
    servers = kv.servers
    ck = kv.clerk()
    _ = await put_at_least_once(ck, "a", "A", 0)

    servers.partition([0, 1], [2])
    most = kv.clerk()
    kv.limit(most.name, [0, 1])
    many = sim.at_most(MANY, "keys")
    versions = [await put_at_least_once(most, f"{i}", f"{i}", 0) for i in range(many)]
    await asyncio.sleep(1)
    _ = await put_at_least_once(most, "b", "B", 0)
    kv.check_log_sizes(LOG_FACTOR * MAXRAFTSTATE)

    servers.partition([0, 2], [1])  # the one that has missed it all is needed now
    others = kv.clerk()
    kv.limit(others.name, [0, 2])
    for key in ("c", "d"):
        _ = await put_at_least_once(others, key, key.upper(), 0)
    for key in ("a", "b"):
        await _check_value(others, key, key.upper())
    for i in (1 % many, many - 1):
        await check_get(others, f"{i}", f"{i}", versions[i] + 1)

    servers.connect_all()
    _ = await put_at_least_once(ck, "e", "E", 0)
    for key in ("c", "e"):
        await _check_value(ck, key, key.upper())
    await check_get(ck, f"{1 % many}", f"{1 % many}", versions[1 % many] + 1)


async def _check_value(ck: GroupWitness, key: str, value: str) -> None:
    found, _, err = await ck.get(key)
    if found != value:
        raise AssertionError(f"Get({key!r}) -> {found!r}, {err}, and not {value!r}")


@simulate(network=CALM, limits=LIMITS, weight=5)
async def test_snapshot_size_4c(sim: Simulation) -> None:
    """Many puts to one key leave a short log and a small snapshot."""
    kv = KVCluster(sim, 3, MAXRAFTSTATE)
    ck = kv.clerk()
    version = 0
    for _ in range(sim.at_most(ROUNDS, "rounds")):
        for value in ("0", "1"):
            version = await put_at_least_once(ck, "x", value, version) + 1
            await check_get(ck, "x", value, version)
    kv.check_log_sizes(LOG_FACTOR * MAXRAFTSTATE)
    kv.check_snapshot_sizes(MAX_SNAPSHOT)


@simulate(network=QUICK, limits=LIMITS, weight=5)
async def test_speed_4c(sim: Simulation) -> None:
    """A thousand puts with snapshots take at most 33.3 ms each."""
    await speed_of_puts(sim, MAXRAFTSTATE)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_recover_4c(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots, with one client."""
    await generic(sim, Matrix(1, crash=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=CALM, limits=LIMITS, weight=5)
async def test_snapshot_recover_many_clients_4c(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots, with twenty clients."""
    await generic(sim, Matrix(20, crash=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_4c(sim: Simulation) -> None:
    """Servers make snapshots on an unreliable network."""
    await generic(sim, Matrix(5, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_recover_4c(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_recover_concurrent_partition_4c(sim: Simulation) -> None:
    """All servers are partitioned and restart from snapshots, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True, partitions=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_recover_concurrent_partition_linearizable_4c(
    sim: Simulation,
) -> None:
    """Fifteen clients put to 100 keys while seven servers restart from snapshots."""
    await generic(
        sim,
        Matrix(15, 7, crash=True, partitions=True, maxraftstate=MAXRAFTSTATE, random_keys=True),
    )
