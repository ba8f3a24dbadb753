"""Invariants: what is asked after each step, what must come, and what must be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from labrpc import UNRELIABLE, ClientEnd, Message
from tester import (
    Group,
    InvariantViolated,
    Livelock,
    NeverReached,
    Simulation,
    TesterError,
    faults,
    simulate,
)
from tester.engine.choices import Choices, Seeded
from tester.report.story import render_story
from tester.search.diagnosis import diagnose
from tester.world.failure import Misused
from tester.world.reached import Reached
from tester.world.run import Scenario, run
from tests.snapshots import check as check_snapshot
from tests.world.lab import once, passes

States = Mapping[str, Mapping[str, Any]]


class Token(Message, frozen=True):
    number: int


class Holder:
    """Passes a token round; holds it for an instant too long if it is `greedy`."""

    def __init__(self, peers: Sequence[ClientEnd], me: int, greedy: bool) -> None:
        self._next = peers[(me + 1) % len(peers)]
        self._greedy = greedy
        self.has = me == 0
        self.seen = 0

    def take(self, args: Token) -> Token:
        self.has = True
        self.seen = args.number
        return args

    async def hand_on(self) -> None:
        self.has = self._greedy
        _ = await self._next.call(Holder.take, Token(self.seen + 1))
        self.has = False

    def describe(self) -> dict[str, Any]:
        return {"has": self.has, "seen": self.seen}


def one_token(states: States) -> bool:
    return [state["has"] for state in states.values()].count(True) <= 1


def ring(sim: Simulation, *, greedy: bool = False) -> Group:
    return sim.group("p", 3, Holder, greedy)


async def round_and_round(sim: Simulation, *, greedy: bool = False) -> None:
    group = ring(sim, greedy=greedy)
    sim.always("one token", one_token, group)
    for i in range(6):
        await group.peers[i % 3].hand_on()


async def greedily(sim: Simulation) -> None:
    await round_and_round(sim, greedy=True)


@pytest.mark.parametrize("isolated", [False, True])
def test_an_invariant_is_asked_after_every_step(isolated: bool) -> None:
    passes(round_and_round, isolated=isolated)
    outcome = once(greedily, isolated=isolated)
    assert isinstance(outcome.error, InvariantViolated)
    assert str(outcome.error) == (
        "'one token' does not hold after a step of p1, at 0.001 s: p0 (has=True, seen=0), "
        "p1 (has=True, seen=1), p2 (has=False, seen=0)"
    )
    assert outcome.where == ("one token",)


@pytest.mark.parametrize("test", [round_and_round, greedily])
def test_invariants_see_nodes_in_child_processes(test: Any) -> None:
    alone, together = (once(test, 3, isolated=isolated) for isolated in (False, True))
    assert alone.digest == together.digest


def test_a_run_that_is_watched_goes_the_same_way() -> None:
    async def unwatched(sim: Simulation) -> None:
        group = ring(sim)
        for i in range(6):
            await group.peers[i % 3].hand_on()

    left, right = (once(test, 3, network=UNRELIABLE) for test in (unwatched, round_and_round))
    assert left.digest == right.digest


def test_an_assertion_says_why() -> None:
    async def asserts(sim: Simulation) -> None:
        def none(states: States) -> bool:
            assert not any(state["has"] for state in states.values()), "somebody has it"
            return True

        sim.always("nobody has it", none, *ring(sim).peers[:1])
        await asyncio.sleep(1)

    error = once(asserts).error
    assert isinstance(error, InvariantViolated)
    assert str(error).startswith("'nobody has it' does not hold (somebody has it) after a step of")


def test_who_is_down_is_not_described() -> None:
    seen: list[list[str]] = []

    async def crash(sim: Simulation) -> None:
        def look(states: States) -> bool:
            seen.append([f"{name}{state['seen']}" for name, state in states.items()])
            return True

        group = ring(sim)
        sim.always("look", look, group)
        await group.peers[0].hand_on()
        group.crash(1)
        await group.peers[2].hand_on()
        group.restart(1)
        await asyncio.sleep(1)

    passes(crash)
    assert seen == [
        ["p00", "p10", "p20"],
        ["p00", "p11", "p20"],
        ["p01", "p20"],
        ["p01", "p10", "p20"],
    ]


def test_a_listener_of_the_tests_own_hears_what_it_would() -> None:
    told: list[str] = []

    async def test(sim: Simulation) -> None:
        sim.listen("p0", lambda what, *data: told.append(what))
        group = ring(sim)
        sim.always("one token", one_token, group)
        sim.listen("p1", lambda what, *data: told.append(what))
        for node in group.nodes:
            node.make(Teller, node.probe)
        sim.listen("p2", lambda what, *data: told.append(what))
        await group.peers[0].hand_on()

    passes(test)
    assert told == ["hello"] * 3


class Teller:
    def __init__(self, probe: Any) -> None:
        probe.report("hello")


# -- eventually -----------------------------------------------------------------------------------


def test_what_comes_in_time_is_waited_for_and_what_does_not_fails() -> None:
    async def test(sim: Simulation, within: float = 2) -> None:
        group = ring(sim)
        sim.after(1_000_000, lambda: group.crash(1))

        def p1_is_down(states: States) -> bool:
            return "p1" not in states

        def p2_has_it(states: States) -> bool:
            return bool(states["p2"]["has"])

        await group.peers[0].hand_on()
        handing = asyncio.ensure_future(group.peers[1].hand_on())
        await sim.eventually("p2 has it", p2_has_it, group, within=within)
        await handing
        assert sim.now() < 0.1
        await sim.eventually("p1 is down", p1_is_down, group, within=1)

    error = once(test).error
    assert isinstance(error, Livelock)
    assert "'p1 is down' did not hold within 1 s; at last, p0 (has=False" in str(error)


# -- sometimes ------------------------------------------------------------------------------------


async def lucky(sim: Simulation) -> None:
    group = ring(sim)
    sim.sometimes("p2 has it", lambda states: states["p2"]["has"], group)
    sim.sometimes("p1 has seen 5", lambda states: states["p1"]["seen"] == 5, group)
    for i in range(2):
        await group.peers[i].hand_on()
        if sim.choices.below(2, "work/luck"):
            sim.sometimes("luck")
            return


def test_what_runs_come_to_is_counted() -> None:
    outcome = once(lucky, {"work/luck": [0, 1]})
    assert outcome.reached == {"p2 has it": True, "p1 has seen 5": False, "luck": True}
    assert once(lucky, {"work/luck": [1]}).reached["p2 has it"] is False
    counted = Reached(["luck"])
    for choices in ([0, 0], [1]):
        counted.count(once(lucky, {"work/luck": choices}).reached)
    assert counted.lines() == [
        "'luck': reached in 1 of 2 seeds",
        "'p2 has it': reached in 1 of 2 seeds",
        "'p1 has seen 5': reached in 0 of 2 seeds",
    ]
    counted.demand()


def test_a_test_can_demand_that_some_run_comes_to_something() -> None:
    simulate(seeds=5, sometimes=["luck", "p2 has it"])(lucky)()
    with pytest.raises(NeverReached) as raised:
        simulate(seeds=5, sometimes=["luck", "p1 has seen 5"])(lucky)()
    assert str(raised.value).startswith("'p1 has seen 5': reached in 0 of 5 seeds. Either")


# -- what is wrong --------------------------------------------------------------------------------


class Mute:
    pass


class Late:
    async def describe(self) -> dict[str, int]:
        return {}


class Unordered:
    def describe(self) -> dict[str, Any]:
        return {"votes": [{1, 2}]}


class Listing:
    def describe(self) -> list[int]:
        return [1]


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (Mute, "Mute.describe: expected a plain method that returns a dict, for an invariant"),
        (Late, "Late.describe: expected a plain method that returns a dict, for an invariant"),
        (Unordered, "Unordered.describe()['votes'][0]: expected plain data ("),
        (Listing, "Listing.describe(): expected a dict whose keys are str, got [1]"),
    ],
)
def test_an_invalid_description_is_reported(cls: type, sentence: str) -> None:
    async def test(sim: Simulation) -> None:
        sim.always("all is well", lambda states: True, sim.node("n").make(cls))
        await asyncio.sleep(1)

    error = once(test).error
    assert isinstance(error, Misused)
    assert error.failure.message.startswith(sentence)


def raises(states: States) -> bool:
    return bool(states["p9"])


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (raises, "'c' could not be asked: it raised KeyError: 'p9', of p0 (has=True, seen=0)"),
        (lambda states: None, "'c': expected True or False, got None"),
    ],
)
def test_a_condition_that_does_not_answer_is_named(condition: Any, said: str) -> None:
    async def test(sim: Simulation) -> None:
        sim.always("c", condition, ring(sim))
        await asyncio.sleep(1)

    error = once(test).error
    assert isinstance(error, TesterError)
    assert said in str(error)


def test_what_is_asked_of_nothing_or_twice_is_refused() -> None:
    async def test(sim: Simulation) -> None:
        group = ring(sim)
        with pytest.raises(TesterError, match="'c' is asked of no object: give those whose"):
            sim.always("c", one_token)
        with pytest.raises(TesterError, match="'c': expected groups, and objects on nodes as"):
            sim.always("c", one_token, "p0")
        sim.always("c", one_token, group)
        with pytest.raises(TesterError, match="there is an invariant 'c' already"):
            sim.always("c", one_token, group)

    passes(test)


def test_invariants_are_checked_under_faults() -> None:
    async def test(sim: Simulation) -> None:
        group = ring(sim)
        sim.always("few tokens", lambda states: len(states) <= 3, group)
        for _ in range(3):
            await asyncio.sleep(3)
        await sim.quiet()
        assert await group.peers[0].hand_on() is None

    passes(test, 1, faults=(faults.crash, faults.pause))


def test_a_violation_has_a_story() -> None:
    scenario = Scenario(function=greedily, name="greedily")
    diagnosis = diagnose(scenario, 0, run(scenario, Choices(Seeded(0))))
    told = render_story(
        0, diagnosis.outcome, "pytest -k greedily --sim-seed=0", diagnosis.explanation
    )
    check_snapshot("models/invariant", told)
