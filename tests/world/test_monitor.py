"""Monitors: what must hold of what happens is judged at once, in the order in which it happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tester import (
    InvariantViolated,
    Monitor,
    Probe,
    Simulation,
    TesterError,
    Verdict,
)
from tester.engine.choices import Choices, Seeded
from tester.report.story import render_story
from tester.search.diagnosis import diagnose
from tester.world.run import Scenario, run
from tests.snapshots import check as check_snapshot
from tests.world.lab import once, passes


class Machine:
    """Applies what it is told to, and says so before the step is over."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._last = 0

    def apply(self, numbers: list[int]) -> None:
        for number in numbers:
            self._probe.report("applied", number)
            self._last = number

    def describe(self) -> dict[str, int]:
        return {"last": self._last}


class Ordered(Monitor):
    """Each machine applies 1, 2, 3 and so on: no description after a step could show it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self._last: dict[str, int] = {}

    def hear(self, node: str, what: str, *data: Any) -> None:
        assert what == "applied"
        (number,) = data
        self.heard.append((node, number))
        last = self._last.get(node, 0)
        assert number == last + 1, f"{number} came after {last}"
        self._last[node] = number


def machines(sim: Simulation, n: int = 2) -> list[Any]:
    return [sim.node(f"m{i}").make(Machine, sim.node(f"m{i}").probe) for i in range(n)]


@pytest.mark.parametrize("isolated", [False, True])
def test_a_monitor_hears_the_reports_of_its_nodes_in_order(isolated: bool) -> None:
    ordered = Ordered()

    async def test(sim: Simulation) -> None:
        made = machines(sim, 3)
        sim.always("in order", ordered, *made[:2])
        sim.always("small", lambda states: all(s["last"] < 9 for s in states.values()), *made)
        await made[0].apply([1, 2])
        await made[2].apply([7])
        await made[1].apply([1])
        await made[0].apply([3])

    passes(test, isolated=isolated, model=None)
    assert ordered.heard == [("m0", 1), ("m0", 2), ("m1", 1), ("m0", 3)]


async def disorderly(sim: Simulation) -> None:
    """What the machine describes after the step is all right."""
    one, _ = made = machines(sim)
    sim.always("in order", Ordered(), *made)
    sim.always("at most 3", lambda states: states["m0"]["last"] <= 3, *made)
    await one.apply([1])
    await asyncio.sleep(0.5)
    await one.apply([3, 2])


@pytest.mark.parametrize("isolated", [False, True])
def test_what_a_monitor_objects_to_ends_the_run_there(isolated: bool) -> None:
    error = once(disorderly, isolated=isolated, model=None).error
    assert isinstance(error, InvariantViolated)
    assert error.name == "in order"
    assert str(error) == (
        "'in order' does not hold (3 came after 1) at what m0 reported, at 0.500 s: 'applied', 3"
    )


def test_a_violation_has_a_story() -> None:
    scenario = Scenario(function=disorderly, name="disorderly", model=None)
    diagnosis = diagnose(scenario, 0, run(scenario, Choices(Seeded(0))))
    told = render_story(
        0, diagnosis.outcome, "pytest -k disorderly --sim-seed=0", diagnosis.explanation
    )
    check_snapshot("models/monitor", told)


class TooMuch(Verdict):
    pass


class Limit(Monitor):
    def hear(self, node: str, what: str, *data: Any) -> None:
        if data[0] > 4:
            raise TooMuch(f"{node} {what} {data[0]}", moments=[17])


def limited(states: Any) -> bool:
    if states["m0"]["last"] > 4:
        raise TooMuch("m0 has too much", moments=[17])
    return True


@pytest.mark.parametrize(
    ("condition", "said"), [(Limit(), "m0 applied 5"), (limited, "m0 has too much")]
)
def test_a_verdict_of_its_own_is_the_verdict(condition: Any, said: str) -> None:
    async def test(sim: Simulation) -> None:
        made = machines(sim)
        sim.always("not too much", condition, *made)
        await made[0].apply([5])
        await asyncio.sleep(1)

    error = once(test, model=None).error
    assert isinstance(error, TooMuch)
    assert str(error) == said
    assert error.moments == (17,)


def test_a_monitor_hears_a_node_through_its_restarts() -> None:
    ordered = Ordered()

    async def test(sim: Simulation) -> None:
        made = machines(sim)
        sim.always("in order", ordered, *made)
        await made[0].apply([1])
        sim.node("m0").crash()
        sim.node("m0").restart()
        await asyncio.sleep(1)
        again = sim.node("m0").make(Machine, sim.node("m0").probe)
        await again.apply([2])

    passes(test, model=None)
    assert ordered.heard == [("m0", 1), ("m0", 2)]


class Broken(Monitor):
    def hear(self, node: str, what: str, *data: Any) -> None:
        raise KeyError(node)


def test_a_monitor_that_breaks_is_named_with_the_line() -> None:
    async def test(sim: Simulation) -> None:
        made = machines(sim)
        sim.always("b", Broken(), *made)
        await made[1].apply([1])

    error = once(test, model=None).error
    assert isinstance(error, TesterError)
    assert "test_monitor.py:" in str(error)
    assert str(error).endswith(
        "'b' could not be asked: it raised KeyError: 'm1', of what m1 reported: 'applied', 1"
    )


def test_a_monitor_in_the_wrong_place_is_refused() -> None:
    async def test(sim: Simulation) -> None:
        made = machines(sim)
        sim.always("b", Ordered(), *made)
        with pytest.raises(TesterError, match="there is an invariant 'b' already"):
            sim.always("b", Ordered(), *made)
        with pytest.raises(TesterError, match="there is an invariant 'b' already"):
            sim.always("b", lambda states: True, *made)
        with pytest.raises(TesterError, match="'c' is asked of no object"):
            sim.always("c", Ordered())
        with pytest.raises(TesterError, match="'s': a Monitor says what must always hold; give"):
            sim.sometimes("s", Ordered(), *made)  # type: ignore[arg-type]
        with pytest.raises(TesterError, match="'n': expected a function of what objects describe"):
            sim.always("n", 3, *made)  # type: ignore[arg-type]

    passes(test, model=None)
