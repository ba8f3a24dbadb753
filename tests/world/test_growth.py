"""Memory over many seeds: what a run was made of is gone when the next one begins."""

import gc
import sys

from tester import Simulation, faults, simulate
from tester.world.coverage import Coverage
from tester.world.run import run
from tester.world.simulate import UNRELIABLE

SEEDS = 60


@simulate(network=UNRELIABLE, faults=[faults.crash, faults.partition, faults.duplicates])
async def much(sim: Simulation) -> None:
    sim.serve()
    clerk, lock = sim.clerk(), sim.lock(sim.clerk(), "l")
    for version in range(3):
        await clerk.put("k", str(version), version)
        await lock.acquire()
        await lock.release()
    sim.figure("rpcs", sim.network.rpc_total)


def seeds(first: int) -> None:
    scenario = much.simulation
    for seed in range(first, first + SEEDS):
        for strategy in ("uniform", "swarm-pct"):
            one = scenario.under(None, strategy)
            coverage = Coverage()
            outcome = run(one, one.choices(seed), coverage=coverage)
            _ = coverage.hits(outcome.choices.faults)


def test_no_memory_grows_with_the_number_of_seeds() -> None:
    """Counted, not weighed: blocks of memory in use, and objects the collector knows."""
    seeds(1)
    found = []
    for first in (1_000, 2_000):
        gc.collect()
        found.append((sys.getallocatedblocks(), len(gc.get_objects())))
        seeds(first)
    gc.collect()
    blocks, objects = (
        now - before
        for now, before in zip(
            (sys.getallocatedblocks(), len(gc.get_objects())), found[1], strict=True
        )
    )
    assert objects < SEEDS // 2, "objects are left behind"
    assert blocks < 2 * SEEDS, "memory is left behind"
