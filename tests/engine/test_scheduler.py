"""The scheduler: the order of events, time, and nodes that are frozen."""

import asyncio
from collections.abc import Callable

import pytest

from tester.engine.choices import Record, Replayed
from tester.engine.errors import Deadlock
from tester.engine.schedule import Random
from tests.engine.stage import Actor, Stage

MS = 1_000


def noting(notes: list[str], text: str) -> Callable[[Actor], None]:
    return lambda actor: notes.append(f"{actor.loop.now} {actor.name} {text}")


# -- order ----------------------------------------------------------------------------------------


def test_what_is_posted_for_one_instant_happens_in_the_order_of_posting() -> None:
    stage = Stage()
    notes: list[str] = []
    for when, text in [(5, "b"), (3, "a"), (5, "c"), (5, "d"), (4, "x")]:
        stage.scheduler.post(when, notes.append, text)
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["a", "x", "b", "c", "d"]


def test_all_that_is_posted_for_an_instant_happens_before_a_node_is_stepped() -> None:
    stage = Stage("n")
    notes: list[str] = []

    def post_more(text: str) -> None:
        notes.append(text)
        if len(text) < 3:
            stage.scheduler.post(7, post_more, text + "!")

    stage.scheduler.post(7, stage.places["n"].put, ("do", noting(notes, "stepped")))
    stage.scheduler.post(7, post_more, "a")
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["a", "a!", "a!!", "7 n stepped"]


def test_a_node_takes_in_its_events_in_the_order_of_their_arrival_in_one_step() -> None:
    stage = Stage("n")
    notes: list[str] = []
    for text in "abc":
        stage.do("n", noting(notes, text))
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["0 n a", "0 n b", "0 n c"]
    assert stage.scheduler.steps == 1


def test_events_come_before_the_timers_of_their_instant() -> None:
    stage = Stage("n")
    notes: list[str] = []
    stage.do("n", lambda n: n.loop.call_later(0.001, noting(notes, "timer"), n))
    stage.scheduler.post(1 * MS, stage.places["n"].put, ("do", noting(notes, "event")))
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["1000 n event", "1000 n timer"]


def three_at_once(record: Record) -> tuple[list[str], Record]:
    stage = Stage("a", "b", "c", source=Replayed(record), schedule=Random(put_off=False))
    notes: list[str] = []
    for name in "abc":
        stage.scheduler.post(9, stage.places[name].put, ("do", noting(notes, "")))
    with pytest.raises(Deadlock):
        stage.run()
    return [note.split()[1] for note in notes], stage.choices.record()


def test_nodes_due_at_one_instant_are_chosen_among_and_zero_is_first_come_first_served() -> None:
    orders = {(i, j): three_at_once({"order": [i, j]})[0] for i in range(3) for j in range(2)}
    assert orders == {
        (0, 0): ["a", "b", "c"],
        (0, 1): ["a", "c", "b"],
        (1, 0): ["b", "a", "c"],
        (1, 1): ["b", "c", "a"],
        (2, 0): ["c", "a", "b"],
        (2, 1): ["c", "b", "a"],
    }
    assert three_at_once({"order": [2, 1]})[1] == {"order": [2, 1]}  # the last costs no choice


def test_a_node_takes_in_what_arrives_while_it_waits_for_its_turn() -> None:
    """Its event is sent at the very instant at which it waits to be stepped."""
    stage = Stage("a", "b", schedule=Random(put_off=False), source=Replayed({"order": [1]}))
    notes: list[str] = []
    stage.do("a", noting(notes, "first"))
    stage.do("b", lambda b: stage.places["a"].put(("do", noting(notes, "second"))))
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["0 a first", "0 a second"]
    assert stage.scheduler.steps == 2


# -- time -----------------------------------------------------------------------------------------


def test_the_run_ends_as_soon_as_it_is_finished() -> None:
    stage = Stage("n")
    made = stage.start("n", lambda: asyncio.sleep(1.5, "done"))
    stage.start("n", lambda: asyncio.sleep(99))
    stage.run(lambda: bool(made) and made[0].done())
    assert (stage.scheduler.now, made[0].result()) == (1_500_000, "done")
    stage.close()


