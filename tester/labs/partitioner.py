"""The partitioner of the KV tests: every second or so, it tears the servers apart anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

from tester.world.simulation import Simulation

PERIOD_MS: Final = 1_000
SPAN_MS: Final = 200
"""The most by which a period is longer."""

Links = Mapping[tuple[str, str], str]
"""The client end by which one server talks to another: {("s0", "s1"): "s0-s1", ...}."""


@contextlib.asynccontextmanager
async def partitioner(sim: Simulation, links: Links) -> AsyncIterator[None]:
    """Inside, the servers that these links join are on two sides, and change them at every period.

    Each server's side is a toss of its own, so that one side may be empty. Afterwards all links
    are whole again. The first toss comes at once: clients do not get a second of peace first.
    """
    async with asyncio.TaskGroup() as group:
        tearing = group.create_task(_tear(sim, links), name="partitioner")
        try:
            yield
        finally:
            tearing.cancel()
            for end in links.values():
                sim.network.enable(end)
    sim.note("no partition any more")


async def _tear(sim: Simulation, links: Links) -> None:
    servers = sorted({server for pair in links for server in pair})
    below = sim.choices.stream("work/partitioner").below
    while True:
        side = {server: below(2) for server in servers}
        for (here, there), end in links.items():
            sim.network.enable(end, side[here] == side[there])
        sides = [[server for server in servers if side[server] == half] for half in (0, 1)]
        sim.note(f"partition = {' | '.join(' '.join(half) for half in sides if half)}")
        await asyncio.sleep((PERIOD_MS + below(SPAN_MS)) / 1_000)
