"""Tests of the replicated store that are not among those of the course."""

from __future__ import annotations

import asyncio
from typing import Final

from kvsrv.rpc import Err, Version
from tester.labs.kvraft.basic import check_all, check_versions
from tester.labs.kvraft.clerks import KVCluster
from tester.labs.kvraft.cluster import ELECTION_TIMEOUT_S, within
from tester.labs.kvraft.generic import (
    HEALED_S,
    LEASE_S,
    MAXRAFTSTATE,
    PAUSE_MS,
    check_sizes,
    unless_done,
)
from tester.labs.kvraft.network import CALM, FAULTY, LIMITS, TWICE
from tester.labs.kvtest import (
    SIMILAR,
    let_work,
    make_keys,
    one_client_put,
    put_at_least_once,
)
from tester.labs.witness import describe_get, describe_put
from tester.world import faults
from tester.world.handles import KV
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

OWN_LIMITS: Final = (500, 900, 1_700, -1, 1_200)
"""A maxraftstate for each server: they make snapshots at different indices, and one makes none."""
FAILOVER_S: Final = 8
"""A clerk has an answer so soon after a leader has gone: the next one is elected within five
seconds, and then it has to be found."""
DOWN_S: Final = 20
"""Longer than any clerk tries that gives up at last."""
SOAK_S: Final = 60
KEYS: Final = ("", "k", "k ", "K", "\u043a\u043b\u044e\u0447", "'\"\n, {}")


@simulate(network=CALM, limits=LIMITS)
async def test_leader_crashes(sim: Simulation) -> None:
    """The leader crashes again and again: clerks find the next one, and soon."""
    kv = KVCluster(sim, 3)
    clerks = [kv.clerk() for _ in range(sim.at_most(3, "clients"))]
    versions = [await put_at_least_once(ck, ck.name, "0", 0) for ck in clerks]
    for round_ in range(1, sim.at_most(6, "rounds") + 1):
        leader = await kv.leader()
        cut_off = round_ % 2 == 0
        if cut_off:  # it goes on to believe that it leads, and takes what it is asked
            kv.servers.disconnect(leader)
        else:
            kv.servers.crash(leader)
        puts = [
            asyncio.create_task(
                put_at_least_once(ck, ck.name, f"{round_}", versions[i] + 1), name=ck.name
            )
            for i, ck in enumerate(clerks)
        ]
        if cut_off:  # who waits for it may do so until it hears that it leads no more
            await asyncio.sleep(2)
            kv.servers.connect(leader)
        for i, put in enumerate(puts):
            versions[i] = await within(sim, FAILOVER_S, put, "a majority can talk")
        kv.restart_all()
    await check_all(clerks[0], [ck.name for ck in clerks])


@simulate(network=CALM, limits=LIMITS)
async def test_wrong_leader_is_no_proof(sim: Simulation) -> None:
    """A leader is deposed while a put is in flight, and the put happens all the same.

    Whatever the first server answers, the clerk's second copy of the put finds the version used
    up by the first.
    """
    kv = KVCluster(sim, 3)
    ck, other = kv.clerk(), kv.clerk()
    version = 0
    for round_ in range(sim.at_most(4, "rounds")):
        version = await put_at_least_once(ck, "k", "before", version) + 1
        leader = await kv.leader()
        rest = [i for i in range(3) if i != leader]
        names = [kv.servers.names[i] for i in rest]
        # The others get what the leader sends, and it hears nothing of them.
        deaf = sim.links.cut([names, [kv.servers.names[leader]]], one_way=True)
        put = asyncio.create_task(ck.put("k", f"{round_}", version), name="the put")
        await asyncio.sleep(0.05)
        kv.servers.disconnect(leader)
        sim.links.restore(deaf)
        kv.limit(other.name, rest)
        seen = await within(sim, HEALED_S, other.get("k"), "two servers of three are left")
        kv.servers.connect(leader)
        err = await within(sim, HEALED_S, put, "all servers can talk again")
        happened = seen[:2] == (f"{round_}", version + 1)
        if happened and err is Err.VERSION:
            raise AssertionError(
                f"{describe_put('k', f'{round_}', version, err)}, though it has happened: "
                f"{other.name} has read it"
            )
        version = (await ck.get("k"))[1]


