"""The suite of the 2024 key/value lab: Put, Append and Get, each executed exactly once.

All tests of the 2024 edition under their names, the early one with many appends among them; and
ours. Each takes the server and the clerk from the submission, and asks for what the contract in
docs/3-labs.md says, no more. What the server may keep is measured on the server object alone.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Final, NamedTuple, cast

from tester.labs.crowd import AT_ONCE, CROWDED, VALUE, AppendClerks, check_growth, check_kept
from tester.labs.kvtest import (
    KEYS,
    OUTAGE_S,
    SIMILAR,
    VALUES,
    AnyClient,
    let_work,
    make_keys,
    name_of,
)
from tester.labs.witness import AppendWitness, short
from tester.world.handles import AppendKV
from tester.world.limits import Limits
from tester.world.nodes import Remote
from tester.world.simulate import UNRELIABLE, simulate
from tester.world.simulation import Simulation

ITERATIONS: Final = 3
APPENDS: Final = 10
"""How often each client appends to the one key."""

BYTES_PER_CLIENT: Final = 200
"""After a write: room for one slim table entry, and for no more."""
BYTES_PER_READER: Final = 10
MANY_APPENDS: Final = 1_000
APPENDED: Final = 1_000
"""Letters of each of these appends."""
LARGE: Final = 10 * 2**20
"""Letters of a large value, of a byte each."""
MINUTES_S: Final = 300
WRITES: Final = 1_000
"""Of one client, to one key."""
CROWD: Final = 1_000
"""How many others write while one client is out of reach."""
SLACK: Final = 2**16
"""Bytes for what a server needs besides the values it has to remember."""

COPIES: Final = UNRELIABLE.but(latency_us=4_000, duplicate=(1, 2), duplicate_delay_ms=3)
"""One request in two arrives twice. The copy is at most 3 ms behind, and a reply takes longer:
the copy comes while the clerk still waits for its answer, and not after it has gone on."""
ROUNDS: Final = 40


def serve(sim: Simulation) -> Remote:
    """The submission's server, on a node of its own."""
    return sim.serve(sim.submission.get("kvsrv.dedup.server", "KVServer"))


def clerk(sim: Simulation) -> AppendKV:
    """A clerk of the submission and its witness."""
    factory = sim.submission.get("kvsrv.dedup.client", "Clerk")
    return AppendWitness(sim, cast(AppendKV, sim.clerk(factory, like=AppendKV)))


class Client(AnyClient[AppendKV]):
    """A client with a clerk of its own."""

    def __init__(self, sim: Simulation, number: int) -> None:
        super().__init__(sim, number, clerk(sim))


class Wrote(NamedTuple):
    """What one client has left behind at its key."""

    key: str
    value: str


def element(client: AnyClient[AppendKV], number: int) -> str:
    """What a client writes: different each time, and none is a part of another.

    So every value tells who wrote what of it, which also keeps the check of the history fast.
    """
    return f"x {client.name} {number} y"


async def one_client(client: Client, key: str) -> Wrote:
    """Append to a key that nobody else writes to, or read it, until the client may stop."""
    ck = client.ck
    value = element(client, 0)
    written = 1
    await ck.put(key, value)
    while not client.stopped:
        if client.below(2) == 0:
            new = element(client, written)
            old = await ck.append(key, new)
            if old != value:
                raise AssertionError(f"Append({key!r}, {new!r}) -> {differs(old, value)}")
            value += new
            written += 1
        else:
            found = await ck.get(key)
            if found != value:
                raise AssertionError(f"Get({key!r}) -> {differs(found, value)}")
    return Wrote(key, value)


def differs(found: str, wanted: str) -> str:
    """How an answer differs from the value that only its own client can have changed."""
    at = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), None)
    at = min(len(found), len(wanted)) if at is None else at
    start = max(0, at - 10)
    return (
        f"{len(found)} letters with {found[start : at + 20]!r} at {start}, but nobody else writes "
        f"to this key, which holds {len(wanted)} letters with {wanted[start : at + 20]!r} there"
    )


