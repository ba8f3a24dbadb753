"""The suite of the queue with leases: run it with `pytest docs/examples/leases`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from bugs import CountsFinishes, NeverExpires, NoFencing, TokensInMemory
from jobs import LEASE_S, Queue, Worker

from labrpc import UNRELIABLE
from linearizability import OPEN, Model
from tester import Livelock, NodeDown, NotLinearizable, Simulation, faults, simulate

States = Mapping[str, Mapping[str, Any]]
FAULTS = [faults.crash, faults.power_failure, faults.pause, faults.drift, faults.skew]
JOBS = 4


# -- the model: what a queue may answer -----------------------------------------------------------

Jobs = tuple[tuple[str, int, int], ...]
"""Each job with the latest token that a worker was told, and the token it was finished with."""


def step(jobs: Jobs, input: Any, output: Any) -> tuple[bool, Jobs]:
    """One operation. That there is nothing to do, or that a finish does not count, it may always
    say; a `take` whose answer was lost has leased a job to nobody.
    """
    method, args = input
    known = {job: (token, done) for job, token, done in jobs}
    legal = True
    if method == "add":
        known.setdefault(args[0], (0, 0))
    elif method == "take" and output is not OPEN and output[0]:
        job, token = output
        legal = job in known and not known[job][1] and token > known[job][0]
        known[job] = token, 0
    elif method == "finish" and output is not False:
        job, token = args
        latest, done = known.get(job, (0, 0))
        counts = done == token or (not done and latest == token)
        if counts:
            known[job] = latest, token
        legal = counts or output is OPEN
    return legal, tuple((job, *known[job]) for job in sorted(known))


def describe_operation(input: Any, output: Any) -> str:
    method, args = input
    said = "?" if output is OPEN else repr(output)
    return f"{method}({', '.join(map(repr, args))}) -> {said}"


def why_not(jobs: Jobs, input: Any, output: Any) -> str:
    method, args = input
    job, token = args if method == "finish" else output
    latest, done = next(((latest, done) for name, latest, done in jobs if name == job), (0, 0))
    if done:
        return f"{job} was already finished, under token {done}"
    return f"the latest lease on {job} has token {latest}, and this is token {token}"


queue = Model(
    "queue with leases",
    init=tuple,
    step=step,
    describe_operation=describe_operation,
    why_not=why_not,
)


# -- the test -------------------------------------------------------------------------------------


def all_done(states: States) -> bool:
    return all(len(state["done"]) == JOBS for state in states.values()) and bool(states)


async def work(sim: Simulation, worker: Any) -> None:
    """Take jobs and finish them; now and then that takes longer than the lease."""
    while True:
        try:
            job, token = await worker.take()
            await sim.sleep(LEASE_S * random.choice([0.1, 0.5, 1.5]))
            if job and not await worker.finish(job, token):
                sim.sometimes("a finish comes too late")
        except NodeDown:  # the worker's machine; it will be up again
            await sim.sleep(0.2)


async def jobs(sim: Simulation, kind: type[Queue] = Queue) -> None:
    node = sim.node("queue")
    served = node.make(kind, node.disk)
    node.serve(served, "queue")
    workers: list[Any] = []
    for i in range(3):
        machine = sim.client_node()
        end = machine.end(f"{machine.name}-queue", "queue")
        workers.append(machine.make(Worker, end, f"worker {i}", name=machine.name))
    for i in range(JOBS):
        await workers[0].add(f"job {i}")
    working = [asyncio.create_task(work(sim, worker)) for worker in workers[1:]]
    await sim.sleep(10)
    await sim.quiet()
    await sim.eventually("all jobs are done", all_done, served, within=30)
    for task in working:
        task.cancel()


@simulate(
    seeds=200,
    network=UNRELIABLE,
    faults=FAULTS,
    model=queue,
    sometimes=["a finish comes too late"],
)
async def test_jobs(sim: Simulation) -> None:
    await jobs(sim)


@pytest.mark.parametrize(
    ("bug", "verdict"),
    [
        (NoFencing, NotLinearizable),
        (CountsFinishes, NotLinearizable),
        (TokensInMemory, NotLinearizable),
        (NeverExpires, Livelock),
    ],
)
def test_a_planted_bug_is_found(bug: type[Queue], verdict: type[Exception]) -> None:
    @simulate(seeds=200, network=UNRELIABLE, faults=FAULTS, model=queue)
    async def buggy(sim: Simulation) -> None:
        await jobs(sim, bug)

    with pytest.raises(verdict):
        buggy()
