"""Rule 4 of the loop: what asyncio takes out of its sets comes in one order, in every run."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.engine.stage import Stage, play

RUNS = 200


async def task_group_abort() -> list[str]:
    """The order in which a TaskGroup cancels its tasks."""
    order: list[str] = []

    async def child(name: str) -> None:
        try:
            await asyncio.sleep(9)
        finally:
            order.append(name)

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            for i in range(12):
                group.create_task(child(f"child {i}"))
            group.create_task(fail())
    except* ValueError:
        pass
    return order


async def wait_for_tasks() -> list[str]:
    """The order of the set that asyncio.wait returns."""
    tasks = [asyncio.create_task(asyncio.sleep(1), name=f"{i}") for i in range(12)]
    done, _ = await asyncio.wait(tasks)
    return [task.get_name() for task in done]


async def wait_for_futures() -> list[int]:
    """The order of the set that asyncio.wait returns for plain futures."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(12)]
    for i, future in enumerate(futures):
        loop.call_later(1, future.set_result, i)
    done, _ = await asyncio.wait(futures)
    return [future.result() for future in done]


async def completion() -> list[int]:
    """The order in which asyncio.as_completed hands out what is done at one instant."""
    tasks = [asyncio.create_task(asyncio.sleep(1, i)) for i in range(12)]
    return [await first for first in asyncio.as_completed(tasks)]


async def all_tasks() -> list[str]:
    """The order of the set that asyncio.all_tasks returns."""
    kept = [asyncio.create_task(asyncio.sleep(i)) for i in range(12)]
    await asyncio.sleep(5.5)
    assert len(kept) == 12
    return [task.get_name() for task in asyncio.all_tasks()]


async def own_set() -> list[str]:
    """The order of a set of tasks that somebody keeps, as asyncio's documentation advises."""
    tasks = {asyncio.create_task(asyncio.sleep(i), name=f"{i}") for i in range(12)}
    return [task.get_name() for task in tasks]


@pytest.mark.parametrize(
    "main", [task_group_abort, wait_for_tasks, wait_for_futures, completion, all_tasks, own_set]
)
def test_a_set_has_one_order(main: Callable[[], Coroutine[Any, Any, list[object]]]) -> None:
    orders = set()
    litter: list[object] = []
    for run in range(RUNS):
        orders.add(tuple(play(main)))
        litter += [[None] * (run * size % 40) for size in range(run % 7)]  # moves what follows
    assert len(orders) == 1
    assert len(set(orders.pop())) > 5


def test_addresses_would_have_given_many() -> None:
    """A set of objects that hash by address comes in many orders after as much litter."""
    orders = set()
    litter: list[object] = []
    for run in range(RUNS):
        queues = [asyncio.Queue[int](maxsize=i) for i in range(12)]
        orders.add(tuple(queue.maxsize for queue in set(queues)))
        litter += [[None] * (run * size % 40) for size in range(run % 7)]
    assert len(orders) > 1


def test_serials_restart_with_every_run_and_equality_stays_identity() -> None:
    async def main() -> tuple[int, int, str]:
        me = asyncio.current_task()
        future = asyncio.get_running_loop().create_future()
        twin = asyncio.get_running_loop().create_future()
        assert me is not None
        assert future != twin
        return hash(me), hash(future), me.get_name()

    first = play(main)
    assert first == play(main) == (1, 2, "n")


def test_a_task_is_named_by_its_serial_unless_it_is_given_a_name() -> None:
    async def main() -> list[str]:
        tasks = [asyncio.create_task(asyncio.sleep(0), name=name) for name in (None, "mine", None)]
        named = [task.get_name() for task in tasks]
        tasks[0].set_name("changed")
        assert "name='changed'" in repr(tasks[0])
        return [*named, tasks[0].get_name()]

    assert play(main) == ["task-2", "mine", "task-4", "changed"]


def test_a_task_keeps_the_context_it_is_given() -> None:
    """An empty context is given like any other, though it is false."""
    variable = contextvars.ContextVar("variable", default=0)

    async def read() -> int:
        return variable.get()

    async def main() -> list[int]:
        variable.set(1)
        loop = asyncio.get_running_loop()
        seen: list[int] = []
        inherited = asyncio.create_task(read())
        empty = asyncio.create_task(read(), context=contextvars.Context())
        loop.call_soon(lambda: seen.append(variable.get()))
        loop.call_soon(lambda: seen.append(variable.get()), context=contextvars.Context())
        loop.call_later(0, lambda: seen.append(variable.get()), context=contextvars.Context())
        variable.set(2)
        return [await inherited, await empty, await asyncio.sleep(1, 9), *seen]

    assert play(main) == [1, 0, 9, 1, 0, 0]


def test_an_eager_start_is_not_eager() -> None:
    """An eager task would run inside whoever creates it, where no choice could come in between."""
    stage = Stage("n")
    order: list[str] = []

    async def child() -> None:
        order.append("child")

    async def main() -> None:
        task = stage.actors["n"].loop.create_task(child(), eager_start=True)
        order.append("created")
        await task

    made = stage.start("n", main)
    stage.run(lambda: bool(made) and made[0].done())
    assert order == ["created", "child"]