async def generic(sim: Simulation, n: int) -> None:
    """Three times one second of clients, each with a key of its own, and a look at the keys."""
    serve(sim)
    ck = clerk(sim)
    keys = make_keys(n)
    for _ in range(sim.at_most(ITERATIONS, "iterations")):
        clients = [Client(sim, number) for number in range(sim.at_most(n, "clients"))]
        for key, value in await let_work(
            sim, clients, 1, lambda client: one_client(client, keys[client.number])
        ):
            found = await ck.get(key)
            if found != value:
                raise AssertionError(f"at last, Get({key!r}) -> {differs(found, value)}")


@simulate(seeds=20, weight=5, model="kv-append")
async def test_basic(sim: Simulation) -> None:
    """One client appends and reads, for three seconds."""
    await generic(sim, 1)


@simulate(seeds=5, weight=20, model="kv-append")
async def test_concurrent(sim: Simulation) -> None:
    """Five clients append and read, each at a key of its own, for three seconds."""
    await generic(sim, 5)


@simulate(network=UNRELIABLE, model="kv-append")
async def test_unreliable(sim: Simulation) -> None:
    """Five clients append and read, each at a key of its own, on an unreliable network."""
    await generic(sim, 5)


@simulate(network=UNRELIABLE, model="kv-append")
async def test_unreliable_one_key(sim: Simulation) -> None:
    """Five clients append to the same key, on an unreliable network."""
    serve(sim)
    ck = clerk(sim)
    first = "x y"
    await ck.put("k", first)
    clients = [Client(sim, number) for number in range(sim.at_most(5, "clients"))]
    appends = sim.at_most(APPENDS, "appends")

    async def work(client: Client) -> list[str]:
        elements = [element(client, number) for number in range(appends)]
        for new in elements:
            old = await client.ck.append("k", new)
            if new in old:
                raise AssertionError(f"Append('k', {new!r}) found that in the value already")
        return elements

    appended = await let_work(sim, clients, 0, work)
    check_elements(await ck.get("k"), [[first], *appended])


def check_elements(value: str, appended: list[list[str]]) -> None:
    """Fail unless the value holds every element once, those of each client in their order."""
    for elements in appended:
        last = -1
        for one in elements:
            at = value.find(one)
            if at < 0:
                raise AssertionError(f"{one!r} was appended, and is not in the value {value!r}")
            if value.count(one) > 1:
                raise AssertionError(f"{one!r} was appended once, and {value!r} has it again")
            if at < last:
                raise AssertionError(f"{one!r} was appended later than it stands in {value!r}")
            last = at
    if len(value) != sum(len(one) for elements in appended for one in elements):
        raise AssertionError(f"{value!r} holds more than what was written: {appended}")


@simulate(seeds=5, weight=20, network=UNRELIABLE, model=None)
async def test_mem_get(sim: Simulation) -> None:
    """The server keeps no reply to a Get."""
    server = serve(sim)
    one, two = clerk(sim), clerk(sim)
    size = sim.at_most(LARGE, "letters")
    await one.put("k", "v" * size)
    for ck in (one, two):
        check_size(await ck.get("k"), size)
    await two.put("k", "0")
    await another_client(sim)
    check_memory(sim, server, 0, "the large value has been replaced")


@simulate(seeds=5, weight=20, model=None)
async def test_mem_put(sim: Simulation) -> None:
    """The server keeps no value that a Put has replaced."""
    server = serve(sim)
    one, two = clerk(sim), clerk(sim)
    await one.put("k", "v" * sim.at_most(LARGE, "letters"))
    await two.put("k", "")
    await another_client(sim)
    check_memory(sim, server, 0, "the large value has been replaced")


@simulate(seeds=5, weight=20, model=None)
async def test_mem_append(sim: Simulation) -> None:
    """Besides the value, the server keeps one reply for each client and nothing else."""
    server = serve(sim)
    one, two = clerk(sim), clerk(sim)
    size = sim.at_most(LARGE, "letters")
    check_size(await one.append("k", "v" * size), 0)
    check_size(await two.append("k", "w" * size), size)
    await another_client(sim)
    check_memory(sim, server, 3 * size, "it holds two large values and has answered with one")


async def another_client(sim: Simulation) -> None:
    """Leave something small where a server still has its latest request at hand.

    A task that waits for the next one keeps its variables until then.
    """
    ck = clerk(sim)
    await ck.put("another key", "")
    _ = await ck.get("another key")


def check_size(value: str, size: int) -> None:
    """Fail unless the value has this many letters."""
    if len(value) != size:
        raise AssertionError(f"a value of {size} letters came back with {len(value)}")


