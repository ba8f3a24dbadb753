"""The rules of a node's loop, one by one: see the docstring of tester.engine.loop."""

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine.choices import Record, Replayed, Seeded
from tester.engine.errors import Deadlock, OutsideWorld
from tester.engine.loop import Loop
from tester.engine.schedule import Random
from tests.engine.stage import Stage, play


def until_quiet(function: Callable[[Loop], object], stage: Stage | None = None) -> Stage:
    """Call the function on a node, and run until nothing more can happen."""
    stage = stage or Stage("n")
    stage.do("n", lambda actor: function(actor.loop))
    with contextlib.suppress(Deadlock):
        stage.run()
    return stage


# -- 1: time --------------------------------------------------------------------------------------


def test_time_is_exact() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        for _ in range(3):
            await asyncio.sleep(0.1)
            times.append(loop.time())
        return times

    assert play(main) == [0.0, 0.1, 0.2, 0.3]  # 0.1 + 0.1 + 0.1 is not 0.3


def test_time_stands_still_while_anything_is_runnable() -> None:
    async def main() -> float:
        for _ in range(1_000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert play(main) == 0


@pytest.mark.parametrize("how", ["sleep", "call_at", "timeout"])
def test_who_waits_for_a_time_and_looks_at_the_clock_gets_there(how: str) -> None:
    """The sum of two times may lie between two microseconds, and is not waited for in vain."""
    tried: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.084)
        deadline = loop.time() + 0.12
        assert deadline != round(deadline, 6), "it is none that a clock shows"
        while (now := loop.time()) < deadline and len(tried) < 10:
            tried.append(1)
            if how == "sleep":
                await asyncio.sleep(deadline - now)
            elif how == "timeout":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(deadline - now):
                        await asyncio.Event().wait()
            else:
                due = loop.create_future()
                loop.call_at(deadline, due.set_result, None)
                await due

    until_quiet(lambda loop: loop.create_task(main()))
    assert len(tried) in {1, 2}


def test_a_skewed_clock_shifts_what_the_node_sees_and_not_when_its_timers_fire() -> None:
    stage = Stage("n")
    seen: list[tuple[int, float]] = []

    def main(loop: Loop) -> None:
        loop.offset = -2_500_000

        def note() -> None:
            seen.append((loop.now, loop.time()))

        note()
        loop.call_later(1, note)
        loop.call_at(-0.5, note)
        loop.call_at(-99, note)  # gone by: now
        loop.offset += 1_000_000
        loop.call_at(-0.5, note)

    until_quiet(main, stage)
    assert seen == [
        (0, -2.5),
        (0, -1.5),
        (1_000_000, -0.5),
        (1_000_000, -0.5),
        (2_000_000, 0.5),
    ]


# -- 2: timers ------------------------------------------------------------------------------------


def test_timers_of_one_instant_fire_in_the_order_in_which_they_were_set() -> None:
    fired: list[int] = []

    def main(loop: Loop) -> None:
        for i in range(32):
            if i % 2:
                loop.call_later(0.3, fired.append, i)
            else:
                loop.call_at(0.1 + 0.2, fired.append, i)

    until_quiet(main)
    assert fired == list(range(32))


DELAY = st.sampled_from([0, 0.0000004, 0.0000006, 0.001, 0.002, 0.1 + 0.2, 0.3, math.inf])


@given(timers=st.lists(st.tuples(DELAY, st.booleans())), seed=st.integers(0, 5))
def test_timers_fire_by_time_then_by_order_whatever_the_seed(
    timers: list[tuple[float, bool]], seed: int
) -> None:
    stage = Stage("n", source=Seeded(seed), schedule=Random(put_off=True))
    fired: list[tuple[int, int]] = []

    def main(loop: Loop) -> None:
        set_timers = [
            loop.call_later(delay, lambda i=i: fired.append((loop.now, i)))
            for i, (delay, _) in enumerate(timers)
        ]
        for timer, (_, cancelled) in zip(set_timers, timers, strict=True):
            if cancelled:
                timer.cancel()

    until_quiet(main, stage)
    assert fired == sorted(
        (max(round(delay * 1_000_000), int(delay > 0)), i)
        for i, (delay, cancelled) in enumerate(timers)
        if delay < math.inf and not cancelled
    )
    assert stage.choices.record() == {}


@pytest.mark.parametrize("delay", [-1, -0.0000001, math.nan, -math.inf])
def test_a_delay_that_is_no_delay_is_refused(delay: float) -> None:
    def main(loop: Loop) -> None:
        with pytest.raises(
            ValueError, match=f"expected a delay of 0 or more seconds, got {delay}"
        ):
            loop.call_later(delay, print)
        with pytest.raises(ValueError, match="expected a time in seconds, got nan"):
            loop.call_at(math.nan, print)

    assert until_quiet(main).actors["n"].failures == []


@pytest.mark.parametrize("delay", [math.inf, 1e30, 2**40])
def test_a_timer_in_the_far_future_never_fires(delay: float) -> None:
    def main(loop: Loop) -> None:
        assert loop.call_later(delay, print).when() == math.inf
        assert loop.call_at(delay, print).when() == math.inf
        assert loop.next_due() is None
        loop.call_at(-math.inf, loop.call_later, 7, print)

    assert until_quiet(main).scheduler.now == 7_000_000


