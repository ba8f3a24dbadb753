"""Part 4B of the kvraft suite: a store that goes on through crashes and partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kvsrv.rpc import Err, Version
from linearizability.verdict import counted
from tester.labs.kvraft.clerks import GroupWitness, KVCluster
from tester.labs.kvraft.generic import Matrix, iterate, one_partition, speed
from tester.labs.kvraft.network import CALM, LIMITS, QUICK, ROUGH
from tester.labs.kvtest import (
    Tally,
    check_get,
    check_put,
    let_work,
    make_keys,
    one_client_put,
    put_at_least_once,
)
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

KEYS = make_keys(100)


class VersionedStore:
    """The versioned store, for keys that only the test itself writes: see `generic.Store`."""

    def __init__(self, sim: Simulation, n: int, maxraftstate: int = -1) -> None:
        self.cluster = KVCluster(sim, n, maxraftstate)
        self._versions: dict[str, Version] = {}

    def clerk(self) -> GroupWitness:
        """A clerk on a node of its own."""
        return self.cluster.clerk()

    async def put(self, ck: GroupWitness, key: str, value: str) -> None:
        """Put until it has happened."""
        version = await put_at_least_once(ck, key, value, self._versions.get(key, 0))
        self._versions[key] = version + 1

    async def check(self, ck: GroupWitness, key: str, value: str) -> None:
        """Get, and fail unless the key has this value, at the version after its last put."""
        await check_get(ck, key, value, self._versions[key])


async def generic(sim: Simulation, matrix: Matrix) -> None:
    """Clients put to one key, or to random ones, in the circumstances of the matrix."""
    kv = KVCluster(sim, matrix.servers, matrix.maxraftstate)
    ck = kv.clerk()
    clerks = [kv.clerk() for _ in range(sim.at_most(matrix.clients, "clients"))]
    keys = KEYS if matrix.random_keys else ["k"]
    tallies: list[Tally] = []

    async def work(seconds: float) -> None:
        clients = [kv.client(number, one) for number, one in enumerate(clerks)]
        tallies.extend(
            await let_work(
                sim,
                clients,
                seconds,
                lambda client: one_client_put(
                    client, keys, random_keys=matrix.random_keys, pause_ms=matrix.pause_ms
                ),
            )
        )

    async def look() -> None:
        if matrix.random_keys:
            _ = await ck.get(KEYS[kv.below(len(KEYS))])
        else:
            await check_versions(ck, "k", tallies)

    await iterate(sim, kv, matrix, work, look)
    async with asyncio.TaskGroup() as group:
        for number, one in enumerate(clerks):
            share = check_all(one, keys[number :: len(clerks)])
            _ = group.create_task(share, name=f"client {number}")


async def check_versions(ck: GroupWitness, key: str, tallies: Sequence[Tally]) -> None:
    """Compare the version of a key to which only these clients have put with what they were told.

    Each OK counts once, and each ErrMaybe at most once.
    """
    ok = sum(tally.ok for tally in tallies)
    maybe = sum(tally.maybe for tally in tallies)
    _, version, _ = await ck.get(key)
    if not ok <= version <= ok + maybe:
        told = f"OK was the answer to {counted(ok, 'put')}"
        told += f", and ErrMaybe to {maybe}" if maybe else ""
        raise AssertionError(f"{key!r} has been put {counted(version, 'time')}, but {told}")


async def check_all(ck: GroupWitness, keys: Sequence[str]) -> None:
    """Read every key that was put: what was acknowledged must be there; the witness compares."""
    for key in keys:
        if ck.acknowledged.latest(key) is not None:
            _ = await ck.get(key)


async def speed_of_puts(sim: Simulation, maxraftstate: int) -> None:
    """One client puts again and again; all succeed, and none has to wait."""
    kv = KVCluster(sim, 3, maxraftstate)
    ck = kv.clerk()
    await check_get(ck, "k", "", 0, Err.NO_KEY)  # waits for a leader

    async def put(number: int) -> None:
        await check_put(ck, "k", f"{number}", number)

    await speed(sim, put)


@simulate(network=CALM, limits=LIMITS)
async def test_basic_4b(sim: Simulation) -> None:
    """One client puts and reads, on five servers."""
    await generic(sim, Matrix())


@simulate(network=QUICK, limits=LIMITS, weight=5)
async def test_speed_4b(sim: Simulation) -> None:
    """Three hundred puts, one after the other, take at most 33.3 ms each."""
    await speed_of_puts(sim, -1)


@simulate(network=CALM, limits=LIMITS)
async def test_concurrent_4b(sim: Simulation) -> None:
    """Five clients race to put to one key."""
    await generic(sim, Matrix(5))


@simulate(network=ROUGH, limits=LIMITS)
async def test_unreliable_4b(sim: Simulation) -> None:
    """Five clients race to put to one key, on an unreliable network."""
    await generic(sim, Matrix(5))


@simulate(network=ROUGH, limits=LIMITS)
async def test_one_partition_4b(sim: Simulation) -> None:
    """A majority makes progress; a minority makes none, and catches up after the partition."""
    await one_partition(sim, VersionedStore(sim, 5))


@simulate(network=CALM, limits=LIMITS)
async def test_many_partitions_one_client_4b(sim: Simulation) -> None:
    """The servers are partitioned again and again while one client works."""
    await generic(sim, Matrix(1, partitions=True))


@simulate(network=CALM, limits=LIMITS)
async def test_many_partitions_many_clients_4b(sim: Simulation) -> None:
    """The servers are partitioned again and again while five clients work."""
    await generic(sim, Matrix(5, partitions=True))


@simulate(network=CALM, limits=LIMITS)
async def test_persist_one_client_4b(sim: Simulation) -> None:
    """All servers crash and restart, with one client."""
    await generic(sim, Matrix(1, crash=True))


@simulate(network=CALM, limits=LIMITS)
async def test_persist_concurrent_4b(sim: Simulation) -> None:
    """All servers crash and restart, with five clients."""
    await generic(sim, Matrix(5, crash=True))


@simulate(network=ROUGH, limits=LIMITS)
async def test_persist_concurrent_unreliable_4b(sim: Simulation) -> None:
    """All servers crash and restart, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True))


@simulate(network=CALM, limits=LIMITS)
async def test_persist_partition_4b(sim: Simulation) -> None:
    """All servers are partitioned, crash and restart."""
    await generic(sim, Matrix(5, crash=True, partitions=True))


@simulate(network=ROUGH, limits=LIMITS)
async def test_persist_partition_unreliable_4b(sim: Simulation) -> None:
    """All servers are partitioned, crash and restart, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True, partitions=True))


@simulate(network=ROUGH, limits=LIMITS)
async def test_persist_partition_unreliable_linearizable_4b(sim: Simulation) -> None:
    """Fifteen clients put to 100 keys while seven servers are partitioned, crash and restart."""
    await generic(sim, Matrix(15, 7, crash=True, partitions=True, random_keys=True))
