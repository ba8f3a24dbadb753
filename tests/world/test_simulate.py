"""`@simulate`: what it makes of a coroutine, also where pytest is far away."""

import asyncio
import inspect
import unittest
from typing import Any

import pytest

from kvsrv import Clerk
from labrpc import RELIABLE, UNRELIABLE
from tester import Limits, NotLinearizable, Simulation, simulate
from tester.engine.choices import Choices, Replayed
from tester.world.scenario import SEEDS
from tester.world.simulate import run_once
from tests.world.lab import CertainClerk, RacyKVServer, fates


@simulate()
async def plain(sim: Simulation) -> None:
    """What it says."""
    sim.serve()
    assert await sim.clerk().put("k", "a", 0) == "OK"


@simulate(seeds=3, network=UNRELIABLE, weight=2, limits=Limits(steps=7), model=None)
async def configured(sim: Simulation, number: int, *, text: str = "x") -> None: ...


def test_the_scenario_is_what_was_asked_for() -> None:
    scenario = plain.simulation
    assert (scenario.name, scenario.seeds, scenario.weight) == ("plain", SEEDS, 1)
    assert (scenario.network, scenario.model, scenario.isolated) == (RELIABLE, "by clients", False)
    scenario = configured.simulation
    assert (scenario.seeds, scenario.weight, scenario.limits.steps) == (3, 2, 7)
    assert (scenario.network, scenario.model) == (UNRELIABLE, None)


@pytest.mark.parametrize(
    ("wanted", "seeds"), [(None, 3), (1, 1), (2, 1), (3, 1), (4, 2), (100, 50)]
)
def test_a_heavy_test_runs_on_fewer_seeds(wanted: int | None, seeds: int) -> None:
    assert configured.simulation.seeds_of(wanted) == seeds


def test_pytest_sees_the_parameters_but_for_the_simulation() -> None:
    assert list(inspect.signature(plain).parameters) == []
    assert list(inspect.signature(configured).parameters) == ["number", "text"]
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "What it says."
    assert not inspect.iscoroutinefunction(plain)


def test_a_simulated_test_can_be_called_like_a_function() -> None:
    seeds = []

    @simulate(seeds=4)
    async def count(sim: Simulation, step: int) -> None:
        seeds.append(step)

    count(step=2)
    assert seeds == [2, 2, 2, 2]


def test_called_like_a_function_it_raises_what_failed_and_says_with_which_seed() -> None:
    runs = iter(range(10))

    @simulate(seeds=10)
    async def third(sim: Simulation) -> None:
        if next(runs) == 2:
            raise LookupError("found")

    with pytest.raises(LookupError, match="found") as caught:
        third()
    assert caught.value.__notes__ == ["seed 2 of third"]
    assert next(runs) == 3


def test_a_simulated_test_can_be_run_once_with_any_choices() -> None:
    @simulate(network=UNRELIABLE)
    async def certain(sim: Simulation, clerk: type[Clerk]) -> None:
        sim.serve()
        await sim.clerk(clerk).put("k", "a", 0)

    run_once(certain, Choices(Replayed({})), clerk=CertainClerk)
    lost = {"net/c0": fates({"reply_lost": 1})}
    run_once(certain, Choices(Replayed(lost)), clerk=Clerk)
    with pytest.raises(NotLinearizable):
        run_once(certain, Choices(Replayed(lost)), clerk=CertainClerk)


class InAClass:
    """A method's first parameter but one is the simulation."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    @simulate(seeds=2)
    async def method(self, sim: Simulation, number: int) -> None:
        await sim.sleep(number)
        self.seen.append(sim.virtual_us)


class Case(unittest.TestCase):
    @simulate(seeds=2)
    async def test(self, sim: Simulation) -> None:
        await sim.sleep(1)
        self.assertEqual(sim.now(), 1)  # noqa: PT009 - it is a unittest


def test_a_simulated_test_may_be_a_method() -> None:
    thing: Any = InAClass()
    thing.method(number=3)
    assert thing.seen == [3_000_000, 3_000_000]
    result = unittest.TestResult()
    Case("test").run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


def sync(sim: Simulation) -> None: ...


async def nothing() -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (sync, "got a function that is not async"),
        (nothing, "expected a parameter `sim: Simulation` of nothing, got none"),
    ],
)
def test_what_is_no_simulated_test_is_refused_at_once(function: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        simulate()(function)


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"weight": 0}])
def test_fewer_than_one_seed_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected seeds and weight of 1 or more"):
        simulate(**wrong)  # type: ignore[arg-type]


def test_a_server_that_waits_between_check_and_install_fails_within_twenty_seeds() -> None:
    @simulate(seeds=20, network=UNRELIABLE)
    async def race(sim: Simulation) -> None:
        sim.serve(RacyKVServer)
        clients = [sim.clerk() for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            for ck in clients:
                group.create_task(ck.put("k", "a", 0))

    with pytest.raises(NotLinearizable):
        race()


def test_a_clerk_that_is_certain_after_a_resend_fails_within_fifty_seeds() -> None:
    @simulate(seeds=50, network=UNRELIABLE)
    async def write(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk(CertainClerk)
        for version in range(3):
            await ck.put("k", "a", version)

    with pytest.raises(NotLinearizable):
        write()