def check_memory(sim: Simulation, server: Remote, allowed: int, after: str) -> None:
    """Fail if the server object holds more bytes than this, with some slack."""
    held = sim.measure(server)
    if held > allowed + SLACK:
        raise AssertionError(
            f"the server holds {held} bytes after {after}; {allowed + SLACK} are allowed"
        )


@simulate(seeds=1, weight=50, model=None, limits=CROWDED)
async def test_mem_put_many_clients(sim: Simulation) -> None:
    """The server keeps little of a client that has put once."""
    server = serve(sim)
    await clerk(sim).put("k", VALUE)
    await check_growth(
        sim, server, AppendClerks, lambda crowd: crowd.put(), "put", BYTES_PER_CLIENT
    )


@simulate(seeds=1, weight=50, model=None, limits=CROWDED)
async def test_mem_get_many_clients(sim: Simulation) -> None:
    """The server keeps nothing of a client that only reads."""
    server = serve(sim)
    await clerk(sim).put("k", VALUE)
    await check_growth(
        sim, server, AppendClerks, lambda crowd: crowd.get(), "read", BYTES_PER_READER
    )


@simulate(seeds=1, weight=50, model=None)
async def test_mem_many_appends(sim: Simulation) -> None:
    """After many appends by one client, the server keeps one reply and not all of them."""
    server = serve(sim)
    ck = clerk(sim)
    appends = sim.at_most(MANY_APPENDS, "appends")
    before = sim.measure(server)
    for number in range(appends):
        check_size(await ck.append("k", "v" * APPENDED), number * APPENDED)
        sim.history.drop_last_result()  # all together have half a billion letters
    grown = sim.measure(server) - before
    if grown > 3 * appends * APPENDED + SLACK:
        raise AssertionError(
            f"after {appends} appends of {APPENDED} letters the server holds {grown} bytes more; "
            "it needs the value and one reply"
        )


# -- not among the tests of the course ----------------------------------------------------------


@simulate(network=UNRELIABLE, model="kv-append")
async def test_unreliable_one_key_put(sim: Simulation) -> None:
    """Five clients put to the same key, append to it and read it, on an unreliable network."""
    serve(sim)
    clients = [Client(sim, number) for number in range(sim.at_most(5, "clients"))]
    operations = sim.at_most(APPENDS, "operations")

    async def work(client: Client) -> None:
        for number in range(operations):
            match client.below(3):
                case 0:
                    await client.ck.put("k", element(client, number))
                case 1:
                    _ = await client.ck.append("k", element(client, number))
                case _:
                    _ = await client.ck.get("k")

    _ = await let_work(sim, clients, 0, work)


@simulate(network=COPIES, model="kv-append")
async def test_copies_in_flight(sim: Simulation) -> None:
    """Requests arrive twice, close together: each write happens once, and its clerk is answered.

    The network of the course makes no copies, so a server need not remember a request after its
    clerk has an answer: five clients write and read, one at a time, and a copy arrives only while
    its request is being served.
    """
    serve(sim)
    clients = [Client(sim, number) for number in range(sim.at_most(5, "clients"))]
    values = dict.fromkeys(make_keys(2), "")
    for number in range(sim.at_most(ROUNDS, "rounds")):
        client = clients[number % len(clients)]
        key = [*values][client.below(len(values))]
        new = element(client, number)
        match client.below(3):
            case 0:
                await client.ck.put(key, new)
                values[key] = new
            case 1:
                await _check_append(client.ck, key, new, values[key])
                values[key] += new
            case _:
                await _check_get(client.ck, key, values[key])


@simulate(model="kv-append")
async def test_any_text(sim: Simulation) -> None:
    """Keys and values may be any text, even empty, and different keys are independent."""
    serve(sim)
    ck = clerk(sim)
    for key, value in zip(KEYS, itertools.cycle(VALUES), strict=False):
        await _check_get(ck, key, "")
        await _check_append(ck, key, value, "")
        await _check_append(ck, key, "", value)
        await _check_append(ck, key, value, value)
        await ck.put(key, value)
    for key, value in zip(KEYS, itertools.cycle(VALUES), strict=False):
        await _check_get(ck, key, value)
        await ck.put(key, "")
        await _check_get(ck, key, "")


