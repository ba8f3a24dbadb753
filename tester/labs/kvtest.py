"""The KV test layer: what the key/value suites are written with, and what yours can be.

A test makes a server and clients, lets the clients race, and asks whether what they were told
adds up. Each call of a clerk is an operation: it is recorded, and when the test returns, all of
them are checked against the model. The functions here check what can be said sooner, or simpler:

    @simulate(network=UNRELIABLE)
    async def test_two_clients(sim: Simulation) -> None:
        sim.serve()
        tallies = await spawn_clients_and_wait(sim, 2, 1, lambda c: one_client_put(c, ["k"]))
        await check_put_concurrent(sim, sim.clerk(), "k", tallies)

A check that fails raises AssertionError with a sentence. Versions count from 0, "no such key".
Times are virtual seconds. Whatever is random is a choice of the run, from the stream
`work/<clerk>`, so that a client more leaves the values of the others alone.
"""

from __future__ import annotations

import asyncio
import string
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

from kvsrv.rpc import Err, Version
from linearizability.verdict import counted
from tester.labs.witness import (
    AppendWitness,
    Witness,
    describe_get,
    describe_put,
    describe_read,
    enough,
)
from tester.world.failure import TooManyRpcs
from tester.world.handles import KV
from tester.world.nodes import Remote
from tester.world.simulation import Simulation

R = TypeVar("R")

KEYS: Final = (
    *(
        "",
        " ",
        "k",
        "K",
        "k ",
        "k0",
        "k1",
        "k10",
        "0",
        "a/b",
        "a:b",
        "line\nfeed",
        "schl\u00fcssel",
    ),
    *(f"{'long' * 100}{i}" for i in range(3)),
)
"""Many of them have a beginning, an end or a spelling in common."""
VALUES: Final = (
    "",
    "0",
    " spaces around them ",
    "None",
    "line\nfeed",
    "\u00e4\U0001f511",
    "v" * 9_999,
)
SIMILAR: Final = (
    *("\u00e9", "e\u0301", "\u00c3\u00a9", "e", "E"),
    *("stra\u00dfe", "strasse", "\ufb01ne", "fine", "\u0131", "i"),
    *("a", "a\n", "a\r\n", "\na", "a\t", "\u00a0a", "\ufeffa", "a\u200b", "a\0", "\0"),
    *("1", "01", "1.0", "+1", "1e0", "True", "true", "null", "\u0661"),
    *("b&c", "b&amp;c", "b%26c", "b\\u0026c", "[]", "{}", '"b"', "'b'"),
    *(",", ";", "|", "b,c", "b|c", "b\x1fc", "b\u2028c", "b\nc", "../b", "b/."),
)
"""Different texts, which programs take for equal that strip, split, fold, quote or normalize."""
OUTAGE_S: Final = 10
"""Out of reach for so long, where a call takes at most a tenth of a second."""


class Tally(NamedTuple):
    """How the puts of one client ended, those aside that were refused."""

    ok: int
    maybe: int


K = TypeVar("K")
C = TypeVar("C", bound="AnyClient[Any]")


class AnyClient(Generic[K]):
    """One of the clients of a test: its number, its clerk, its luck, and whether it may stop."""

    def __init__(self, sim: Simulation, number: int, ck: K) -> None:
        self.sim = sim
        self.number = number
        self.ck = ck
        self.name = name_of(ck)
        self.stopped = False
        """Set when the time is up: look at it between two operations, and return."""

    def below(self, n: int) -> int:
        """An integer in [0, n)."""
        return self.sim.choices.below(n, f"work/{self.name}")

    def rand_value(self, n: int) -> str:
        """Letters, `n` of them."""
        return rand_value(self.sim, n, self.name)


class Client(AnyClient[KV]):
    """A client of the versioned key/value server, whose clerk has a witness."""

    def __init__(self, sim: Simulation, number: int) -> None:
        self.clerk = sim.clerk()
        """The clerk itself: what a lock is built on."""
        super().__init__(sim, number, Witness(sim, self.clerk))


def clerk(sim: Simulation, node: str = "") -> KV:
    """A clerk of the submission, with a witness who does not believe everything it says."""
    return Witness(sim, sim.clerk(node=node))


def name_of(ck: object) -> str:
    """The name of a clerk, which is also the name of its client end."""
    return ck.name if isinstance(ck, Witness | AppendWitness) else cast(Remote, ck)._key


# -- clients ------------------------------------------------------------------------------------


async def spawn_clients_and_wait(
    sim: Simulation,
    n: int,
    seconds: float,
    work: Callable[[Client], Coroutine[Any, Any, R]],
) -> list[R]:
    """Run `n` clients, tell them to stop after these seconds, and wait until all have returned.

    Gives what each returned, in the order of their numbers. If one raises, the others are
    cancelled; what they had asked for stays open in the history.
    """
    clients = [Client(sim, number) for number in range(sim.at_most(n, "clients"))]
    return await let_work(sim, clients, seconds, work)


async def let_work(
    sim: Simulation,
    clients: Sequence[C],
    seconds: float,
    work: Callable[[C], Coroutine[Any, Any, R]],
) -> list[R]:
    """What `spawn_clients_and_wait` does, with clients that there are already, of any kind."""
    milliseconds = sim.at_most(round(seconds * 1_000), "milliseconds") if seconds else 0
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(work(client), name=f"client {client.number}") for client in clients
        ]
        await asyncio.sleep(milliseconds / 1_000)
        for client in clients:
            client.stopped = True
    return [task.result() for task in tasks]


