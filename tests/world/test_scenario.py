"""Which modules are the code under test: the guard and the watch over state look into them."""

import sys
from types import ModuleType
from typing import Any

from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.world.run import run
from tester.world.scenario import Scenario, code_under_test
from tests.world import lab


async def good(sim: Simulation) -> None:
    sim.serve(lab.AsyncKVServer)


def scenario_of(test: Any) -> Scenario:
    return Scenario(function=test, name=test.__name__)


def names(modules: list[ModuleType]) -> set[str]:
    return {module.__name__ for module in modules}


def test_the_code_under_test_is_the_tests_and_what_it_uses_and_the_submission() -> None:
    found = names(code_under_test(scenario_of(good)))
    assert {__name__, "tests.world.lab", "kvsrv.server"} <= found
    assert found.isdisjoint({"kvsrv.rpc", "labrpc.network", "pytest", "asyncio", "tester"})


def test_a_test_with_its_fixtures_given_is_still_that_test() -> None:
    async def parametrized(sim: Simulation, number: int, text: str) -> None:
        assert (number, text) == (7, "x")

    plain = scenario_of(parametrized)
    given = plain.with_arguments(number=7).with_arguments(text="x")
    assert run(given, Choices(Seeded(0))).error is None
    assert code_under_test(given) == code_under_test(plain)
    assert plain.with_arguments() is plain


def test_modules_that_were_imported_meanwhile_are_found() -> None:
    before = names(code_under_test(scenario_of(good)))
    module = ModuleType("kvsrv.of_a_test")
    sys.modules[module.__name__] = module
    try:
        assert names(code_under_test(scenario_of(good))) == before | {module.__name__}
    finally:
        del sys.modules[module.__name__]
    assert names(code_under_test(scenario_of(good))) == before
