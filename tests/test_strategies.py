"""What the strategies draw is what runs choose."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import find, given, settings

from kvsrv import Clerk, Err, PutArgs, Version
from kvsrv.server import KVServer
from labrpc import UNRELIABLE, ClientEnd
from tester import NotLinearizable, Simulation, run_once, simulate
from tester.engine.choices import Choices, Seeded
from tester.strategies import Plan, Step, Struck, choices, plans, seeds, workloads
from tester.world.run import run
from tester.world.streams import FATE_SIZE


@simulate(network=UNRELIABLE)
async def two_puts(sim: Simulation) -> None:
    sim.serve()
    async with asyncio.TaskGroup() as clients:
        for number in range(2):
            clients.create_task(sim.clerk().put(f"k{number}", "x", 0))


@given(plans(ends=("c0", "c1"), rpcs=3, faults=3))
def test_a_plan_strikes_what_it_names(plan: Plan) -> None:
    outcome = run(two_puts.simulation, plan.choices())
    assert outcome.verdict == "pass"
    possible = {(f"net/{fault.end}", fault.rpc) for fault in plan.faults}
    assert {(stream, index // FATE_SIZE) for stream, index in outcome.choices.faults} <= possible


class Certain(Clerk):
    """A clerk that never says ErrMaybe."""

    def __init__(self, end: ClientEnd) -> None:
        super().__init__(end)
        self._end = end

    async def put(self, key: str, value: str, version: Version) -> Err:
        while (reply := await self._end.call(KVServer.put, PutArgs(key, value, version))) is None:
            await asyncio.sleep(0.1)
        return reply.err


@simulate(network=UNRELIABLE)
async def certain(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk(Certain)
    for version in range(3):
        await ck.put("k", "x", version)


def fails(plan: Plan) -> bool:
    return run(certain.simulation, plan.choices()).kind == "NotLinearizable"


def test_a_failing_plan_shrinks_to_the_one_fault() -> None:
    found = find(plans(ends=("c0",), rpcs=6, faults=4), fails)
    assert found == Plan((Struck("c0", 0, "reply_lost"),))
    with pytest.raises(NotLinearizable):
        run_once(certain, found.choices())


@settings(max_examples=30)
@given(choices())
def test_hypothesis_may_choose_everything(drawn: Choices) -> None:
    run_once(two_puts, drawn)


@given(seeds())
def test_seeds_are_seeds(seed: int) -> None:
    assert Choices(Seeded(seed)).below(10, "work") in range(10)


@settings(max_examples=30)
@given(workloads(clients=3, keys=("a", "b")), seeds())
def test_any_workload_is_linearizable_on_the_reference(steps: list[Step], seed: int) -> None:
    values = [step.value for step in steps if step.op == "put"]
    assert len(set(values)) == len(values)

    @simulate(network=UNRELIABLE)
    async def play(sim: Simulation) -> None:
        sim.serve()
        clerks = [sim.clerk() for _ in range(3)]
        versions = dict.fromkeys(("a", "b"), 0)
        for step in steps:
            if step.op == "put":
                await clerks[step.client].put(step.key, step.value, versions[step.key])
            else:
                versions[step.key] = (await clerks[step.client].get(step.key))[1]

    run_once(play, Choices(Seeded(seed)))