@simulate(network=CALM, limits=LIMITS)
async def test_puts_behind_a_snapshot(sim: Simulation) -> None:
    """A deposed leader gets a snapshot of the places that its puts had: they have not happened."""
    kv = KVCluster(sim, 3, MAXRAFTSTATE)
    ck = kv.clerk()
    version = await put_at_least_once(ck, "k", "", 0)
    for round_ in range(sim.at_most(2, "rounds")):
        leader = await kv.leader()
        kv.servers.disconnect(leader)
        lost = [f"lost {round_}.{i}" for i in range(sim.at_most(4, "puts"))]
        puts = [
            asyncio.create_task(kv.asks_once(leader).put(key, "x", 0), name=f"the put of {key!r}")
            for key in lost
        ]
        kv.limit(ck.name, [i for i in range(3) if i != leader])
        for _ in range(sim.at_most(30, "rounds")):
            version = await put_at_least_once(ck, "k", f"{round_}", version + 1)
        await unless_done(sim, puts, 0, "it was asked of one server of three")
        kv.servers.connect(leader)
        kv.limit(ck.name, range(3))
        await asyncio.sleep(1)
        for put in puts:
            put.cancel()
        for key in lost:
            _ = await ck.get(key)
    await check_all(ck, ["k"])


@simulate(network=CALM, limits=LIMITS)
async def test_every_answer(sim: Simulation) -> None:
    """One client gets each kind of answer, about any text, from the log and from snapshots."""
    kv = KVCluster(sim, 3, MAXRAFTSTATE)
    ck = kv.clerk()
    keys = KEYS[: sim.at_most(len(KEYS), "keys")]
    for key in keys:
        await _expect_put(ck, key, "for nothing", 1, Err.NO_KEY)
        await _expect_get(ck, key, "", 0)
        for version, value in enumerate(("x", "", f"{key} is not empty", "")):
            await _expect_put(ck, key, value, version, Err.OK)
            await _expect_get(ck, key, value, version + 1)
        for wrong in (0, 3, 5):
            await _expect_put(ck, key, "refused", wrong, Err.VERSION)
    kv.crash_all()
    kv.restart_all()
    for key in keys:
        await _expect_get(ck, key, "", 4)
    await _expect_put(ck, "missing", "for nothing", 4, Err.NO_KEY)
    await _expect_get(ck, "missing", "", 0)


@simulate(network=CALM, limits=LIMITS)
async def test_similar_texts(sim: Simulation) -> None:
    """Texts that look alike are different keys and values, in the log and in snapshots."""
    kv = KVCluster(sim, 3, MAXRAFTSTATE)
    ck = kv.clerk()
    puts = list(zip(SIMILAR, (*SIMILAR[1:], SIMILAR[0]), strict=True))
    puts = puts[: sim.at_most(len(puts), "keys")]
    for key, value in puts:
        await _expect_put(ck, key, value, 0, Err.OK)
    kv.crash_all()
    kv.restart_all()
    for key, value in puts:
        await _expect_get(ck, key, value, 1)


async def _expect_put(ck: KV, key: str, value: str, version: Version, wanted: Err) -> None:
    """Put, and fail unless the answer is this one, or ErrMaybe, where that can be right."""
    err = await ck.put(key, value, version)
    if err is not wanted and (err is not Err.MAYBE or wanted is Err.NO_KEY):
        raise AssertionError(f"{describe_put(key, value, version, err)}: expected {wanted}")


async def _expect_get(ck: KV, key: str, value: str, version: Version) -> None:
    wanted = value, version, Err.OK if version else Err.NO_KEY
    found = await ck.get(key)
    if found != wanted:
        raise AssertionError(f"{describe_get(key, found)}: expected {describe_get(key, wanted)}")


@simulate(network=CALM, limits=LIMITS)
async def test_no_majority_for_long(sim: Simulation) -> None:
    """Two of three servers are down for long: clerks wait, and are answered when they are back."""
    kv = KVCluster(sim, 3)
    writer, reader = kv.clerk(), kv.clerk()
    version = await put_at_least_once(writer, "k", "before", 0)
    for round_ in range(sim.at_most(2, "rounds")):
        left = await kv.leader()
        if kv.below(2):
            left = (left + 1) % 3
        for i in range(3):
            if i != left:
                kv.servers.crash(i)
        value = f"round {round_}"
        put = asyncio.create_task(
            put_at_least_once(writer, "k", value, version + 1), name="the put"
        )
        await unless_done(sim, [put], LEASE_S, "two of three servers are down")
        get = asyncio.create_task(reader.get("k"), name="the get")
        await unless_done(sim, [put, get], DOWN_S, "two of three servers are down")
        kv.restart_all()
        version = await within(sim, HEALED_S, put, "all servers are up again")
        _ = await within(sim, HEALED_S, get, "all servers are up again")
    await check_all(writer, ["k"])


