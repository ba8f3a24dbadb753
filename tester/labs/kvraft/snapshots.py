"""Part 4C of the kvraft suite: servers that make snapshots, and start from them."""

from __future__ import annotations

from tester.labs.kvraft.basic import VersionedStore, generic, speed_of_puts
from tester.labs.kvraft.generic import MAXRAFTSTATE, Matrix, snapshot_rpc, snapshot_size
from tester.labs.kvraft.network import CALM, LIMITS, QUICK, ROUGH
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_rpc_4c(sim: Simulation) -> None:
    """A server that was cut off gets a snapshot, and then a majority depends on it."""
    await snapshot_rpc(sim, VersionedStore(sim, 3, MAXRAFTSTATE))


@simulate(network=CALM, limits=LIMITS, weight=5)
async def test_snapshot_size_4c(sim: Simulation) -> None:
    """Many puts to one key leave a short log and a small snapshot."""
    await snapshot_size(sim, VersionedStore(sim, 3, MAXRAFTSTATE))


@simulate(network=QUICK, limits=LIMITS, weight=5)
async def test_speed_4c(sim: Simulation) -> None:
    """Three hundred puts with snapshots take at most 33.3 ms each."""
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
