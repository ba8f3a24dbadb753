"""Schedules: what they draw, from which stream, and what it means."""

import pytest

from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.schedule import DEFAULT, SCHEDULES, Fifo, Random


def test_first_come_first_served_draws_nothing() -> None:
    choices = Choices(Seeded(1))
    pick, put_off = Fifo().for_node("n", choices)
    assert [pick(n) for n in range(2, 9)] == [0] * 7
    assert put_off is None
    assert [Fifo().for_run(choices)(n) for n in range(2, 9)] == [0] * 7
    assert choices.record() == {}


def test_a_node_picks_from_its_own_stream_and_the_run_from_another() -> None:
    choices = Choices(Seeded(1))
    schedule = Random(put_off=False)
    picks = {
        "sched/a": schedule.for_node("a", choices),
        "sched/b": schedule.for_node("b", choices),
    }
    drawn = {name: [pick(5) for _ in range(20)] for name, (pick, _) in picks.items()}
    drawn["order"] = [schedule.for_run(choices)(5) for _ in range(20)]
    assert all(put_off is None for _, put_off in picks.values())
    assert choices.record() == drawn
    assert len({tuple(values) for values in drawn.values()}) == 3
    assert set().union(*drawn.values()) == set(range(5))


def test_a_restarted_node_goes_on_where_its_stream_was() -> None:
    choices = Choices(Replayed({"sched/n": [1, 2, 3]}))
    schedule = Random(put_off=False)
    assert schedule.for_node("n", choices)[0](9) == 1
    assert schedule.for_node("n", choices)[0](9) == 2


@pytest.mark.parametrize(
    ("draw", "microseconds"),
    [*((at, 0) for at in range(13)), (13, 500), (14, 4_000), (15, 16_000)],
)
def test_what_a_task_is_put_off_by(draw: int, microseconds: int) -> None:
    choices = Choices(Replayed({"sched/n": [draw]}))
    _, put_off = Random(put_off=True).for_node("n", choices)
    assert put_off is not None
    assert put_off() == microseconds
    assert choices.record() == {"sched/n": [draw]}


def test_putting_off_is_no_fault() -> None:
    choices = Choices(Seeded(0))
    _, put_off = Random(put_off=True).for_node("n", choices)
    assert put_off is not None
    assert {put_off() for _ in range(200)} == {0, 500, 4_000, 16_000}
    assert choices.faults == []


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("disturbed", [False, True])
def test_without_luck_every_schedule_is_first_come_first_served(
    name: str, disturbed: bool
) -> None:
    choices = Choices(Replayed({}))
    schedule = SCHEDULES[name](disturbed)
    pick, put_off = schedule.for_node("n", choices)
    assert {pick(9), schedule.for_run(choices)(9), put_off() if put_off else 0} == {0}


@pytest.mark.parametrize("disturbed", [False, True])
def test_only_a_run_that_is_disturbed_puts_tasks_off(disturbed: bool) -> None:
    _, put_off = SCHEDULES[DEFAULT](disturbed).for_node("n", Choices(Seeded(0)))
    assert (put_off is not None) == disturbed
