"""A suite of one test, whose failing seeds have stories of two lengths."""

from __future__ import annotations

from tester.world.simulate import simulate
from tester.world.simulation import Simulation

LONG, SHORT = 30, 20
"""Operations that the stories take."""


@simulate(seeds=30)
async def test_two_ways(sim: Simulation) -> None:
    """Fails sooner by one fault than by the other: nothing makes a short story of a long one."""
    sim.serve()
    ck = sim.clerk()
    slow, quick, other = (sim.choices.chance(1, 5, way) for way in ("slow", "quick", "else"))
    if other:
        raise IndexError
    if slow or quick:
        for _ in range(SHORT if quick else LONG):
            await ck.get("k")
        raise KeyError
