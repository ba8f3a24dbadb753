"""Seeds per second of the KV scenario, with its faults and its check; and of asyncio without."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, Protocol

from bench import stock
from bench.rounds import Row, per_second
from kvsrv import Clerk, Err, KVServer, Version
from labrpc import ClientEnd
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.world.run import Scenario, run
from tester.world.simulate import UNRELIABLE

CLIENTS: Final = 5
PUTS: Final = 10
SEEDS: Final = 60
"""How many seeds one figure takes."""


class Putter(Protocol):
    """A clerk, here or behind the border of the test."""

    async def put(self, key: str, value: str, version: Version) -> Err:
        """See kvsrv.Clerk."""
        ...


async def _put_ten(clerk: Putter, key: str) -> None:
    for version in range(PUTS):
        assert await clerk.put(key, str(version), version) in (Err.OK, Err.MAYBE)


async def _in_simulation(sim: Simulation) -> None:
    sim.serve()
    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(_put_ten(sim.clerk(), f"k{number}"))


NETWORK: Final = UNRELIABLE
SCENARIO: Final = Scenario(_in_simulation, "kv", network=NETWORK)
"""10 % loss each way, 0-26 ms of delay, every operation recorded, the history checked."""


def run_seeds() -> None:
    """Run the scenario on seeds 1 to SEEDS; each must pass. Seed 0 is audited besides."""
    for seed in range(1, SEEDS + 1):
        run_seed(seed)


def run_seed(seed: int) -> None:
    """Run the scenario on a seed."""
    outcome = run(SCENARIO, Choices(Seeded(seed)))
    assert outcome.verdict == "pass", outcome.error
    assert outcome.ops == CLIENTS * PUTS


def _on_stock_asyncio() -> None:
    async def client(end: ClientEnd) -> None:
        await _put_ten(Clerk(end), end.name)

    async def runs() -> None:
        for _ in range(SEEDS):
            await stock.run_clients(KVServer(), client, CLIENTS)

    asyncio.run(runs())


def rows() -> list[Row]:
    """The scenario against the same 50 Puts on asyncio: no loss, no delay, no record, no check."""
    return [
        Row(
            "KV seeds/s",
            figure=partial(per_second, SEEDS, run_seeds),
            yardstick=partial(per_second, SEEDS, _on_stock_asyncio),
            against="its Puts, asyncio",
            at_least=1_000,
        )
    ]
