"""A node's clock that runs fast or slow: it never goes back, and timers follow it."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tester.engine import current
from tester.engine.choices import Choices, Seeded
from tester.engine.node import Node
from tester.engine.schedule import Fifo

DRIFTS = st.integers(-900_000, 3_000_000)
TIMES = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=6).map(sorted)


def node() -> Node:
    return Node("n", Choices(Seeded(0)), Fifo())


def run_at(machine: Node, now: int, **code: object) -> None:
    machine.receivers = dict(code)  # type: ignore[arg-type]
    step(machine, now, *((name,) for name in code))


def step(machine: Node, now: int, *events: tuple[str, ...]) -> None:
    outer = asyncio._get_running_loop()
    try:
        machine.step(now, events, 100)
    finally:
        asyncio._set_running_loop(outer)


@given(DRIFTS, TIMES)
def test_the_clock_gains_what_it_should_and_never_goes_back(ppm: int, times: list[int]) -> None:
    machine = node()
    run_at(machine, 5, drift=lambda _: machine.loop.drift(ppm))
    before = machine.time_us()
    for now in times:
        step(machine, 5 + now)
        local = machine.time_us()
        assert local >= before
        assert local - 5 == now + now * ppm // 1_000_000
        before = local


@given(DRIFTS, DRIFTS, st.integers(0, 1_000_000))
def test_a_change_of_pace_is_no_jump(first: int, second: int, now: int) -> None:
    machine = node()
    run_at(machine, 0, drift=lambda _: machine.loop.drift(first))
    step(machine, now)
    before = machine.time_us()
    run_at(machine, now, drift=lambda _: machine.loop.drift(second))
    assert machine.time_us() == before
    step(machine, now)
    assert machine.time_us() == before


@given(DRIFTS, st.integers(0, 100_000), st.integers(1, 5_000_000))
def test_a_timer_is_due_when_its_time_has_passed_by_the_node_s_clock(
    ppm: int, now: int, ahead: int
) -> None:
    machine = node()
    run_at(machine, 0, drift=lambda _: machine.loop.drift(ppm))
    step(machine, now)
    set_at = machine.time_us()
    run_at(machine, now, later=lambda _: machine.loop.call_later(ahead / 1e6, lambda: None))
    due = machine.loop.next_due()
    assert due is not None
    step(machine, due)
    late = machine.time_us() - set_at - ahead
    assert -1 <= late <= 2 + max(0, ppm) // 1_000_000, "up to what one microsecond is here"


def test_a_timer_at_an_absolute_time_means_the_node_s_clock() -> None:
    machine = node()
    fired: list[float] = []
    run_at(machine, 0, drift=lambda _: machine.loop.drift(1_000_000))
    step(machine, 1_000_000)
    run_at(
        machine,
        1_000_000,
        at=lambda _: machine.loop.call_at(4.0, lambda: fired.append(machine.loop.time())),
    )
    assert machine.loop.next_due() == 2_000_000
    step(machine, 2_000_000)
    assert fired == [4.0]


def test_a_sleep_on_a_fast_node_is_short() -> None:
    machine = node()
    woken: list[int] = []

    async def sleep() -> None:
        await asyncio.sleep(1)
        woken.append(machine.loop.now)

    run_at(machine, 0, drift=lambda _: machine.loop.drift(1_000_000))
    run_at(machine, 0, start=lambda _: machine.loop.create_task(sleep()))
    assert machine.loop.next_due() == 500_000
    step(machine, 500_000)
    assert woken == [500_000]
    assert current.node is None