@simulate(seeds=5, weight=20, model=None)
async def test_forgotten_client(sim: Simulation) -> None:
    """A client is cut off for long while many others write: each of its writes happens once."""
    serve(sim)
    puts, appends, other = clerk(sim), clerk(sim), clerk(sim)
    await puts.put("p", "first")
    await _check_append(appends, "a", "first", "")
    both = [name_of(puts), name_of(appends)]
    deaf = sim.links.cut([["server"], both], one_way=True)
    put = asyncio.create_task(puts.put("p", "mine"), name="put")
    append = asyncio.create_task(appends.append("a", ", mine"), name="append")
    await asyncio.sleep(1)
    cut = sim.links.cut([["server"], both])
    seen = await other.get("p")
    await other.put("p", "theirs")
    crowd = sim.at_most(CROWD, "clients")
    for first in range(0, crowd, AT_ONCE):
        names = [f"client{n}" for n in range(first, min(first + AT_ONCE, crowd))]
        node = sim.node("clients")
        ends = (node.end(name, "server") for name in names)
        await cast(AppendClerks, node.make(AppendClerks, first, *ends)).sign()
    await asyncio.sleep(OUTAGE_S)
    sim.links.restore(deaf)
    sim.links.restore(cut)
    await put
    old = await append
    if old != "first":
        raise AssertionError(f"Append('a', ', mine') -> {old!r}, and not 'first'")
    await _check_get(other, "a", "first, mine")
    if seen == "mine":  # and so it had been put before the other
        await _check_get(other, "p", "theirs")
    for n in range(crowd):
        await _check_get(other, f"k{n}", f"{n}")


@simulate(seeds=2, weight=50, model=None, limits=Limits(virtual_s=2 * MINUTES_S))
async def test_cut_off_for_minutes(sim: Simulation) -> None:
    """A client is cut off for five minutes before it gets the answer: its writes happen once."""
    serve(sim)
    ck, other = clerk(sim), clerk(sim)
    await ck.put("a", "first")
    deaf = sim.links.cut([["server"], [name_of(ck)]], one_way=True)
    append = asyncio.create_task(_check_append(ck, "a", ", mine", "first"), name="append")
    await asyncio.sleep(1)
    cut = sim.links.cut([["server"], [name_of(ck)]])
    for number in range(MINUTES_S // 10):
        await asyncio.sleep(10)
        await other.put("b", f"{number}")
    sim.links.restore(deaf)
    sim.links.restore(cut)
    await append
    await _check_get(other, "a", "first, mine")


@simulate(seeds=2, weight=50, model=None)
async def test_mem_many_writes(sim: Simulation) -> None:
    """However often one client has written or read, the server keeps of it what it has to."""
    server = serve(sim)
    ck = clerk(sim)
    before = 0
    for number in range(WRITES):  # always as many: of a few, one leap of a container would be much
        if number == WRITES // 10:
            before = sim.measure(server)
        await ck.put("k", "")
        await _check_append(ck, "k", f"{number:4}", "")
        for _ in range(2):
            await _check_get(ck, "k", f"{number:4}")
        await _check_get(ck, f"there is no key {number}", "")
    check_kept(
        sim, server, before, "one key was written and others were read, which are not there"
    )


async def _check_get(ck: AppendKV, key: str, value: str) -> None:
    """Get, and fail unless this is the value."""
    if (found := await ck.get(key)) != value:
        raise AssertionError(f"Get({short(key)}) -> {short(found)}, and not {short(value)}")


async def _check_append(ck: AppendKV, key: str, arg: str, old: str) -> None:
    """Append, and fail unless this was the value before."""
    if (found := await ck.append(key, arg)) != old:
        raise AssertionError(
            f"Append({short(key)}, {short(arg)}) -> {short(found)}, and not {short(old)}"
        )


@simulate(model="kv-append")
async def test_similar_texts(sim: Simulation) -> None:
    """Texts that look alike, or are equal to other programs, are different keys and values."""
    serve(sim)
    ck = clerk(sim)
    for key, value in zip(SIMILAR, (*SIMILAR[1:], SIMILAR[0]), strict=True):
        await ck.put(key, value)
        await _check_append(ck, key, key, value)
    for key, value in zip(SIMILAR, (*SIMILAR[1:], SIMILAR[0]), strict=True):
        await _check_get(ck, key, value + key)
