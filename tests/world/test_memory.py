"""What an object holds: everything it refers to, once, and nothing that every program has."""

import asyncio
import contextvars
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from labrpc import ClientEnd
from tester.engine.choices import Choices, Seeded
from tester.world import memory
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

BIG = 1_000_000


class Plain:
    def __init__(self, held: Any) -> None:
        self.held = held

    def method(self) -> Any:
        return self.held


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


@dataclass
class Record:
    held: Any = field(default=None)


def generator(held: Any) -> Any:
    yield held


def started(held: Any) -> Any:
    running = generator(held)
    next(running)
    return running


@pytest.mark.parametrize(
    "holder",
    [
        Plain,
        Slotted,
        Record,
        started,
        lambda held: [held],
        lambda held: (1, (2, held)),
        lambda held: {"key": [held]},
        lambda held: {held: None},
        lambda held: {held},
        lambda held: deque([held]),
        lambda held: Plain(Slotted(Record({"a": [held]}))),
        lambda held: Plain(held).method,
        lambda held: iter([held]),
    ],
)
def test_what_is_reachable_is_counted(holder: Any) -> None:
    assert memory.size(holder(b"x" * BIG)) - memory.size(holder(b"")) == BIG


def test_each_object_is_counted_once() -> None:
    value = b"x" * BIG
    assert memory.size([value] * 10) < memory.size([value]) + 200
    assert BIG < memory.size([value, value]) < BIG + 1_000


def test_a_circle_ends() -> None:
    one, two = Plain(None), Plain(None)
    one.held, two.held = two, one
    assert memory.size(one) == 2 * sys.getsizeof(one)


def test_a_small_object_is_what_python_says() -> None:
    assert memory.size("abc") == sys.getsizeof("abc")
    assert memory.size([1]) == sys.getsizeof([1]) + sys.getsizeof(1)


@pytest.mark.parametrize(
    "foreign",
    [
        type("C", (), {"attribute": b"x" * BIG}),
        sys,
        lambda held=b"x" * BIG: held,
        ClientEnd("e", lambda method, payload: asyncio.sleep(0, b"x" * BIG)),
        contextvars.copy_context(),
    ],
)
def test_what_is_not_its_own_is_not_counted(foreign: object) -> None:
    assert memory.size([foreign]) == memory.size([None]) - sys.getsizeof(None)


class Holder:
    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._event = asyncio.Event()

    async def keep(self, n: int) -> None:
        self._kept.append(b"x" * n)

    async def wait_with(self, n: int) -> None:
        held = b"x" * n
        await self._event.wait()
        self._kept.append(held)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_node_measures_its_objects_wherever_it_runs(isolated: bool) -> None:
    @simulate(model=None, isolated=isolated)
    async def scenario(sim: Simulation) -> None:
        node = sim.node("n")
        holder = node.make(Holder)
        assert sim.measure(holder) == 0  # the node has not run yet
        await holder.keep(0)
        empty = sim.measure(holder)
        assert 0 < empty < 10_000
        await holder.keep(BIG)
        assert BIG < sim.measure(holder) < BIG + 10_000
        waiting = asyncio.ensure_future(holder.wait_with(2 * BIG))
        await sim.sleep(1)
        assert 3 * BIG < sim.measure(holder) < 3 * BIG + 20_000
        waiting.cancel()
        node.crash()
        assert sim.measure(holder) == 0

    assert run(scenario.simulation, Choices(Seeded(0))).error is None


def test_measuring_changes_nothing_in_the_run() -> None:
    digests = set()
    for times in (0, 3):

        @simulate()
        async def scenario(sim: Simulation, times: int = times) -> None:
            server = sim.serve()
            ck = sim.clerk()
            for version in range(5):
                await ck.put("k", "v", version)
                for _ in range(times):
                    sim.measure(server)

        digests.add(run(scenario.simulation, Choices(Seeded(0))).digest)
    assert len(digests) == 1
