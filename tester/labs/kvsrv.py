"""The suite of the key/value lab: one server, versioned puts, and clerks that must tell the truth.

The four tests of the 2025 edition; the memory test as in 2026. Each takes the server and the clerk
from the submission.
"""

from __future__ import annotations

from typing import Final

from kvsrv.rpc import Err
from tester.labs.crowd import VALUE, Putters, check_growth
from tester.labs.kvtest import (
    check_get,
    check_missing,
    check_put,
    check_put_concurrent,
    check_rpcs,
    clerk,
    one_client_put,
    replies_lost,
    spawn_clients_and_wait,
)
from tester.labs.witness import describe_put
from tester.world.simulate import UNRELIABLE, simulate
from tester.world.simulation import Simulation

BYTES_PER_CLIENT: Final = 10
"""A server that knows versions need not know its clients."""


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


@simulate(seeds=1, weight=50, model=None)
async def test_mem_put_many_clients_reliable(sim: Simulation) -> None:
    """The server's memory does not grow with the number of its clients."""
    server = sim.serve()
    await check_put(clerk(sim), "k", VALUE, 0)
    await check_growth(sim, server, Putters, lambda crowd: crowd.put(), "put", BYTES_PER_CLIENT)


@simulate(network=UNRELIABLE)
async def test_unreliable_net(sim: Simulation) -> None:
    """One client on an unreliable network puts once each time, and says so when it cannot know.

    Each round puts until the answer is not ErrMaybe; only its first try can have happened. Where
    the network in fact lost the reply to a Put, ErrMaybe must have been said at least once.
    """
    sim.serve()
    ck = clerk(sim)
    maybe = refused = 0
    for version in range(sim.at_most(100, "rounds")):
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
    await check_missing(ck)
    lost = replies_lost(sim, ck)
    # A first try that was refused is wrong as well, and the check of the history tells it better.
    if lost and not maybe and not refused:
        raise AssertionError(
            f"no Put was answered ErrMaybe, though the network lost {lost} replies to them"
        )
