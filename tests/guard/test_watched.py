"""Which steps are watched: all of the first ones, and of a long run fewer and fewer."""

from types import ModuleType
from typing import cast

import pytest

from tester.engine.errors import SharedState
from tester.engine.scheduler import Place
from tester.guard.watched import GROWTH, Watched


class Changing:
    """A place whose node changes a module in these steps, and no other."""

    name = "s0"

    def __init__(self, module: ModuleType, steps: range) -> None:
        self._module = module
        self._steps = steps
        self._number = -1

    def step(self, now: int, inbox: object, limit: int) -> None:
        """Change it, if it is time to."""
        self._number += 1
        if self._number in self._steps:
            self._module.kept = self._number  # type: ignore[attr-defined]


def found(changes: range, steps: int, *, every_step: bool = False) -> int | None:
    """At which of so many steps a change is seen, if it is."""
    module = ModuleType("kept")
    module.kept = -1  # type: ignore[attr-defined]
    place = cast(Place, Changing(module, changes))
    Watched([module], every_step=every_step).watch(place)
    for number in range(steps):
        try:
            _ = place.step(0, [], 1)
        except SharedState as error:
            return number if "(it was code on s0)" in str(error) else None
    return None


def watched(steps: int) -> int:
    """How many of so many steps are watched."""
    counted = 0
    number = -1
    while (seen := found(range(number + 1, steps), steps)) is not None:
        counted, number = counted + 1, seen
    return counted


@pytest.mark.parametrize("number", [0, 1, GROWTH - 1])
def test_the_first_steps_are_all_watched(number: int) -> None:
    assert found(range(number, number + 1), GROWTH) == number


@pytest.mark.parametrize("first", [100, 500, 3_000])
def test_what_goes_on_is_seen_within_a_32nd_of_the_steps_before(first: int) -> None:
    seen = found(range(first, 10_000), 10_000)
    assert seen is not None
    assert seen <= first + first // GROWTH


def test_of_a_long_run_few_steps_are_watched() -> None:
    assert watched(1_000) == 131


def test_every_step_is_watched_where_one_is_sought() -> None:
    changes = range(777, 778)
    assert found(changes, 1_000, every_step=True) == 777
    assert found(changes, 1_000) is None
