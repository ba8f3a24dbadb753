"""The suite of kvraft-dedup: the matrix of 2024, 4A and 4B, for Put, Append and Get; and ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tester.labs.dedup.suite import check_elements, differs
from tester.labs.kvraft.clerks import AppendCluster, GroupAppendWitness
from tester.labs.kvraft.cluster import within
from tester.labs.kvraft.generic import (
    HEALED_S,
    LEASE_S,
    MAXRAFTSTATE,
    Matrix,
    iterate,
    one_partition,
    pause_of,
    snapshot_rpc,
    snapshot_size,
    speed,
    unless_done,
)
from tester.labs.kvraft.network import CALM, HELD, LIMITS, QUICK, ROUGH, TWICE
from tester.labs.kvtest import OUTAGE_S, AnyClient, let_work, make_keys
from tester.world import faults
from tester.world.handles import AppendKV
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

OWN_LIMITS: Final = (500, 900, 1_700, -1, 1_200)
"""A maxraftstate for each server: they make snapshots at different indices, and one makes none."""
APPENDS: Final = 10
CROWD: Final = 500
AT_ONCE: Final = 50
DOWN_S: Final = 20
"""Longer than any clerk tries that gives up at last."""


class Writer(AnyClient[AppendKV]):
    """A client that writes what nobody else writes: each value once, and none a part of another.

    So every value tells who wrote what of it, which also keeps the check of the history fast.
    """

    def __init__(
        self, sim: Simulation, number: int, ck: GroupAppendWitness, clients: int = 1
    ) -> None:
        super().__init__(sim, number, ck)
        self._pause_ms = pause_of(clients)
        self._written = 0

    def element(self) -> str:
        """The next value."""
        self._written += 1
        return f"x {self.number} {self._written} y"

    async def pause(self) -> None:
        """Wait a little, so that not everybody asks at the same time."""
        await asyncio.sleep(self.below(self._pause_ms) / 1_000)

    async def alone(self, key: str) -> str:
        """Write to a key and read it, which nobody else writes to, until the client may stop.

        Returns what it must hold now.
        """
        value = self.element()
        await self.ck.put(key, value)
        while not self.stopped:
            await self.pause()
            if self.below(2) == 0:
                new = self.element()
                old = await self.ck.append(key, new)
                if old != value:
                    raise AssertionError(f"Append({key!r}, {new!r}) -> {differs(old, value)}")
                value += new
            else:
                await check_get(self.ck, key, value)
        return value

    async def anywhere(self, keys: Sequence[str]) -> None:
        """Append to random keys, put and read them, until the client may stop."""
        while not self.stopped:
            await self.pause()
            key = keys[self.below(len(keys))]
            if self.below(2) == 0:
                new = self.element()
                if new in await self.ck.append(key, new):
                    raise AssertionError(f"Append({key!r}, {new!r}) found that in the value")
            elif self.below(10) == 0:
                await self.ck.put(key, self.element())
            else:
                _ = await self.ck.get(key)


async def check_get(ck: AppendKV, key: str, value: str) -> None:
    """Get, and fail unless this is the value; only this client can have changed it."""
    if (found := await ck.get(key)) != value:
        raise AssertionError(f"Get({key!r}) -> {differs(found, value)}")


class AppendStore:
    """The store of 2024, for keys that only the test itself writes: see `generic.Store`."""

    def __init__(self, sim: Simulation, n: int, maxraftstate: int = -1) -> None:
        self.cluster = AppendCluster(sim, n, maxraftstate)

    def clerk(self) -> GroupAppendWitness:
        """A clerk on a node of its own."""
        return self.cluster.clerk()

    async def put(self, ck: GroupAppendWitness, key: str, value: str) -> None:
        """Put."""
        await ck.put(key, value)

    async def check(self, ck: GroupAppendWitness, key: str, value: str) -> None:
        """Get, and fail unless the key has this value."""
        await check_get(ck, key, value)


async def generic(sim: Simulation, matrix: Matrix) -> None:
    """Each client writes to its own key, or all to all, in the circumstances of the matrix."""
    kv = AppendCluster(sim, matrix.servers, matrix.maxraftstate)
    ck = kv.clerk()
    writers = [
        Writer(sim, number, kv.clerk(), matrix.clients)
        for number in range(sim.at_most(matrix.clients, "clients"))
    ]
    keys = make_keys(len(writers))
    expected: dict[str, str] = {}

    async def write(writer: Writer) -> None:
        writer.stopped = False
        if matrix.random_keys:
            await writer.anywhere(keys)
        else:
            expected[keys[writer.number]] = await writer.alone(keys[writer.number])

    async def work(seconds: float) -> None:
        _ = await let_work(sim, writers, seconds, write)

    async def look() -> None:
        for key, value in expected.items():
            await check_get(ck, key, value)
        if matrix.random_keys:
            _ = await ck.get(keys[kv.below(len(keys))])

    await iterate(sim, kv, matrix, work, look)
    for key in keys:
        found = await ck.get(key)
        if key in expected and found != expected[key]:
            raise AssertionError(f"at last, Get({key!r}) -> {differs(found, expected[key])}")


async def speed_of_appends(sim: Simulation, maxraftstate: int) -> None:
    """One client appends again and again, and never has to wait."""
    kv = AppendCluster(sim, 3, maxraftstate)
    writer = Writer(sim, 0, kv.clerk())
    await check_get(writer.ck, "k", "")  # waits for a leader
    value = ""

    async def append(_: int) -> None:
        nonlocal value
        new = writer.element()
        old = await writer.ck.append("k", new)
        sim.history.drop_last_result()  # all together have half a million letters
        if len(old) != len(value):
            raise AssertionError(f"Append('k', {new!r}) -> {differs(old, value)}")
        value += new

    await speed(sim, append)
    await check_get(writer.ck, "k", value)


# -- 4A -----------------------------------------------------------------------------------------


@simulate(network=CALM, limits=LIMITS)
async def test_basic_4a(sim: Simulation) -> None:
    """One client appends and reads, on five servers."""
    await generic(sim, Matrix())


@simulate(network=QUICK, limits=LIMITS, model=None, weight=5)
async def test_speed_4a(sim: Simulation) -> None:
    """Three hundred appends, one after the other, take at most 33.3 ms each."""
    await speed_of_appends(sim, -1)


@simulate(network=CALM, limits=LIMITS)
async def test_concurrent_4a(sim: Simulation) -> None:
    """Five clients append and read, each at a key of its own."""
    await generic(sim, Matrix(5))


@simulate(network=ROUGH, limits=LIMITS)
async def test_unreliable_4a(sim: Simulation) -> None:
    """Five clients append and read, each at a key of its own, on an unreliable network."""
    await generic(sim, Matrix(5))


@simulate(network=ROUGH, limits=LIMITS)
async def test_unreliable_one_key_4a(sim: Simulation) -> None:
    """Five clients append to the same key, on an unreliable network."""
    kv = AppendCluster(sim, 3)
    ck = kv.clerk()
    await ck.put("k", first := "first")
    writers = [Writer(sim, number, kv.clerk()) for number in range(sim.at_most(5, "clients"))]
    appends = sim.at_most(APPENDS, "appends")

    async def work(writer: Writer) -> list[str]:
        elements = [writer.element() for _ in range(appends)]
        for new in elements:
            if new in await writer.ck.append("k", new):
                raise AssertionError(f"Append('k', {new!r}) found that in the value already")
        return elements

    appended = await let_work(sim, writers, 0, work)
    check_elements(await ck.get("k"), [[first], *appended])


@simulate(network=ROUGH, limits=LIMITS)
async def test_one_partition_4a(sim: Simulation) -> None:
    """A majority makes progress; a minority makes none, and catches up after the partition."""
    await one_partition(sim, AppendStore(sim, 5))


@simulate(network=CALM, limits=LIMITS)
async def test_many_partitions_one_client_4a(sim: Simulation) -> None:
    """The servers are partitioned again and again while one client works."""
    await generic(sim, Matrix(1, partitions=True))


@simulate(network=CALM, limits=LIMITS)
async def test_many_partitions_many_clients_4a(sim: Simulation) -> None:
    """The servers are partitioned again and again while five clients work."""
    await generic(sim, Matrix(5, partitions=True))


@simulate(network=CALM, limits=LIMITS)
async def test_persist_one_client_4a(sim: Simulation) -> None:
    """All servers crash and restart, with one client."""
    await generic(sim, Matrix(1, crash=True))


@simulate(network=CALM, limits=LIMITS)
async def test_persist_concurrent_4a(sim: Simulation) -> None:
    """All servers crash and restart, with five clients."""
    await generic(sim, Matrix(5, crash=True))


@simulate(network=ROUGH, limits=LIMITS)
async def test_persist_concurrent_unreliable_4a(sim: Simulation) -> None:
    """All servers crash and restart, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True))


