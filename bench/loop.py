"""Events per second: tasks that do nothing but let others go first, on a node and on asyncio."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from bench.rounds import Row, per_second, simulate_once
from tester import Simulation

TASKS: Final = 10
SWITCHES: Final = 20_000
"""How many one figure takes."""


async def _take_turns() -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(TASKS):
            tasks.create_task(_yield())


async def _yield() -> None:
    for _ in range(SWITCHES // TASKS):
        await asyncio.sleep(0)


async def _in_simulation(sim: Simulation) -> None:
    await _take_turns()


def rows() -> list[Row]:
    """Each switch in simulation is a choice among the ready tasks."""
    return [
        Row(
            "events/s: task switches",
            figure=partial(per_second, SWITCHES, partial(simulate_once, _in_simulation)),
            yardstick=partial(per_second, SWITCHES, lambda: asyncio.run(_take_turns())),
            against="asyncio",
        )
    ]
