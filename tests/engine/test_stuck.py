"""How a run ends that can never end well: deadlocks and livelocks."""

import asyncio
import re

import pytest

from tester.engine import pulse
from tester.engine.choices import Seeded
from tester.engine.errors import Deadlock, Livelock
from tester.engine.schedule import Random
from tests.engine.stage import Actor, Stage

MS = 1_000


def test_a_deadlock_names_each_waiting_task_and_its_line() -> None:
    stage = Stage("a", "b")
    lock = "await asyncio.Queue[int]().get()  # the line that waits"

    async def inner() -> None:
        await asyncio.Queue[int]().get()  # the line that waits

    async def main() -> None:
        await inner()

    stage.start("a", main)
    stage.start("b", inner)
    with pytest.raises(Deadlock, match="no runnable task") as caught:
        stage.run()
    assert [(w.node, w.task, w.line) for w in caught.value.waiting] == [
        ("a", "a", lock),
        ("b", "b", lock),
    ]
    assert {(w.file, w.number) for w in caught.value.waiting} == {
        (__file__, inner.__code__.co_firstlineno + 1)
    }
    stage.close()


async def restless() -> None:
    while True:
        await asyncio.sleep(0)


async def ticking() -> None:
    while True:
        await asyncio.sleep(0.001)


def test_a_livelock_at_one_instant_names_the_line() -> None:
    stage = Stage("n", instant_limit=500)
    stage.start("n", restless)
    sentence = "500 steps have been run at one instant, 0.000 s, and time does not pass"
    with pytest.raises(Livelock, match=sentence) as caught:
        stage.run()
    assert [w.line for w in caught.value.waiting] == ["await asyncio.sleep(0)"]
    assert 500 <= stage.scheduler.steps <= 502
    stage.close()


async def flood() -> None:
    loop = asyncio.get_running_loop()

    def again() -> None:
        loop.call_soon(again)
        loop.call_soon(again)

    again()
    await asyncio.sleep(1)


def test_callbacks_that_make_more_of_themselves_end_before_the_steps_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready = []
    sentence = "more than 120000 callbacks and tasks are ready at one instant, 0.000 s"
    for listeners in ([], [lambda: 100]):  # to listen changes no run
        monkeypatch.setattr(pulse, "_listeners", listeners)
        stage = Stage("n", instant_limit=10**6)
        stage.start("n", flood)
        with pytest.raises(Livelock, match=sentence):
            stage.run()
        ready.append(len(stage.actors["n"].loop.ready))
        stage.close()
    assert ready[0] == ready[1]
    assert 120_000 < ready[0] < 125_000


def test_two_nodes_that_keep_each_other_busy_at_one_instant_are_a_livelock() -> None:
    stage = Stage("a", "b", instant_limit=500)

    def ping(actor: Actor) -> None:
        actor.send("b" if actor.name == "a" else "a", ping)

    stage.scheduler.post(3, stage.places["a"].put, ("do", ping))
    with pytest.raises(Livelock, match="at one instant"):
        stage.run()
    assert stage.scheduler.now == 3


def test_a_budget_for_one_instant_starts_anew_with_the_next() -> None:
    stage = Stage("n", instant_limit=20, time_limit_us=100 * MS)
    stage.start("n", ticking)
    with pytest.raises(Livelock, match=re.escape("0.1 virtual seconds have passed")):
        stage.run()
    assert stage.scheduler.now == 100 * MS
    assert stage.scheduler.steps > 100
    stage.close()


def test_a_livelock_by_steps() -> None:
    stage = Stage("n", step_limit=300)
    stage.start("n", ticking)
    with pytest.raises(Livelock, match="300 steps have been run") as caught:
        stage.run()
    assert [w.line for w in caught.value.waiting] == ["await asyncio.sleep(0.001)"]
    assert 300 <= stage.scheduler.steps <= 302
    stage.close()


def test_the_same_budget_is_spent_at_the_same_step_in_every_run() -> None:
    def run() -> tuple[int, int]:
        stage = Stage("a", "b", source=Seeded(3), schedule=Random(put_off=True), step_limit=1_000)
        for name in "ab":
            stage.start(name, restless)
            stage.start(name, ticking)
        with pytest.raises(Livelock):
            stage.run()
        stage.close()
        return stage.scheduler.now, stage.scheduler.steps

    assert len({run() for _ in range(3)}) == 1
