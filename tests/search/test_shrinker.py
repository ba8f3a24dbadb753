"""An attempt is kept if it is smaller, and given up when it gets much longer than the best."""

from __future__ import annotations

import asyncio

import pytest

from labrpc import RELIABLE
from tester import Simulation
from tester.engine.choices import Choices, Record, Replayed
from tester.search import shrink as shrinking
from tester.search.shrink import Shrinker, size_of, symptom, trimmed
from tester.world.limits import Limits
from tester.world.run import Outcome, Scenario, run
from tests.search.planted import TINY


def chosen(value: int, place: int = 0) -> Record:
    return {"size/rounds": [0] * place + [value]}


async def grows(sim: Simulation) -> None:
    """Fails early where nothing is left out; where more is, it passes, after long."""
    left = sim.at_most(9, "rounds")
    await asyncio.sleep(0)
    if left < 9:
        for _ in range(1_000):
            await asyncio.sleep(0.001)
    else:
        raise KeyError


def outcome(tested: Scenario, record: Record) -> Outcome:
    return run(tested, Choices(Replayed(record)))


def test_an_attempt_that_gets_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = Scenario(grows, "grows")
    spent = []
    for at_least in (50, 5_000):
        monkeypatch.setattr(shrinking, "AT_LEAST", at_least)
        monkeypatch.setattr(shrinking, "PATIENCE", 1)
        tries = Shrinker(tested, outcome(tested, {}), lambda: None)
        assert not tries.better(chosen(3))
        spent.append(tries.steps)
    assert spent[0] <= 60
    assert spent[1] > 1_000


def test_patience_grows_with_the_best_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = Scenario(grows, "grows")
    best = outcome(tested, {})
    monkeypatch.setattr(shrinking, "AT_LEAST", 0)
    monkeypatch.setattr(shrinking, "PATIENCE", 7)
    tries = Shrinker(tested, best, lambda: None)
    tries.better(chosen(3))
    assert best.steps < tries.steps <= 7 * best.steps + 2


def test_the_limit_of_the_test_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = Scenario(grows, "grows", limits=Limits(steps=40))
    tries = Shrinker(tested, outcome(tested, {}), lambda: None)
    tries.better(chosen(3))
    assert tries.steps <= 42


async def polls(sim: Simulation) -> None:
    """Goes on until the limit; slow messages make for fewer of them."""
    sim.serve()
    ck = sim.clerk()
    sim.at_most(9, "rounds")
    while True:
        await ck.get("k")
        await sim.sleep(0.01)


def test_a_run_without_an_end_is_no_smaller_for_having_done_less_until_it_was_ended() -> None:
    tested = Scenario(polls, "polls", network=TINY.but(request_delay_ms=26), limits=Limits(2))
    slow = outcome(tested, {"net/c0": [0, 20] + [0] * 9 + [0, 20]})
    fast = outcome(tested, {})
    assert symptom(slow) == symptom(fast)
    assert slow.kind == "LimitReached"
    assert slow.rpcs < fast.rpcs
    tries = Shrinker(tested, slow, lambda: None)
    assert tries.better({})
    assert tries.record == {}
    assert tries.size.asked == 0


async def more_work(sim: Simulation) -> None:
    """Fails after as many operations as a choice says: 0 is not the fewest."""
    sim.serve()
    ck = sim.clerk()
    start = sim.virtual_us
    await ck.get("k")
    for _ in range(14 if sim.virtual_us - start > 5_000 else 15):
        await ck.get("k")
    raise KeyError


def test_a_simpler_run_may_do_a_little_more_if_it_is_asked_for() -> None:
    tested = Scenario(more_work, "more_work", network=RELIABLE.but(request_delay_ms=26))
    slow = outcome(tested, {"net/c0": [0, 20]})
    fast = outcome(tested, {})
    assert slow.ops + 1 == fast.ops
    assert not Shrinker(tested, slow, lambda: None).better({})
    tries = Shrinker(tested, slow, lambda: None)
    assert tries.better({}, simpler=True)
    assert tries.replayed().digest == fast.digest


def test_the_size_of_a_run_counts_what_it_takes() -> None:
    tested = Scenario(more_work, "more_work", network=TINY.but(request_delay_ms=26))
    record = {"net/c0": [0, 20, 1]}
    ran = outcome(tested, record)
    size = size_of(ran, trimmed(ran.choices.record()))
    assert (size.faults, size.choices, size.drawn, size.late) == (1, 2, 21, 3)
    assert size.asked == ran.rpcs + ran.ops
