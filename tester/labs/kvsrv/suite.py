"""The suite of the key/value lab: one server, versioned puts, and clerks that must tell the truth.

The four tests of the 2025 edition; the memory test as in 2026; and ours. Each takes the server and
the clerk from the submission, and asks for what the contract in docs/3-labs.md says, no more.
"""

from __future__ import annotations

import asyncio
from typing import Final

from kvsrv.rpc import Err
from tester.labs.crowd import CROWDED, VALUE, Putters, check_growth, check_kept
from tester.labs.kvtest import (
    KEYS,
    OUTAGE_S,
    SIMILAR,
    VALUES,
    Client,
    check_get,
    check_missing,
    check_put,
    check_put_concurrent,
    check_rpcs,
    clerk,
    make_keys,
    name_of,
    one_client_put,
    one_put,
    replies_lost,
    spawn_clients_and_wait,
)
from tester.labs.witness import describe_put
from tester.world.simulate import LONG_REORDERING, UNRELIABLE, simulate
from tester.world.simulation import Simulation

BYTES_PER_CLIENT: Final = 10
"""A server that knows versions need not know its clients."""

COPIES: Final = UNRELIABLE.but(latency_us=4_000, duplicate=(1, 2), duplicate_delay_ms=30)
"""One request in two arrives twice, the copy up to 30 ms later."""
ROUNDS: Final = 40
MANY: Final = 300
"""Keys, each with a value of its own."""
LONG: Final = 300_000
"""Letters of a long value."""
TIMES: Final = 100
"""How often the client on the unreliable network puts."""


@simulate()
async def test_reliable_put(sim: Simulation) -> None:
    """One client on a reliable network gets every kind of answer."""
    sim.serve()
    ck = clerk(sim)
    await check_put(ck, "k", "6.5840", 0)
    await check_get(ck, "k", "6.5840", 1)
    await check_put(ck, "k", "6.5840", 0, Err.VERSION)
    await check_put(ck, "y", "6.5840", 1, Err.NO_KEY)
    await check_get(ck, "y", "", 0, Err.NO_KEY)
    check_rpcs(sim)


@simulate(seeds=10, weight=10)
async def test_put_concurrent_reliable(sim: Simulation) -> None:
    """Ten clients race for one second to put to the same key."""
    sim.serve()
    tallies = await spawn_clients_and_wait(sim, 10, 1, lambda c: one_client_put(c, ["k"]))
    ck = clerk(sim)
    await check_put_concurrent(sim, ck, "k", tallies)
    await check_missing(ck)
    check_rpcs(sim)


@simulate(seeds=1, weight=50, model=None, limits=CROWDED)
async def test_mem_put_many_clients_reliable(sim: Simulation) -> None:
    """The server's memory does not grow with the number of its clients."""
    server = sim.serve()
    await check_put(clerk(sim), "k", VALUE, 0)
    await check_growth(sim, server, Putters, lambda crowd: crowd.put(), "put", BYTES_PER_CLIENT)


@simulate(network=UNRELIABLE)
async def test_unreliable_net(sim: Simulation) -> None:
    """One client puts on an unreliable network, and answers ErrMaybe where it cannot know.

    Each round puts until the answer is not ErrMaybe; only its first try can have happened. If
    the network lost the reply to a Put, at least one answer must be ErrMaybe.
    """
    sim.serve()
    ck = clerk(sim)
    maybe = refused = 0
    for version in range(sim.at_most(TIMES, "rounds")):
        err = Err.MAYBE
        tries = 0
        while err is Err.MAYBE:
            err = await ck.put("k", str(tries), version)
            if tries and err not in (Err.MAYBE, Err.VERSION):
                put = describe_put("k", str(tries), version, err)
                raise AssertionError(f"{put}, though an earlier put may have used this version up")
            maybe += err is Err.MAYBE
            refused += err is Err.VERSION and not tries
            tries += 1
        await check_get(ck, "k", "0", version + 1)
    lost = replies_lost(sim, ck)
    await check_missing(ck)  # a lost reply to its put is no reason for ErrMaybe
    # A first try that was refused is wrong as well, and the check of the history tells it better.
    if lost and not maybe and not refused:
        replies = "a reply" if lost == 1 else f"{lost} replies"
        raise AssertionError(
            f"no Put returned ErrMaybe, though the network lost {replies} to Puts"
        )


# -- not among the tests of the course ----------------------------------------------------------