@simulate(network=CALM, limits=LIMITS)
async def test_persist_partition_4a(sim: Simulation) -> None:
    """All servers are partitioned, crash and restart."""
    await generic(sim, Matrix(5, crash=True, partitions=True))


@simulate(network=ROUGH, limits=LIMITS)
async def test_persist_partition_unreliable_4a(sim: Simulation) -> None:
    """All servers are partitioned, crash and restart, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True, partitions=True))


@simulate(network=ROUGH, limits=LIMITS)
async def test_persist_partition_unreliable_linearizable_4a(sim: Simulation) -> None:
    """Fifteen clients write to shared keys while seven servers are partitioned and restart."""
    await generic(sim, Matrix(15, 7, crash=True, partitions=True, random_keys=True))


# -- 4B -----------------------------------------------------------------------------------------


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_rpc_4b(sim: Simulation) -> None:
    """A server that was cut off gets a snapshot, and then a majority depends on it."""
    await snapshot_rpc(sim, AppendStore(sim, 3, MAXRAFTSTATE))


@simulate(network=CALM, limits=LIMITS, weight=5)
async def test_snapshot_size_4b(sim: Simulation) -> None:
    """Many puts to one key leave a short log and a small snapshot."""
    await snapshot_size(sim, AppendStore(sim, 3, MAXRAFTSTATE))


@simulate(network=QUICK, limits=LIMITS, model=None, weight=5)
async def test_speed_4b(sim: Simulation) -> None:
    """Three hundred appends with snapshots take at most 33.3 ms each."""
    await speed_of_appends(sim, MAXRAFTSTATE)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_recover_4b(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots, with one client."""
    await generic(sim, Matrix(1, crash=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=CALM, limits=LIMITS, weight=5)
async def test_snapshot_recover_many_clients_4b(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots, with twenty clients."""
    await generic(sim, Matrix(20, crash=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_4b(sim: Simulation) -> None:
    """Servers make snapshots on an unreliable network."""
    await generic(sim, Matrix(5, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_recover_4b(sim: Simulation) -> None:
    """All servers crash and restart from their snapshots, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_recover_concurrent_partition_4b(sim: Simulation) -> None:
    """All servers are partitioned and restart from snapshots, on an unreliable network."""
    await generic(sim, Matrix(5, crash=True, partitions=True, maxraftstate=MAXRAFTSTATE))


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshot_unreliable_recover_concurrent_partition_linearizable_4b(
    sim: Simulation,
) -> None:
    """Fifteen clients write to shared keys while seven servers restart from snapshots."""
    await generic(
        sim,
        Matrix(15, 7, crash=True, partitions=True, maxraftstate=MAXRAFTSTATE, random_keys=True),
    )


# -- not among the tests of the course ----------------------------------------------------------


@simulate(network=CALM, limits=LIMITS)
async def test_next_leader_knows(sim: Simulation) -> None:
    """A client repeats a write that has happened to the next leader: it happens once.

    The leader that executed it is down by then, or all have restarted from their snapshots.
    """
    kv = AppendCluster(sim, 3, MAXRAFTSTATE)
    writers = [Writer(sim, number, kv.clerk()) for number in range(2)]
    wrote: list[list[str]] = [[], []]
    servers = kv.servers.names
    for round_ in range(sim.at_most(6, "rounds")):
        for writer in writers:
            await append(writer, wrote[writer.number])
        leader = await kv.leader()
        names = [writer.name for writer in writers]
        deaf = sim.links.cut([servers, names], one_way=True)
        writes = [
            asyncio.create_task(append(writer, wrote[writer.number]), name=writer.name)
            for writer in writers
        ]
        await asyncio.sleep(0.06)
        if round_ % 2:
            kv.crash_all()
            kv.restart_all()
        else:
            kv.servers.crash(leader)
        sim.links.restore(deaf)
        for write in writes:
            await within(sim, HEALED_S, write, "two servers of three are left")
        kv.restart_all()
    check_elements(await writers[0].ck.get("k"), wrote)


async def append(writer: Writer, wrote: list[str]) -> None:
    """Append the next element to the key of all, and note it."""
    new = writer.element()
    wrote.append(new)
    if new in await writer.ck.append("k", new):
        raise AssertionError(f"Append('k', {new!r}) found that in the value already")


@simulate(network=CALM, limits=LIMITS, model=None, weight=10)
async def test_forgotten_client(sim: Simulation) -> None:
    """A client is cut off while many others write and servers restart: its write happens once."""
    kv = AppendCluster(sim, 3, MAXRAFTSTATE)
    writer, reader = Writer(sim, 0, kv.clerk()), kv.clerk()
    wrote: list[str] = []
    await append(writer, wrote)
    servers = kv.servers.names
    deaf = sim.links.cut([servers, [writer.name]], one_way=True)
    write = asyncio.create_task(append(writer, wrote), name="the append")
    await asyncio.sleep(1)
    cut = sim.links.cut([servers, [writer.name]])
    crowd = sim.at_most(CROWD, "clients")
    for first in range(0, crowd, AT_ONCE):
        await kv.sign(first, min(AT_ONCE, crowd - first))
    kv.crash_all()
    kv.restart_all()
    await asyncio.sleep(OUTAGE_S)
    sim.links.restore(deaf)
    sim.links.restore(cut)
    await within(sim, HEALED_S, write, "the client can talk to all servers again")
    check_elements(await reader.get("k"), [wrote])


@simulate(network=ROUGH, limits=LIMITS)
async def test_unreliable_one_key_put(sim: Simulation) -> None:
    """Ten clients put to the same key, append to it and read it, on an unreliable network."""
    kv = AppendCluster(sim, 3)
    _ = await kv.leader()
    writers = [Writer(sim, number, kv.clerk()) for number in range(sim.at_most(10, "clients"))]
    operations = sim.at_most(APPENDS, "operations")

    async def work(writer: Writer) -> None:
        for _ in range(operations):
            match writer.below(4):
                case 0:
                    await writer.ck.put("k", writer.element())
                case 1 | 2:
                    _ = await writer.ck.append("k", writer.element())
                case _:
                    _ = await writer.ck.get("k")

    _ = await let_work(sim, writers, 0, work)


@simulate(network=CALM, limits=LIMITS)
async def test_no_majority_for_long(sim: Simulation) -> None:
    """Two of three servers are down for long: clerks wait, and are answered when they are back."""
    kv = AppendCluster(sim, 3)
    writer, reader = Writer(sim, 0, kv.clerk()), kv.clerk()
    wrote: list[str] = []
    for _ in range(sim.at_most(2, "rounds")):
        await append(writer, wrote)
        left = await kv.leader()
        if kv.below(2):
            left = (left + 1) % 3
        for i in range(3):
            if i != left:
                kv.servers.crash(i)
        write = asyncio.create_task(append(writer, wrote), name="the append")
        await unless_done(sim, [write], LEASE_S, "two of three servers are down")
        get = asyncio.create_task(reader.get("k"), name="the get")
        await unless_done(sim, [write, get], DOWN_S, "two of three servers are down")
        kv.restart_all()
        await within(sim, HEALED_S, write, "all servers are up again")
        _ = await within(sim, HEALED_S, get, "all servers are up again")
    check_elements(await writer.ck.get("k"), [wrote])


@simulate(network=HELD, limits=LIMITS)
async def test_snapshots_at_different_times(sim: Simulation) -> None:
    """Servers snapshot different prefixes of the log, and messages arrive twice and late."""
    kv = AppendCluster(sim, 5, OWN_LIMITS)
    kv.disturb_peers(TWICE)
    writers = [Writer(sim, number, kv.clerk()) for number in range(sim.at_most(4, "clients"))]
    wrote: list[list[str]] = [[] for _ in writers]
    _ = sim.nemesis(
        *(faults.crash, faults.partition, faults.isolate_leader, faults.long_reordering),
        seconds=5,
        nodes=kv.servers.names,
        leader=kv.leader_name,
    )

    async def work(writer: Writer) -> None:
        while not writer.stopped:
            await writer.pause()
            await append(writer, wrote[writer.number])

    _ = await let_work(sim, writers, 5, work)
    await kv.calm()
    value = await within(sim, HEALED_S, writers[0].ck.get("k"), "all servers can talk again")
    check_elements(value, wrote)