def test_a_handle_knows_its_time_and_whether_it_is_cancelled() -> None:
    def main(loop: Loop) -> None:
        timer = loop.call_later(1.5, print)
        soon = loop.call_soon(main, loop)
        assert (timer.when(), timer.cancelled(), soon.cancelled()) == (1.5, False, False)
        assert repr(soon) == "<Handle main>".replace("main", main.__qualname__)
        timer.cancel()
        soon.cancel()
        assert (timer.cancelled(), soon.cancelled()) == (True, True)
        assert repr(timer) == "<Handle cancelled>"
        assert loop.next_due() is None

    stage = until_quiet(main)
    assert (stage.scheduler.now, stage.actors["n"].failures) == (0, [])


# -- 3: callbacks first, in order; tasks by choice ------------------------------------------------


def turns(record: Record, *, put_off: bool = False) -> tuple[str, Record]:
    """Two callbacks and three tasks, each of which schedules another callback."""
    stage = Stage("n", source=Replayed(record), schedule=Random(put_off=put_off))
    order = ""

    def note(text: str) -> None:
        nonlocal order
        order += text

    async def task(name: str) -> None:
        note(name)
        asyncio.get_running_loop().call_soon(note, name.lower())

    def main(loop: Loop) -> None:
        loop.call_soon(note, "1")
        tasks.extend(loop.create_task(task(name)) for name in "ABC")
        loop.call_soon(note, "2")

    tasks: list[asyncio.Task[None]] = []
    until_quiet(main, stage)
    return order, stage.choices.record()


@pytest.mark.parametrize(
    ("picks", "order"),
    [
        ([], "12AaBbCc"),
        ([0, 1], "12AaCcBb"),
        ([1, 0], "12BbAaCc"),
        ([1, 1], "12BbCcAa"),
        ([2, 0], "12CcAaBb"),
        ([2, 1], "12CcBbAa"),
    ],
)
def test_callbacks_go_first_and_in_order_and_tasks_are_chosen_among(
    picks: list[int], order: str
) -> None:
    record = {"sched/n": picks or [0, 0]}
    assert turns(record) == (order, record)  # and the last of them costs no choice


def test_a_task_that_is_woken_may_be_put_off() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        seen = [loop.now]
        for _ in range(4):
            await asyncio.sleep(0)
            seen.append(loop.now)
        return seen

    source = Replayed({"sched/n": [0, 13, 12, 15, 14]})
    # One choice whenever the task becomes ready: at its start, and after each of its awaits.
    seen = play(main, source=source, schedule=Random(put_off=True))
    assert seen == [0, 500, 500, 16_500, 20_500]


def test_the_first_step_of_a_task_may_be_put_off_too_and_callbacks_never_are() -> None:
    order, record = turns({"sched/n": [15, 13, 0]}, put_off=True)
    assert order == "12CcBbAa"
    assert record == {"sched/n": [15, 13, 0]}  # each was ready alone: nothing to pick


def test_cancelling_soon_keeps_its_place_among_the_steps() -> None:
    """CPython's tests of wait_for rely on it."""
    begun: list[str] = []

    async def begin(name: str) -> None:
        begun.append(name)
        await asyncio.sleep(9)

    async def main() -> None:
        tasks = [asyncio.create_task(begin(name)) for name in "ab"]
        asyncio.get_running_loop().call_soon(tasks[1].cancel)
        await asyncio.wait(tasks)

    play(main)
    assert begun == ["a", "b"]


# -- 5: what is not simulated, and what is somebody else's ----------------------------------------

SIMULATED = {
    *("call_soon", "call_later", "call_at", "time", "create_future", "create_task"),
    *("is_running", "is_closed", "get_debug", "set_debug"),
    *("get_task_factory", "set_task_factory"),
    *("get_exception_handler", "default_exception_handler", "call_exception_handler"),
}


@pytest.mark.parametrize(
    "name", [name for name in dir(asyncio.AbstractEventLoop) if not name.startswith("_")]
)
def test_what_is_not_simulated_is_refused_by_name(name: str) -> None:
    async def main() -> Any:
        return getattr(asyncio.get_running_loop(), name)("some", arguments=1)

    if name not in SIMULATED:
        with pytest.raises(OutsideWorld, match=f"loop.{name} is not simulated: [a-z]"):
            play(main)
    else:
        assert name in vars(Loop)


def test_what_ends_outside_is_refused_through_asyncio() -> None:
    async def thread() -> None:
        await asyncio.to_thread(print)

    async def socket() -> None:
        await asyncio.open_connection("localhost", 1)

    for main in (thread, socket):
        with pytest.raises(OutsideWorld):
            play(main)


def test_a_task_factory_is_refused_and_its_removal_is_not() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(None)
        with pytest.raises(OutsideWorld, match="made by the simulator"):
            loop.set_task_factory(lambda loop, coro, **_: asyncio.Task(coro))
        assert loop.get_task_factory() is None
        assert loop.get_exception_handler() is None
        assert loop.is_running()
        assert not loop.is_closed()
        loop.set_debug(True)
        assert not loop.get_debug()

    play(main)
