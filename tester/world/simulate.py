"""`@simulate`: an ordinary pytest test that runs a coroutine in many simulations."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from labrpc.conditions import LONG_DELAYS, LONG_REORDERING, RELIABLE, UNRELIABLE, Conditions
from tester.engine.choices import Choices, Replayed
from tester.engine.schedule import DEFAULT
from tester.world import check
from tester.world.check import BY_CLIENTS, Models
from tester.world.limits import DEFAULT_LIMITS, Limits
from tester.world.nemesis import Kind
from tester.world.reached import Reached
from tester.world.run import run
from tester.world.scenario import SEEDS, Scenario, SimulatedTest
from tester.world.signatures import signature_of


class SimulatedFunction(Protocol):
    """What `simulate` makes of a test function: an ordinary function that knows its scenario."""

    simulation: Scenario
    __name__: str

    def __call__(self, *owner: object, **arguments: Any) -> None:
        """Run every seed, outside pytest as well as inside."""


def run_all(scenario: Scenario) -> None:
    """Run the seeds of a scenario; raises the error of the first that fails.

    A simulated test that is called like a function does this. Under pytest, the plugin does the
    same and also shows the story.
    """
    __tracebackhide__ = True
    reached = Reached(scenario.sometimes)
    for seed in range(scenario.seeds):
        outcome = run(scenario, scenario.choices(seed))
        reached.count(outcome.reached)
        if outcome.error is not None:
            outcome.error.add_note(f"seed {seed} of {scenario.name}")
            raise outcome.error
    reached.demand()


def recorded(choices: Mapping[str, Mapping[int, int]]) -> Choices:
    """Choices that are 0 but for these: stream -> index -> value, as a record has them."""
    dense = {}
    for stream, places in choices.items():
        values = [0] * (max(places, default=-1) + 1)
        for index, value in places.items():
            values[index] = value
        dense[stream] = values
    return Choices(Replayed(dense))


def run_once(
    test: SimulatedFunction, choices: Choices, *, schedule: str = "", **arguments: Any
) -> None:
    """Run a simulated test once, with these choices; raises its error.

    For tests that choose themselves: Hypothesis, a fault plan, a record. The schedule is the
    test's own unless another is given.
    """
    __tracebackhide__ = True
    scenario = test.simulation.with_arguments(**arguments).under(schedule)
    outcome = run(scenario, choices)
    if outcome.error is not None:
        raise outcome.error


def simulate(
    *,
    seeds: int = SEEDS,
    network: Conditions = RELIABLE,
    weight: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    model: Models | None = BY_CLIENTS,
    sometimes: Sequence[str] = (),
    isolated: bool = False,
    faults: Sequence[Kind] = (),
    schedule: str = DEFAULT,
) -> Callable[[SimulatedTest], SimulatedFunction]:
    """Make a pytest test of a coroutine function whose first parameter is a Simulation.

    (In a class, the first one after `self`.)

    The test runs once for each seed, 0 to `seeds` - 1, and fails with the story of the first seed
    that fails. When it returns, the clients' operations are checked against `model`: by default
    that of the clerks there are, which `sim.clerk()` makes; None asks for no check. It may be a
    model of your own, `linearizability.Model`, whose inputs are `(method, args)` and whose outputs
    are results; or a pair of a model and a function that takes a recorded operation and returns
    its input and output, or None to leave it out; or `{class: model}`, for several kinds of
    clients. A test of `weight` w runs on one w-th of the seeds somebody asks for, but at least on
    one. In the first ten seconds of each run `faults` strike: see `tester.faults`. Where several
    nodes or tasks could go first, the `schedule` decides: `random`; or `fifo`, first come, first
    served. The test fails if no run comes to something named in `sometimes`: see
    `Simulation.sometimes`.
    """
    if seeds < 1 or weight < 1:
        raise ValueError(f"expected seeds and weight of 1 or more, got {seeds} and {weight}")
    if model is not None:
        _ = check.specifications(model)  # raises for what is no model

    def decorate(function: SimulatedTest) -> SimulatedFunction:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(
                f"expected `async def {function.__name__}(sim: Simulation)`, got a function "
                "that is not async"
            )
        scenario = Scenario(
            function=function,
            name=function.__name__,
            seeds=seeds,
            weight=weight,
            network=network,
            limits=limits,
            model=model,
            sometimes=tuple(sometimes),
            isolated=isolated,
            faults=tuple(faults),
            schedule=schedule,
        )

        @functools.wraps(function)
        def test(*owner: object, **arguments: Any) -> None:
            __tracebackhide__ = True
            run_all(scenario.with_arguments(*owner, **arguments))

        parameters = list(signature_of(function).parameters.values())
        if not parameters:
            raise TypeError(
                f"expected a parameter `sim: Simulation` of {function.__name__}, got none"
            )
        test.__signature__ = inspect.Signature(parameters[1:])  # type: ignore[attr-defined]
        test.simulation = scenario  # type: ignore[attr-defined]
        return test  # type: ignore[return-value]

    return decorate


# A suite takes the conditions from here: it may import the world, and labrpc only through it.
__all__ = [
    "LONG_DELAYS",
    "LONG_REORDERING",
    "RELIABLE",
    "UNRELIABLE",
    "Conditions",
    "SimulatedFunction",
    "recorded",
    "run_all",
    "run_once",
    "simulate",
]
