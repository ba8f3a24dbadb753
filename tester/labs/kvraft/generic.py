"""What the suites of both stores have in common: the matrix, the speed, partitions, snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from linearizability.verdict import counted
from tester.labs.kvraft.clerks import GroupAppendWitness, GroupWitness
from tester.labs.kvraft.cluster import Cluster, StoreCluster, within
from tester.labs.kvraft.verdicts import TooSlow
from tester.labs.partitioner import partitioner
from tester.world.simulation import Simulation

ITERATIONS: Final = 3
CLIENTS_S: Final = 1
"""How long clients work in an iteration without partitions."""
PARTITIONED_S: Final = 1.5
"""How long they work under partitions: there are two, for they change about every second."""
PAUSE_MS: Final = 80
"""For each client of a test: before it puts, a client pauses for less than all of that. So there
are about as many operations in a second whether few clients or many do them."""
LONGEST_PAUSE_MS: Final = 1_000
"""And for less than this, which leaves each of them about two puts in a second."""
HEALED_S: Final = 10
"""In what time an operation must complete when everybody can talk to everybody again: there is a
leader within five seconds, and then it has to be found."""
LEASE_S: Final = 1
"""No leader may answer reads by itself for longer after the last that it heard of a majority: by
then those have elected another (Ongaro's dissertation, 6.4.1)."""
PUTS: Final = 300
PUT_US: Final = 33_300
"""What a put may take: a third of the hundred milliseconds between heartbeats."""
MAXRAFTSTATE: Final = 1_000
MAX_SNAPSHOT: Final = 500
"""Bytes of a snapshot of a store with one small value, and of what it remembers of one client."""
MANY: Final = 50
ROUNDS: Final = 200
LOG_FACTOR: Final = 8
"""How many times maxraftstate a Raft state may have."""

C = TypeVar("C", GroupWitness, GroupAppendWitness)


class Store(Protocol[C]):
    """One of the two stores, for keys that only the test itself writes."""

    @property
    def cluster(self) -> StoreCluster:
        """Its servers."""

    def clerk(self) -> C:
        """A clerk on a node of its own."""

    async def put(self, ck: C, key: str, value: str) -> None:
        """Put until it has happened."""

    async def check(self, ck: C, key: str, value: str) -> None:
        """Get, and fail unless the key has this value."""


@dataclass(frozen=True)
class Matrix:
    """What the tests of the course vary; the network is the test's."""

    clients: int = 1
    servers: int = 5
    crash: bool = False
    partitions: bool = False
    maxraftstate: int = -1
    random_keys: bool = False

    @property
    def pause_ms(self) -> int:
        """A client pauses for less than this before it puts."""
        return pause_of(self.clients)


def pause_of(clients: int) -> int:
    """So many milliseconds at most each of so many clients pauses before it puts."""
    return min(clients * PAUSE_MS, LONGEST_PAUSE_MS)


async def iterate(
    sim: Simulation,
    group: Cluster,
    matrix: Matrix,
    work: Callable[[float], Awaitable[None]],
    look: Callable[[], Awaitable[Any]],
) -> None:
    """Have clients work three times; partitions while they do so, crashes of all servers between.

    `work` lets the clients work for some seconds; `look` is what is asked of the store after
    that, when all servers can talk again.
    """
    for _ in range(sim.at_most(ITERATIONS, "iterations")):
        seconds = PARTITIONED_S if matrix.partitions else CLIENTS_S
        async with asyncio.TaskGroup() as together:
            if matrix.partitions:
                _ = together.create_task(_tear(sim, group, seconds), name="partitions")
            await work(seconds)
        await within(sim, HEALED_S, look(), "all servers are up, and can talk to each other")
        if matrix.crash:
            group.crash_all()
            await asyncio.sleep(1)
            group.restart_all()
        check_sizes(group, matrix.maxraftstate)


async def _tear(sim: Simulation, group: Cluster, seconds: float) -> None:
    async with partitioner(sim, group.servers.links):
        await asyncio.sleep(seconds)


def check_sizes(group: Cluster, maxraftstate: int) -> None:
    """Fail if a server keeps too much of its log, or makes snapshots that nobody wants."""
    if maxraftstate > 0:
        group.check_log_sizes(LOG_FACTOR * maxraftstate)
    else:
        group.check_no_snapshots()


async def speed(sim: Simulation, put: Callable[[int], Awaitable[None]]) -> None:
    """Have many operations done one after the other, and fail if they take too long.

    A leader that waits for its next heartbeat to send what it was given is too slow.
    """
    puts = sim.at_most(PUTS, "puts")
    start_us = sim.virtual_us
    for number in range(puts):
        await put(number)
        took_us = sim.virtual_us - start_us
        if took_us > PUT_US * puts:
            raise TooSlow(
                f"{counted(number + 1, 'operation')} took {took_us // (number + 1) / 1_000} ms "
                f"each, and {PUT_US / 1_000} ms are enough: a leader must send what it is given "
                "at once"
            )


async def unless_done(
    sim: Simulation, tasks: Sequence[asyncio.Task[Any]], seconds: int, why: str
) -> None:
    """Let time pass, and fail if one of these operations completes, which it cannot."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if done:
        names = " and ".join(sorted(task.get_name() for task in done))
        raise AssertionError(f"{names} completed: {why}")


async def one_partition(sim: Simulation, store: Store[C]) -> None:
    """A majority of five goes on; two servers do not, and catch up after the partition."""
    kv = store.cluster
    ck = store.clerk()
    await store.put(ck, "1", "13")
    leader = await kv.leader()
    rest: list[int] = [i for i in range(5) if i != leader]
    majority, minority = rest[:3], [*rest[3:], leader]
    kv.servers.partition(majority, minority)

    most = store.clerk()
    kv.limit(most.name, majority)
    await within(sim, HEALED_S, store.put(most, "1", "14"), "a majority can talk")
    await store.check(most, "1", "14")

    puts, gets = store.clerk(), store.clerk()
    for one in (puts, gets):
        kv.limit(one.name, minority)
    put = asyncio.create_task(store.put(puts, "1", "15"), name="the put")
    get: asyncio.Task[object] = asyncio.create_task(gets.get("1"), name="the get")
    await unless_done(sim, [put, get], 1, "it was asked of two servers of five")
    await store.check(most, "1", "14")
    await store.put(most, "1", "16")
    await store.check(most, "1", "16")
    await unless_done(sim, [put, get], 0, "it was asked of two servers of five")

    kv.servers.connect_all()
    for one in (puts, gets):
        kv.limit(one.name, range(5))
    await asyncio.sleep(1)
    _ = await within(sim, 3, get, "all servers can talk again")
    await within(sim, 3, put, "all servers can talk again")
    await store.check(ck, "1", "15")


async def snapshot_rpc(sim: Simulation, store: Store[C]) -> None:
    """A server of three that was cut off gets a snapshot, and then a majority depends on it."""
    kv = store.cluster
    servers = kv.servers
    ck = store.clerk()
    await store.put(ck, "a", "A")

    servers.partition([0, 1], [2])
    most = store.clerk()
    kv.limit(most.name, [0, 1])
    many = sim.at_most(MANY, "keys")
    for i in range(many):
        await store.put(most, f"{i}", f"{i}")
    await asyncio.sleep(1)
    await store.put(most, "b", "B")
    kv.check_log_sizes(LOG_FACTOR * MAXRAFTSTATE)

    servers.partition([0, 2], [1])  # the one that has missed it all is needed now
    others = store.clerk()
    kv.limit(others.name, [0, 2])
    for key in ("c", "d"):
        await store.put(others, key, key.upper())
    for key in ("a", "b", f"{1 % many}", f"{many - 1}"):
        await store.check(others, key, key.upper())

    servers.connect_all()
    await store.put(ck, "e", "E")
    for key in ("c", "e", f"{1 % many}"):
        await store.check(ck, key, key.upper())


async def snapshot_size(sim: Simulation, store: Store[C]) -> None:
    """Many puts to one key leave a short log and a small snapshot."""
    ck = store.clerk()
    for _ in range(sim.at_most(ROUNDS, "rounds")):
        for value in ("0", "1"):
            await store.put(ck, "x", value)
            await store.check(ck, "x", value)
    store.cluster.check_log_sizes(LOG_FACTOR * MAXRAFTSTATE)
    store.cluster.check_snapshot_sizes(MAX_SNAPSHOT)