async def one_put(client: AnyClient[KV], key: str, version: Version) -> tuple[Version, bool]:
    """Put until the server takes it, or may have taken it, reading the key after each try.

    `version` is what the client believes. Returns the version it read last, and whether the put
    was answered OK (else ErrMaybe). The value names the client and the version it believed in:
    after OK, if nobody else has put since, it must be there.
    """
    while True:
        value = f"{client.name}.{version}"
        err = await client.ck.put(key, value, version)
        put = describe_put(key, value, version, err)
        if err not in (Err.OK, Err.VERSION, Err.MAYBE):
            raise AssertionError(f"{put} is no answer to a put of a key that may exist")
        found, now, read = await client.ck.get(key)
        get = describe_get(key, (found, now, read))
        if read is not Err.OK:
            raise AssertionError(f"{put}, and then {get}: the key must exist by now")
        if now <= version:
            raise AssertionError(f"{put}, and then {get}: by now the version must be higher")
        if err is Err.OK and now == version + 1 and found != value:
            raise AssertionError(f"{put}, and then {get}: it must be the value that was put")
        version = now
        if err is not Err.VERSION:
            return version, err is Err.OK


async def one_client_put(
    client: AnyClient[KV], keys: Sequence[str], *, random_keys: bool = False, pause_ms: int = 0
) -> Tally:
    """Put to the first key, or to random ones, until the client may stop.

    Before each put it pauses for less than `pause_ms`.
    """
    versions = dict.fromkeys(keys, 0)
    ok = maybe = 0
    while not client.stopped:
        if pause_ms:
            await asyncio.sleep(client.below(pause_ms) / 1_000)
        key = keys[client.below(len(keys))] if random_keys else keys[0]
        versions[key], done = await one_put(client, key, versions[key])
        ok += done
        maybe += not done
    return Tally(ok, maybe)


async def put_at_least_once(ck: KV, key: str, value: str, version: Version) -> Version:
    """Put until the answer is OK, a version higher after each other answer.

    Returns the version the key had when the put succeeded. The value may be put more than once.
    """
    while (err := await ck.put(key, value, version)) is not Err.OK:
        if err not in (Err.VERSION, Err.MAYBE):
            put = describe_put(key, value, version, err)
            raise AssertionError(f"{put}, and only its version can be wrong")
        version += 1
    return version


async def spread_puts(
    sim: Simulation, ck: KV, n: int, size: int = 20
) -> tuple[list[str], list[str]]:
    """Create `n` keys with random values of `size` letters, then check all of them."""
    keys = make_keys(n)
    values = [rand_value(sim, size, name_of(ck)) for _ in keys]
    for key, value in zip(keys, values, strict=True):
        await check_put(ck, key, value, 0)
    for key, value in zip(keys, values, strict=True):
        await check_get(ck, key, value, 1)
    return keys, values


# -- checks -------------------------------------------------------------------------------------


async def check_put(ck: KV, key: str, value: str, version: Version, err: Err = Err.OK) -> None:
    """Put, and fail unless this is the answer."""
    got = await ck.put(key, value, version)
    if got is not err:
        raise AssertionError(f"{describe_put(key, value, version, got)}, and not {err}")


async def check_get(ck: KV, key: str, value: str, version: Version, err: Err = Err.OK) -> None:
    """Get, and fail unless value, version and error are all as given."""
    wanted = (value, version, err)
    got = await ck.get(key)
    if got != wanted:
        raise AssertionError(f"{describe_get(key, got)}, and not {describe_read(wanted)}")


async def check_put_concurrent(
    sim: Simulation, ck: KV, key: str, tallies: Sequence[Tally]
) -> None:
    """Compare the version of a key to which only these clients have put with what they were told.

    Each OK counts once, and each ErrMaybe at most once; on a reliable network there is none.
    """
    ok = sum(tally.ok for tally in tallies)
    maybe = sum(tally.maybe for tally in tallies)
    if maybe and sim.network.conditions.reliable:
        raise AssertionError(
            f"ErrMaybe was the answer to {counted(maybe, 'put')} on a reliable network"
        )
    _, version, _ = await ck.get(key)
    if not ok <= version <= ok + maybe:
        told = f"OK was the answer to {counted(ok, 'put')}"
        told += f", and ErrMaybe to {maybe}" if maybe else ""
        raise AssertionError(
            f"{key!r} has been put {counted(version, 'time')}, but {told}: {tallies}"
        )


def check_rpcs(sim: Simulation, most: int = 1) -> None:
    """Fail unless the clerks have sent one RPC for each operation, or up to `most`.

    Right on a reliable network, where nothing has ever to be sent again.
    """
    done = sim.history.completed
    if not done <= sim.rpcs <= most * done:
        raise TooManyRpcs(
            f"{counted(sim.rpcs, 'RPC')} for {counted(done, 'operation')}: on a reliable network "
            f"an operation takes {enough(most)}"
        )


async def check_missing(ck: KV, key: str = "nowhere") -> None:
    """Probe a key that nobody has put: no version of it can be replaced, and trying makes none."""
    await check_put(ck, key, "", 1, Err.NO_KEY)
    await check_get(ck, key, "", 0, Err.NO_KEY)


def replies_lost(sim: Simulation, ck: KV, method: str = "KVServer.put") -> int:
    """How many RPCs of this clerk were executed and their replies lost, so far."""
    return sim.network.unanswered(name_of(ck), method).get("reply lost", 0)


# -- keys and values ----------------------------------------------------------------------------


def make_keys(n: int) -> list[str]:
    """Keys, `n` of them: "k0", "k1", and so on."""
    return [f"k{i}" for i in range(n)]


def rand_value(sim: Simulation, n: int, who: str = "test") -> str:
    """Letters, `n` of them, from the stream `work/<who>`; all the same in the run without luck."""
    stream = f"work/{who}"
    letters = string.ascii_letters
    return "".join(letters[sim.choices.below(len(letters), stream)] for _ in range(n))
