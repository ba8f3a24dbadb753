"""What a run was made of is freed when its outcome is dropped, and not left to the collector."""

import asyncio
import gc

from tester import KV, Simulation
from tester.engine.choices import Choices, Seeded
from tester.world.run import Scenario, run
from tester.world.simulate import UNRELIABLE


async def much(sim: Simulation) -> None:
    """Clerks, a lock, and a server that restarts; no task is left that waits for its future."""
    sim.serve()
    clerk = sim.clerk()
    lock = sim.lock(sim.clerk(), "l")
    await lock.acquire()
    sim.node("server").crash()
    waiting = asyncio.create_task(_put(clerk))
    await sim.sleep(1)
    assert not waiting.done()
    sim.node("server").restart()
    await waiting
    sim.node("server").stop()


async def _put(clerk: KV) -> None:
    await clerk.put("k", "v", 0)


def test_a_run_leaves_no_cycles() -> None:
    scenario = Scenario(much, "much", network=UNRELIABLE)
    assert run(scenario, Choices(Seeded(0))).error is None
    gc.collect()
    before = gc.get_debug()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        assert run(scenario, Choices(Seeded(1))).ops == 2
        gc.collect()
        assert [type(thing).__name__ for thing in gc.garbage] == []
    finally:
        gc.set_debug(before)
        gc.garbage.clear()