def test_a_timer_for_this_very_instant_fires_every_time() -> None:
    stage = Stage("n")

    async def poll() -> int:
        never = asyncio.get_running_loop().create_future()
        for _ in range(10):
            await asyncio.wait([never], timeout=0)
        return 10

    made = stage.start("n", poll)
    stage.run(lambda: bool(made) and made[0].done())
    assert (stage.scheduler.now, made[0].result()) == (0, 10)


def test_a_cancelled_timer_does_not_let_time_pass() -> None:
    stage = Stage("n", time_limit_us=50 * MS)

    async def main() -> None:
        arrived = asyncio.Event()
        actor = stage.actors["n"]
        actor.send("n", lambda n: arrived.set(), 10 * MS)
        async with asyncio.timeout(100):
            await arrived.wait()
        await asyncio.Event().wait()

    stage.start("n", main)
    with pytest.raises(Deadlock):
        stage.run()
    assert stage.scheduler.now == 10 * MS
    stage.close()


def test_a_timer_that_is_set_anew_fires_once_at_its_time() -> None:
    """The earliest timer goes from 9 ms to 5 ms and back; nobody is woken at 5 ms."""
    stage = Stage("n")
    notes: list[str] = []

    def set_two(n: Actor) -> None:
        n.loop.call_later(0.009, noting(notes, "timer"), n)
        early = n.loop.call_later(0.005, noting(notes, "never"), n)
        n.send("n", lambda n: early.cancel(), 2 * MS)

    stage.do("n", lambda n: n.loop.call_later(0.009, noting(notes, "timer"), n))
    stage.scheduler.post(1, stage.places["n"].put, ("do", set_two))
    stage.scheduler.post(5 * MS, notes.append, "other")
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["other", "9000 n timer", "9001 n timer"]
    assert stage.scheduler.steps == 7  # three events; two timers, each a step and a callback


def test_a_cancelled_timer_wakes_nobody_when_something_else_happens_at_its_time() -> None:
    stage = Stage("n", "other")
    notes: list[str] = []

    def set_and_cancel(n: Actor) -> None:
        timer = n.loop.call_later(0.005, noting(notes, "never"), n)
        n.send("n", lambda n: timer.cancel(), 1 * MS)

    stage.do("n", set_and_cancel)
    stage.scheduler.post(5 * MS, stage.places["other"].put, ("do", noting(notes, "event")))
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["5000 other event"]
    assert stage.scheduler.steps == 3


# -- freezing -------------------------------------------------------------------------------------


def test_a_frozen_node_never_acts_again() -> None:
    stage = Stage("n", "other")
    notes: list[str] = []

    async def main() -> None:
        try:
            while True:
                notes.append("tick")
                await asyncio.sleep(0.010)
        finally:
            notes.append("a crash is no cancellation")

    stage.start("n", main)
    stage.scheduler.post(25 * MS, lambda place: place.freeze(), stage.places["n"])
    stage.scheduler.post(26 * MS, stage.places["n"].put, ("do", noting(notes, "event")))
    with pytest.raises(Deadlock) as caught:
        stage.run()
    assert notes == ["tick"] * 3
    assert caught.value.waiting == ()  # the dead wait for nothing
    assert stage.scheduler.now == 26 * MS
    stage.close()


def test_a_node_can_be_frozen_while_it_waits_for_its_turn() -> None:
    stage = Stage("a", "b")
    notes: list[str] = []
    stage.do("a", lambda a: stage.places["b"].freeze())
    stage.do("b", noting(notes, "b"))
    stage.do("a", noting(notes, "a"))
    with pytest.raises(Deadlock):
        stage.run()
    assert notes == ["0 a a"]


def test_the_loop_that_ran_before_runs_again_afterwards() -> None:
    """Somebody may start a run from a notebook, whose cells run inside a loop."""
    seen: list[object] = []

    async def cell() -> None:
        stage = Stage("n")
        stage.do("n", lambda n: seen.append(asyncio.get_running_loop() is n.loop))
        with pytest.raises(Deadlock):
            stage.run()
        stage.close()
        await asyncio.sleep(0)
        seen.append(asyncio.get_running_loop())

    with asyncio.Runner() as runner:
        runner.run(cell())
        assert seen == [True, runner.get_loop()]