@simulate(network=FAULTY, limits=LIMITS)
async def test_snapshots_at_different_times(sim: Simulation) -> None:
    """Servers snapshot different prefixes of the log, and messages arrive twice and late."""
    kv = KVCluster(sim, 5, OWN_LIMITS)
    kv.disturb_peers(TWICE)
    clerks = [kv.clerk() for _ in range(sim.at_most(4, "clients"))]
    clients = [kv.client(number, ck) for number, ck in enumerate(clerks)]
    _ = sim.nemesis(
        *(faults.crash, faults.partition, faults.isolate_leader, faults.long_reordering),
        seconds=5,
        nodes=kv.servers.names,
        leader=kv.leader_name,
    )
    tallies = await let_work(
        sim, clients, 5, lambda client: one_client_put(client, ["k"], pause_ms=PAUSE_MS)
    )
    await kv.calm()
    await within(
        sim, HEALED_S, check_versions(clerks[0], "k", tallies), "all servers can talk again"
    )


@simulate(network=FAULTY, limits=LIMITS)
async def test_reads_while_leaders_change(sim: Simulation) -> None:
    """Half of the clients only read: a deposed leader must not answer them."""
    kv = KVCluster(sim, 5)
    kv.disturb_peers(TWICE)
    clerks = [kv.clerk() for _ in range(sim.at_most(6, "clients"))]
    keys = make_keys(2)
    _ = sim.nemesis(
        *(faults.isolate_leader, faults.one_way, faults.pause, faults.partition),
        seconds=6,
        nodes=kv.servers.names,
        leader=kv.leader_name,
    )

    async def client(number: int) -> None:
        ck, version = clerks[number], dict.fromkeys(keys, 0)
        while sim.now() < 6:
            await asyncio.sleep(kv.below(PAUSE_MS) / 1_000)
            key = keys[kv.below(len(keys))]
            if number % 2:
                _ = await ck.put(key, f"{ck.name}.{version[key]}", version[key])
            _, version[key], _ = await ck.get(key)

    async with asyncio.TaskGroup() as group:
        for number in range(len(clerks)):
            _ = group.create_task(client(number), name=f"client {number}")
        await asyncio.sleep(6)
        await kv.calm()
    await check_all(clerks[0], keys)


@simulate(network=CALM, limits=LIMITS)
async def test_reads_at_a_leader_that_is_cut_off(sim: Simulation) -> None:
    """A leader that is cut off is read again and again, while the others elect one and go on.

    Every other time one of them has been away, and stands for election at once; and the other one
    restarts, so that it has forgotten what it promised its leader if that was not saved.
    """
    kv = KVCluster(sim, 3)
    ck, reader = kv.clerk(), kv.clerk()
    version = await put_at_least_once(ck, "k", "", 0) + 1

    async def reads() -> None:
        while not over:
            _ = await reader.get("k")
            await asyncio.sleep(0.005)

    for round_ in range(sim.at_most(8, "rounds")):
        leader, over = await kv.leader(), False
        near, far = (i for i in range(3) if i != leader)
        _ = await reader.get("k")
        if round_ % 2:
            kv.servers.disconnect(far)
            await asyncio.sleep(ELECTION_TIMEOUT_S + kv.below(500) / 1_000)
        kv.limit(reader.name, [leader])
        kv.limit(ck.name, [near, far])
        kv.servers.disconnect(leader)
        reading = asyncio.create_task(reads(), name="who reads")
        if round_ % 2:
            kv.servers.crash(near)
            kv.servers.restart(near)
            kv.servers.connect(near, far)
        put = put_at_least_once(ck, "k", f"{round_}", version)
        version = await within(sim, FAILOVER_S, put, "two servers of three can talk") + 1
        await asyncio.sleep(ELECTION_TIMEOUT_S)
        over = True
        kv.servers.connect_all()
        for one in (reader, ck):
            kv.limit(one.name, range(3))
        await within(sim, HEALED_S, reading, "all servers can talk again")


async def soak(sim: Simulation, seconds: int = SOAK_S) -> None:
    """Seven servers, fifteen clients, and whatever can happen, for a minute."""
    kv = KVCluster(sim, 7, 2_000)
    kv.disturb_peers(TWICE)
    clerks = [kv.clerk() for _ in range(sim.at_most(15, "clients"))]
    clients = [kv.client(number, ck) for number, ck in enumerate(clerks)]
    keys = make_keys(3)
    _ = sim.nemesis(
        *(faults.crash, faults.partition, faults.isolate_leader, faults.one_way),
        *(faults.pause, faults.late_requests, faults.long_reordering),
        seconds=seconds,
        nodes=kv.servers.names,
        leader=kv.leader_name,
    )
    _ = await let_work(
        sim,
        clients,
        seconds,
        lambda client: one_client_put(client, keys, random_keys=True, pause_ms=PAUSE_MS),
    )
    await kv.calm()
    await within(sim, HEALED_S, check_all(clerks[0], keys), "all servers can talk again")
    check_sizes(kv, 2_000)
