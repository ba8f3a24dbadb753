"""The suite of the lock lab: one holder at a time, and a free lock is soon somebody's.

The four tests of the 2025 edition, each with the second lock of 2026, the two tests that 2026
added, and ours. Each takes the server, the clerk and the lock from the submission, and asks for
what the contract in docs/3-labs.md says, no more.
"""

from __future__ import annotations

import asyncio
import string
from typing import Final, cast

from kvsrv.rpc import Err
from tester.labs.kvtest import KEYS, SIMILAR, Client, rand_value, spawn_clients_and_wait
from tester.labs.lock.borrower import Borrower
from tester.labs.lock.watch import Handle, watching
from tester.world.failure import MutualExclusionViolated
from tester.world.handles import KV
from tester.world.limits import Limits
from tester.world.nodes import Remote
from tester.world.simulate import RELIABLE, UNRELIABLE, simulate
from tester.world.simulation import Simulation

RUN_S: Final = 2
HOLD_S: Final = 0.01
"""How long a client keeps the lock each time."""
DATA: Final = "l0"
"""The key that the lock protects: "" while nobody is inside."""

HELD_S: Final = 15
"""Longer than any lease that a lock may think of; it has none."""

MINUTES_S: Final = 300
"""Longer than it would take anybody to lose patience; on a slow network that is a few polls."""
FAR: Final = RELIABLE.but(latency_us=50_000)

SHORT: Final = Limits(virtual_s=10)
"""For tests that need only a few RPCs: a lock that is never granted is noticed sooner."""


async def one_client(client: Client, first: Handle, second: Handle) -> None:
    """Take both locks once, then the first one, again and again, until the client may stop."""
    ck = client.clerk  # without a witness: whatever else a lock may send counts as this client's
    await ck.put(DATA, "", 0)
    await first.acquire()
    await second.acquire()
    await first.release()
    await second.release()
    while True:
        await first.acquire()
        inside, version, err = await ck.get(DATA)
        if err is not Err.OK or inside != "":
            raise MutualExclusionViolated(
                f"{client.name} holds the lock, and Get({DATA!r}) -> ({inside!r}, {err})"
            )
        await write(client, client.name, version)
        await asyncio.sleep(HOLD_S)
        await write(client, "", version + 1)
        await first.release()
        if client.stopped:
            return


async def write(client: Client, who: str, version: int) -> None:
    """Write who is inside; nobody else may write meanwhile."""
    err = await client.clerk.put(DATA, who, version)
    if err not in (Err.OK, Err.MAYBE):
        raise MutualExclusionViolated(
            f"{client.name} holds the lock, and Put({DATA!r}, {who!r}, v{version}) -> {err}"
        )


def lock_names(sim: Simulation, n: int) -> list[str]:
    """Twelve letters each, of which the first tells them apart; "lock0", ... in a run of zeros."""
    drawn = [rand_value(sim, 11) for _ in range(n)]
    return [
        f"lock{at}" if rest == "a" * 11 else letter + rest
        for at, (letter, rest) in enumerate(zip(string.ascii_letters, drawn, strict=False))
    ]


async def run_clients(sim: Simulation, n: int) -> None:
    """What the four client tests have in common."""
    sim.serve()
    one, two = lock_names(sim, 2)
    async with watching(sim, one) as first, watching(sim, two) as second:
        await spawn_clients_and_wait(
            sim, n, RUN_S, lambda c: one_client(c, first.lock(c), second.lock(c))
        )
        for times in first.acquired.values():
            sim.figure("acquisitions of a client", times)
        last = Client(sim, n)  # who finds both locks given back
        for lock in (second.lock(last), first.lock(last)):
            await lock.acquire()
            await lock.release()


@simulate(limits=SHORT)
async def test_reliable_basic(sim: Simulation) -> None:
    """One client acquires a lock and releases it."""
    sim.serve()
    (name,) = lock_names(sim, 1)
    lock = sim.lock(sim.clerk(), name)
    await lock.acquire()
    await lock.release()


@simulate(limits=SHORT)
async def test_reliable_nested(sim: Simulation) -> None:
    """One client holds two locks at once: locks with different names are independent."""
    sim.serve()
    ck = sim.clerk()
    one, two = (sim.lock(ck, name) for name in lock_names(sim, 2))
    await one.acquire()
    await two.acquire()
    await two.release()
    await one.release()

    await two.acquire()
    await one.acquire()
    await one.release()
    await one.acquire()
    await two.release()
    await one.release()


@simulate(seeds=20, weight=5)
async def test_one_client_reliable(sim: Simulation) -> None:
    """One client acquires and releases the lock again and again, for two seconds."""
    await run_clients(sim, 1)


