"""A tiny suite; what the tests of the runner run."""

import asyncio

from kvsrv.rpc import Err
from labrpc.conditions import UNRELIABLE
from tester.engine.choices import Seeded
from tester.world.failure import Undecided
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


@simulate(network=UNRELIABLE)
async def test_unreliable(sim: Simulation) -> None:
    """A client puts three times on an unreliable network, and it does not matter what it hears."""
    sim.serve()
    clerk = sim.clerk()
    for version in range(3):
        await clerk.put("calm", str(version), version)


@simulate(seeds=30, weight=5)
async def test_heavy(sim: Simulation) -> None:
    """Three clients put at once."""
    sim.serve()
    async with asyncio.TaskGroup() as clients:
        for number in range(3):
            clients.create_task(sim.clerk().put(f"calm {number}", "", 0))


@simulate(seeds=10)
async def test_third(sim: Simulation) -> None:
    """A client puts once.

    Which key, the seed decides.
    """
    await put_third(sim, "third")


async def put_third(sim: Simulation, key: str) -> None:
    """Put this key in seeds 3, 8, 13, ...; another one in the others."""
    sim.serve()
    third = isinstance(sim.choices.source, Seeded) and sim.choices.source.seed % 5 == 3
    answer = await sim.clerk().put(key if third else "calm", "", 0)
    if answer is Err.WRONG_GROUP:
        raise Undecided("the test cannot tell")
    assert answer is Err.OK, "the put was refused"
