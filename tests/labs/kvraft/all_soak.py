"""A minute of everything: seven servers, fifteen clients, snapshots, and faults of all kinds.

`make soak` runs a thousand seeds; a seed takes three seconds of CPU time, and seed 0, which is
audited, a minute.
"""

from __future__ import annotations

from tester.labs.kvraft.network import FAULTY, LIMITS
from tester.labs.kvraft.ours import soak
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


@simulate(seeds=1, network=FAULTY, limits=LIMITS)
async def test_a_minute_of_everything(sim: Simulation) -> None:
    await soak(sim)
