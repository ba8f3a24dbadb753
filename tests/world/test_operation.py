"""Operations: how the test calls objects on other nodes, and what may cross that border."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pytest

from tester import HandlerCrashed, NotAMessage, Simulation, TesterError
from tester.world.operation import WrongResult, operation, shape
from tests.world.lab import once, passes


@dataclass
class Point:
    x: int
    y: int = 0


class Thing:
    def __init__(self) -> None:
        self.points: list[Point] = []

    def count(self) -> int:
        return len(self.points)

    async def add(self, point: Point, times: int = 1) -> list[Point]:
        self.points += [point] * times
        return self.points

    def forgets_to_say(self, x):  # type: ignore[no-untyped-def]
        return x

    async def lies(self) -> int:
        return "1"  # type: ignore[return-value]

    def _private(self) -> None: ...


def test_methods_are_awaited_whether_they_are_async_or_not() -> None:
    async def call(sim: Simulation) -> None:
        thing: Any = sim.node("n").make(Thing)
        assert await thing.count() == 0
        assert await thing.add(Point(1), times=2) == [Point(1), Point(1)]
        assert await thing.add(Point(2, 3)) == [Point(1), Point(1), Point(2, 3)]
        assert await thing.count() == 3

    passes(call)


def test_what_comes_back_is_a_copy() -> None:
    async def change(sim: Simulation) -> None:
        thing: Any = sim.node("n").make(Thing)
        mine = Point(1)
        points = await thing.add(mine)
        points.clear()
        mine.x = 7
        assert await thing.add(Point(2)) == [Point(1), Point(2)]

    passes(change)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda t: t.cuont(), TesterError, "Thing has no operation cuont; it has"),
        (lambda t: t.points, TesterError, "Thing has no operation points"),
        (lambda t: t._private(), AttributeError, "_private"),
        (lambda t: t.forgets_to_say(1), NotAMessage, "forgets_to_say"),
        (lambda t: t.add(), TypeError, r"Thing\.add\(\): .*'point'"),
        (lambda t: t.add(Point(1), more=2), TypeError, r"Thing\.add\(\): .*'more'"),
        (lambda t: t.add({1, 2}), NotAMessage, "must be Point, got a value of class set"),
        (lambda t: t.add(Point(2**70)), NotAMessage, "an int of 71 bits"),
    ],
)
def test_a_call_that_cannot_be_made_is_refused_where_it_is_made(
    call: Any, error: type[Exception], said: str
) -> None:
    async def wrong(sim: Simulation) -> None:
        thing = sim.node("n").make(Thing)
        with pytest.raises(error, match=said):
            await call(thing)

    assert passes(wrong).history.ops == []


def test_a_result_of_another_type_fails_the_run_and_names_the_method() -> None:
    async def wrong(sim: Simulation) -> None:
        thing: Any = sim.node("n").make(Thing)
        await thing.lies()

    error = once(wrong).error
    assert isinstance(error, HandlerCrashed)
    assert error.failure.kind == WrongResult.__name__
    line = Thing.lies.__code__.co_firstlineno
    assert error.failure.message == (
        f"{__file__}:{line}: Thing.lies must return int, got '1' (str)"
    )
    assert (error.failure.node, error.failure.doing) == ("n", "while it ran Thing.lies")


class Interface(Protocol):
    async def count(self) -> int: ...

    async def missing(self) -> int: ...


def test_an_interface_says_how_methods_travel() -> None:
    async def typed(sim: Simulation) -> None:
        thing: Any = sim.node("n").make(Thing, like=Interface)
        assert await thing.count() == 0
        with pytest.raises(TesterError, match="Interface has no operation add"):
            await thing.add(Point(1))

    passes(typed)


def test_an_object_that_lacks_a_method_of_its_interface_fails_the_run() -> None:
    async def lacking(sim: Simulation) -> None:
        thing: Any = sim.node("n").make(Thing, like=Interface)
        await thing.missing()

    error = once(lacking).error
    assert str(error) == "TypeError: Thing has no method missing"


def test_a_handle_is_named_by_its_object_and_node() -> None:
    async def show(sim: Simulation) -> None:
        assert repr(sim.node("n").make(Thing)) == "<n.0 on n>"
        assert repr(sim.node("n").make(Thing, name="thing")) == "<thing on n>"
        assert repr(sim.clerk()) == "<c0 on c0>"

    passes(show)


def test_an_operation_is_bound_to_its_object() -> None:
    bound = operation(Thing(), Thing, "add")
    args = shape(Thing, "add").args.encode((Point(1), 2))
    assert bound.name == "Thing.add"
    assert bound.function.__self__.count() == 0  # type: ignore[attr-defined]
    assert bound.args.decode(args) == (Point(1), 2)
    with pytest.raises(
        WrongResult, match=r"test_operation.py:\d+: Thing\.add must return list\[Point\], "
    ):
        bound.encode_result(None)


def test_what_is_to_return_nothing_may_return_anything_that_is_done() -> None:
    class Lock(Protocol):
        async def acquire(self) -> None: ...

    class Theirs:
        async def acquire(self) -> bool:
            return True

    bound = operation(Theirs(), Lock, "acquire")
    for result in True, 7, object(), None:
        assert bound.encode_result(result) == bound.encode_result(None)
    undone = bound.function()
    with pytest.raises(WrongResult, match=r"Theirs\.acquire must return None, got .* `await`"):
        bound.encode_result(undone)
    undone.close()


class Got(NamedTuple):
    value: str
    version: int


def test_what_unpacks_as_a_tuple_may_be_returned_for_one() -> None:
    class KV(Protocol):
        async def get(self) -> tuple[str, int]: ...

    class Theirs:
        async def get(self) -> Got:
            return Got("x", 1)

    bound = operation(Theirs(), KV, "get")
    for result in Got("x", 1), ["x", 1]:
        assert bound.encode_result(result) == bound.encode_result(("x", 1))
    for wrong in Got("x", "1"), ["x"], "x1", {"x": 1}:  # type: ignore[arg-type]
        with pytest.raises(WrongResult, match=r"Theirs\.get"):
            bound.encode_result(wrong)
