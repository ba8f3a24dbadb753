"""A few seconds of what `make soak` does for a minute: see `all_soak`."""

from __future__ import annotations

from tester.labs.kvraft.network import FAULTY, LIMITS
from tester.labs.kvraft.ours import soak
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


@simulate(seeds=1, network=FAULTY, limits=LIMITS)
async def test_seconds_of_everything(sim: Simulation) -> None:
    await soak(sim, seconds=3)