@simulate(seeds=33, weight=3)
async def test_many_clients_reliable(sim: Simulation) -> None:
    """Ten clients compete for the lock, for two seconds."""
    await run_clients(sim, 10)


@simulate(network=UNRELIABLE)
async def test_one_client_unreliable(sim: Simulation) -> None:
    """One client acquires and releases the lock again and again, on an unreliable network."""
    await run_clients(sim, 1)


@simulate(network=UNRELIABLE)
async def test_many_clients_unreliable(sim: Simulation) -> None:
    """Ten clients compete for the lock, on an unreliable network."""
    await run_clients(sim, 10)


# -- not among the tests of the course ----------------------------------------------------------


@simulate(network=UNRELIABLE)
async def test_two_clients_once_unreliable(sim: Simulation) -> None:
    """Two clients acquire the lock once each: small enough for `labtester exhaust`."""
    sim.serve()
    (name,) = lock_names(sim, 1)

    async def once(client: Client, lock: Handle) -> None:
        await lock.acquire()
        await client.ck.put(DATA, client.name, 0)
        await lock.release()

    async with watching(sim, name) as watch:
        await spawn_clients_and_wait(sim, 2, 0, lambda client: once(client, watch.lock(client)))


@simulate()
async def test_reliable_names(sim: Simulation) -> None:
    """One client holds many locks at once, with similar names."""
    sim.serve()
    ck = sim.clerk()
    locks = [sim.lock(ck, name) for name in KEYS]
    for lock in locks:
        await lock.acquire()
    for lock in locks:
        await lock.release()


@simulate(limits=SHORT)
async def test_similar_names_reliable(sim: Simulation) -> None:
    """One client holds locks at once whose names look alike, or are equal to other programs."""
    sim.serve()
    ck = sim.clerk()
    locks = [sim.lock(ck, name) for name in SIMILAR]
    for lock in locks:
        await lock.acquire()
    for lock in locks:
        await lock.release()


@simulate(limits=SHORT, model=None)
async def test_async_with(sim: Simulation) -> None:
    """Three clients hold the lock by `async with`, which releases it even if the block raises."""
    sim.serve()
    (name,) = lock_names(sim, 1)
    borrowers = []
    for _ in range(sim.at_most(3, "clients")):
        ck = cast(Remote, sim.clerk())
        lock = sim.lock(cast(KV, ck), name)
        borrowers.append(cast(Borrower, ck._member.make(Borrower, ck, lock)))

    async def work(number: int, borrower: Borrower) -> None:
        for fails in (number % 2 == 0, number % 2 == 1):
            wrong = await borrower.borrow(DATA, f"client {number}", fails)
            if wrong:
                raise MutualExclusionViolated(wrong)

    async with asyncio.TaskGroup() as group:
        for number, borrower in enumerate(borrowers):
            group.create_task(work(number, borrower), name=f"client {number}")


@simulate(seeds=20, weight=5)
async def test_held_for_long(sim: Simulation) -> None:
    """One client holds the lock for long: the other one gets it only after the release."""
    await hold_for(sim, HELD_S * 10, 0.1)


@simulate(network=FAR, seeds=2, weight=50, limits=Limits(virtual_s=2 * MINUTES_S))
async def test_held_for_minutes(sim: Simulation) -> None:
    """One client holds the lock for five minutes: the other one gets it only after the release."""
    await hold_for(sim, MINUTES_S, 1)


async def hold_for(sim: Simulation, rounds: int, seconds: float) -> None:
    """Have a client hold the lock for so many times so long, and another one wait for it."""
    sim.serve()
    (name,) = lock_names(sim, 1)

    async def once(client: Client, lock: Handle) -> None:
        first = client.number == 0
        await asyncio.sleep(0 if first else 0.1)
        await lock.acquire()
        for _ in range(rounds if first else 0):  # it has work to do
            _ = await client.clerk.get(DATA)
            await asyncio.sleep(seconds)
        await lock.release()

    async with watching(sim, name) as watch:
        await spawn_clients_and_wait(sim, 2, 0, lambda client: once(client, watch.lock(client)))


@simulate(network=UNRELIABLE)
async def test_clients_leave_unreliable(sim: Simulation) -> None:
    """Five clients hold the lock once each, and crash as soon as they have given it back."""
    sim.serve()
    (name,) = lock_names(sim, 1)

    async def once(client: Client, lock: Handle) -> None:
        await lock.acquire()
        await asyncio.sleep(HOLD_S)
        await lock.release()
        sim.node(client.name).crash()

    async with watching(sim, name) as watch:
        await spawn_clients_and_wait(sim, 5, 0, lambda client: once(client, watch.lock(client)))
