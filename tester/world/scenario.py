"""A scenario: a test and everything that, with its choices, makes a run of it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from types import FunctionType, ModuleType
from typing import Any, Final, Self

from labrpc.conditions import RELIABLE, Conditions
from tester.engine.choices import Choices
from tester.engine.schedule import DEFAULT, SCHEDULES
from tester.engine.strategy import STRATEGIES, UNIFORM, choices_of
from tester.guard.origin import is_installed, is_users
from tester.world import submission
from tester.world.check import BY_CLIENTS, Models
from tester.world.limits import DEFAULT_LIMITS, Limits
from tester.world.nemesis import Kind
from tester.world.nodes import StartNode

SimulatedTest = Callable[..., Coroutine[Any, Any, object]]
"""`async def test(sim, ...)`: what `simulate` decorates."""

SEEDS: Final = 100
"""How many seeds a test runs on by default."""


@dataclass(frozen=True)
class Scenario:
    """What to run: a test, the conditions it starts under, and its limits.

    A run is a pure function of a scenario and its choices.
    """

    function: SimulatedTest
    name: str
    seeds: int = SEEDS
    """How many seeds to run by default, from 0."""
    weight: int = 1
    """How many seeds of an ordinary test one seed of this one costs."""
    network: Conditions = RELIABLE
    limits: Limits = DEFAULT_LIMITS
    model: Models | None = BY_CLIENTS
    """What the history is checked against when the test returns; None: not at all."""
    sometimes: tuple[str, ...] = ()
    """What some run must come to: see `Simulation.sometimes`."""
    isolated: bool = False
    """Whether each node but the test's runs in a child process."""
    start_node: StartNode | None = None
    """What has each node but the test's run elsewhere: then this process has nothing of the code
    under test, and knows its classes by name only."""
    faults: tuple[Kind, ...] = ()
    """The kinds of faults that strike from the start: see `Simulation.nemesis`."""
    schedule: str = DEFAULT
    """Who goes first where several could: one of `tester.engine.schedule.SCHEDULES`."""
    strategy: str = UNIFORM
    """Which run a seed stands for: one of `tester.engine.strategy.STRATEGIES`."""

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            known = ", ".join(SCHEDULES)
            raise ValueError(f"expected a schedule of {known}, got {self.schedule!r}")
        if self.strategy not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise ValueError(f"expected a strategy of {known}, got {self.strategy!r}")

    def choices(self, seed: int) -> Choices:
        """The choices of a seed."""
        return choices_of(self.strategy, seed)

    def seeds_of(self, wanted: int | None) -> int:
        """How many seeds to run when `wanted` are asked for: a heavy test runs fewer."""
        return self.seeds if wanted is None else max(1, wanted // self.weight)

    def under(self, schedule: str | None, strategy: str | None = None) -> Self:
        """This scenario under another schedule or strategy, if one is named. Raises ValueError."""
        changes = {"schedule": schedule, "strategy": strategy}
        named = {name: value for name, value in changes.items() if value}
        return replace(self, **named) if named else self  # type: ignore[arg-type]

    def with_arguments(self, *owner: object, **arguments: Any) -> Self:
        """This scenario with the function's other parameters given: pytest fixtures.

        `owner` is what a test that is a method belongs to: it comes before the simulation.
        """
        if not owner and not arguments:
            return self
        return replace(self, function=functools.partial(self.function, *owner, **arguments))


def own_module(scenario: Scenario) -> ModuleType | None:
    """The module the test stands in, if that is a user's."""
    name = _plain(scenario.function).__module__
    return None if name.startswith("tester.") else sys.modules.get(name)


def code_under_test(scenario: Scenario) -> list[ModuleType]:
    """The user's modules: the submission's, the test's, and what that one uses, by name."""
    return _modules(_plain(scenario.function), submission.current(), len(sys.modules))


def _plain(function: Any) -> Any:
    """The test itself, without the fixtures it has been given."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


@functools.lru_cache(maxsize=64)
def _modules(
    function: SimulatedTest, tested: submission.Submission, imported: int
) -> list[ModuleType]:
    """Cached, for it takes a while, until another module has been imported."""
    found = {module.__name__: module for module in tested.modules()}
    start = getattr(function, "__module__", "")
    if not start.startswith("tester."):
        _reach(start, found)
    return [found[name] for name in sorted(found)]


def _reach(name: str, found: dict[str, ModuleType]) -> None:
    """Add a module of the user, and those whose modules, classes and functions it names."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None or name in found or submission.is_fixed(name):
        return
    if not file or not is_users(file) or is_installed(file):
        return
    found[name] = module
    for value in list(vars(module).values()):
        owner = value.__name__ if isinstance(value, ModuleType) else None
        if isinstance(value, type | FunctionType):
            owner = value.__module__
        if isinstance(owner, str):
            _reach(owner, found)
