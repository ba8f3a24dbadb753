"""The tests that the suites of both stores are made of: what a matrix varies, and the speed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tester.labs.kvraft.cluster import Cluster, within
from tester.labs.kvraft.verdicts import TooSlow
from tester.labs.partitioner import partitioner
from tester.world.simulation import Simulation

ITERATIONS: Final = 3
CLIENTS_S: Final = 1
"""How long clients work in an iteration..."""
PARTITIONED_S: Final = 2
"""... and how long under partitions, of which there is a new one about every second."""
PAUSE_MS: Final = 60
"""A client pauses for less than this before it puts."""
HEALED_S: Final = 10
"""In what time an operation must complete when everybody can talk to everybody again: there is a
leader within five seconds, and then it has to be found."""
PUTS: Final = 1_000
PUT_US: Final = 33_300
"""What a put may take: a third of the hundred milliseconds between heartbeats."""
LOG_FACTOR: Final = 8
"""How many times maxraftstate a Raft state may have."""


@dataclass(frozen=True)
class Matrix:
    """What the tests of the course vary; the network is the test's."""

    clients: int = 1
    servers: int = 5
    crash: bool = False
    partitions: bool = False
    maxraftstate: int = -1
    random_keys: bool = False


async def iterate(
    sim: Simulation,
    group: Cluster,
    matrix: Matrix,
    work: Callable[[float], Awaitable[None]],
    look: Callable[[], Awaitable[Any]],
) -> None:
    """Have clients work three times; partitions while they do so, crashes of all servers between.

    `work` lets the clients work for some seconds; `look` is what is asked of the store after
    that, when all servers can talk again.
    """
    for _ in range(sim.at_most(ITERATIONS, "iterations")):
        seconds = PARTITIONED_S if matrix.partitions else CLIENTS_S
        async with asyncio.TaskGroup() as together:
            if matrix.partitions:
                _ = together.create_task(_tear(sim, group, seconds), name="partitions")
            await work(seconds)
        await within(sim, HEALED_S, look(), "all servers are up, and can talk to each other")
        if matrix.crash:
            group.crash_all()
            await asyncio.sleep(1)
            group.restart_all()
        check_sizes(group, matrix.maxraftstate)


async def _tear(sim: Simulation, group: Cluster, seconds: float) -> None:
    async with partitioner(sim, group.servers.links):
        await asyncio.sleep(seconds)


def check_sizes(group: Cluster, maxraftstate: int) -> None:
    """Fail if a server keeps too much of its log, or makes snapshots that nobody wants."""
    if maxraftstate > 0:
        group.check_log_sizes(LOG_FACTOR * maxraftstate)
    else:
        group.check_snapshot_sizes(0)


async def speed(sim: Simulation, put: Callable[[int], Awaitable[None]]) -> None:
    """Have many operations done one after the other, and fail if they take too long.

    A leader that waits for its next heartbeat to send what it was given is too slow.
    """
    puts = sim.at_most(PUTS, "puts")
    start_us = sim.virtual_us
    for number in range(puts):
        await put(number)
        took_us = sim.virtual_us - start_us
        if took_us > PUT_US * puts:
            raise TooSlow(
                f"{number + 1} operations took {took_us // (number + 1) / 1_000} ms each, and "
                f"{PUT_US / 1_000} ms are enough: a leader must send what it is given at once"
            )


async def unless_done(
    sim: Simulation, tasks: Sequence[asyncio.Task[Any]], seconds: int, why: str
) -> None:
    """Let time pass, and fail if one of these operations completes, which it cannot."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if done:
        names = " and ".join(sorted(task.get_name() for task in done))
        raise AssertionError(f"{names} completed: {why}")