@simulate()
async def test_many_keys_reliable(sim: Simulation) -> None:
    """Each key has a version of its own, and keeps whatever value is put, even an empty one."""
    sim.serve()
    ck = clerk(sim)
    versions = {key: 1 + i % 3 for i, key in enumerate(KEYS)}
    for round_ in range(max(versions.values())):
        for i, key in enumerate(KEYS):
            if round_ < versions[key]:
                await check_put(ck, key, VALUES[(i + round_) % len(VALUES)], round_)
    for i, (key, version) in enumerate(versions.items()):
        value = VALUES[(i + version - 1) % len(VALUES)]
        await check_put(ck, key, "of the past", version - 1, Err.VERSION)
        await check_put(ck, key, "of the future", version + 1, Err.VERSION)
        await check_get(ck, key, value, version)
        await check_put(ck, key, value, version)  # what it holds already counts as well
        await check_get(ck, key, value, version + 1)
    for _ in range(2):  # a look at what is not there does not make it
        await check_missing(ck)
    check_rpcs(sim)


@simulate(network=UNRELIABLE)
async def test_put_concurrent_unreliable(sim: Simulation) -> None:
    """Five clients put to three keys and read them, without waiting for each other."""
    sim.serve()
    keys = make_keys(3)
    _ = await spawn_clients_and_wait(
        sim, 5, 2, lambda client: one_client_put(client, keys, random_keys=True)
    )
    await check_missing(clerk(sim))


@simulate()
async def test_outage(sim: Simulation) -> None:
    """The server is out of reach for long: a clerk retries until it has an answer."""
    sim.serve()
    ck = clerk(sim)
    for version, one_way in enumerate((False, True)):
        # One way, the server hears of the put and executes it, and nobody hears of that.
        cut = sim.links.cut([["server"], [name_of(ck)]], one_way=one_way)
        put = asyncio.create_task(ck.put("k", f"{version}", version), name="put")
        await asyncio.sleep(OUTAGE_S)
        sim.links.restore(cut)
        err = await put
        if err is not (Err.MAYBE if one_way else Err.OK):
            raise AssertionError(
                f"{describe_put('k', f'{version}', version, err)}, sent again until it "
                "could be answered"
            )
        cut = sim.links.cut([["server"], [name_of(ck)]])
        get = asyncio.create_task(ck.get("k"), name="get")
        await asyncio.sleep(OUTAGE_S)
        sim.links.restore(cut)
        _ = await get


@simulate(network=COPIES, model=None)
async def test_copies(sim: Simulation) -> None:
    """Requests arrive twice: a put is installed once, before its clerk is answered.

    The network of the course makes no copies; to a server they are two clients that put the same.
    A server with slow handlers may execute the copy first, and answer ErrVersion to the original.
    """
    sim.serve()
    ck = clerk(sim)
    keys = make_keys(2)
    for number in range(sim.at_most(ROUNDS, "rounds")):
        key, version = keys[number % 2], number // 2
        err = await ck.put(key, f"{number}", version)
        if err not in (Err.OK, Err.VERSION, Err.MAYBE):
            put = describe_put(key, f"{number}", version, err)
            raise AssertionError(f"{put}, and the key was at version {version}")
        await check_get(ck, key, f"{number}", version + 1)


@simulate()
async def test_get_and_put_reliable(sim: Simulation) -> None:
    """Five clients read or write one key, often at the same instant."""
    sim.serve()

    async def work(client: Client) -> None:
        version = 0
        while not client.stopped:
            if client.below(2):
                _ = await client.ck.get("k")
            else:
                version, _ = await one_put(client, "k", version)

    _ = await spawn_clients_and_wait(sim, 5, 0.1, work)
    check_rpcs(sim)


@simulate(network=LONG_REORDERING)
async def test_late_replies(sim: Simulation) -> None:
    """Most replies are late: whoever does not wait for one has sent the put more than once."""
    sim.serve()
    keys = make_keys(2)
    _ = await spawn_clients_and_wait(
        sim, 3, 8, lambda client: one_client_put(client, keys, random_keys=True)
    )


@simulate(seeds=4, weight=25)
async def test_many_and_long_reliable(sim: Simulation) -> None:
    """The server keeps however many keys there are and however long a value is, and no more."""
    server = sim.serve()
    ck = clerk(sim)
    for number in range(MANY):
        await check_put(ck, f"key {number}", f"value {number}", 0)
    value = "long" * (sim.at_most(LONG, "letters") // 4)
    await check_put(ck, "key 0", value, 1)
    await check_get(ck, "key 0", value, 2)
    before = sim.measure(server)
    for number in range(1, MANY):
        await check_get(ck, f"key {number}", f"value {number}", 1)
        await check_put(ck, f"key {number}", f"value {number}", 0, Err.VERSION)
    check_kept(sim, server, before, "nothing that is not there already was put")
    check_rpcs(sim)


@simulate()
async def test_similar_texts_reliable(sim: Simulation) -> None:
    """Texts that look alike, or are equal to other programs, are different keys and values."""
    sim.serve()
    ck = clerk(sim)
    puts = list(zip(SIMILAR, (*SIMILAR[1:], SIMILAR[0]), strict=True))
    for key, value in puts:
        await check_put(ck, key, value, 0)
    for key, value in puts:
        await check_get(ck, key, value, 1)
    check_rpcs(sim)
