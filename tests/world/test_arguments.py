"""The arguments of a factory: what may be in them, at any depth, and what a node makes of it."""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc import ClientEnd, Message
from tester import NotAMessage, Simulation, TesterError
from tester.world.arguments import Packed, pack, unpack
from tester.world.disk import Disk
from tester.world.probe import Probe
from tests.world.lab import once, passes


class Colour(Enum):
    RED = "red"
    BLUE = ("b", 2)


class Level(IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: Any
    y: Any


class Word(Message, frozen=True):
    text: Any


@dataclass(frozen=True, slots=True)
class Frozen:
    part: Any


@dataclass
class Settings:
    name: str
    parts: Any = None
    derived: int = field(init=False, default=0)
    times: int = 0

    def __post_init__(self) -> None:
        self.times += 1
        self.beside = [self.name]


class Ping(Message, frozen=True):
    text: str


class Echo:
    def ping(self, args: Ping) -> Ping:
        return args


@dataclass
class Wiring:
    ends: dict[str, ClientEnd]
    given: tuple[Disk, list[Probe], Echo, Settings]


class Wired:
    """Is given everything there is, deep in a record."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def ask(self) -> list[str]:
        answers = [
            await end.call(Echo.ping, Ping(name)) for name, end in self._wiring.ends.items()
        ]
        disk, (probe,), echo, settings = self._wiring.given
        disk.write({"k": b"kept"})
        assert isinstance(probe, Probe)
        return [
            *("lost" if answer is None else answer.text for answer in answers),
            disk.read("k").decode(),
            echo.ping(Ping("here")).text,
            *settings.beside,
        ]


def refers_to_nothing(value: Any) -> None:
    return None


def packed(*args: Any, factory: Callable[..., Any] = Wired) -> tuple[Packed, ...]:
    return pack(factory, args, "n", refers_to_nothing)


def there_and_back(value: Any) -> Any:
    (one,) = packed(value)
    return unpack(one, lambda reference: pytest.fail(f"{reference} was never given"))


atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.sampled_from([Colour.RED, Colour.BLUE, Level.LOW]),
)
keys = st.recursive(atoms, lambda inner: st.tuples(inner, inner) | st.builds(Frozen, inner))
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.builds(Point, inner, inner),
        st.builds(Word, inner),
        st.builds(Frozen, inner),
        st.builds(Settings, st.just("s"), inner),
    ),
    max_leaves=12,
)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, down to their types and to attributes beside the fields."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return alike([*one.items()], [*other.items()])
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, Settings):
        return alike(vars(one), vars(other))
    if isinstance(one, Word):
        return alike(one.text, other.text)
    if isinstance(one, Frozen):
        return alike(one.part, other.part)
    return bool(one == other) and repr(one) == repr(other)


@given(values)
def test_what_arrives_is_a_deep_copy(value: Any) -> None:
    arrived = there_and_back(value)
    assert alike(arrived, copy.deepcopy(value))


def test_each_incarnation_puts_together_its_own() -> None:
    word: list[Any] = ["a", Settings("s", [1])]
    (one,) = packed(word)
    word[1].parts.append(2)
    first, second = (unpack(one, refers_to_nothing) for _ in "ab")
    first[1].parts.append(3)
    first[1].beside.append("t")
    assert (second[1].parts, second[1].beside, second[1].times) == ([1], ["s"], 1)
    assert math.isnan(there_and_back([math.nan])[0])


# -- on a node ------------------------------------------------------------------------------------


async def wire(sim: Simulation) -> None:
    for name in "ab":
        node = sim.node(name)
        node.serve(node.make(Echo))
    node = sim.node("n")
    ends: Any = {name: node.end(f"to-{name}", name) for name in "abc"}
    given: Any = node.disk, [node.probe], node.make(Echo), Settings("set")
    wired: Any = node.make(Wired, Wiring(ends, given))
    answers = ["a", "b", "lost", "kept", "here", "set"]
    assert await wired.ask() == answers
    node.crash()
    node.restart()
    assert await wired.ask() == answers


@pytest.mark.parametrize("isolated", [False, True])
def test_what_stands_for_something_may_be_anywhere(isolated: bool) -> None:
    _ = passes(wire, isolated=isolated)


def test_a_node_in_a_child_process_behaves_the_same() -> None:
    assert once(wire).digest == once(wire, isolated=True).digest


# -- what cannot enter a node ---------------------------------------------------------------------


def endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


class Vector(list[int]):
    pass


@dataclass
class Sized(list[int]):
    size: int


def build(first: Any, *others: Any, last: Any = None) -> object:
    return object()


@pytest.mark.parametrize(
    ("args", "where", "got"),
    [
        ((object(),), "first", "an object"),
        (({1, 2},), "first", "a set"),
        ((2**70,), "first", "an int beyond 64 bits"),
        (("\ud800",), "first", "a str with a surrogate, which has no bytes"),
        ((Ping,), "first", "the class Ping"),
        ((len,), "first", "a builtin_function_or_method"),
        ((Vector(),), "first", "a Vector"),
        ((Sized(1),), "first", "a Sized"),
        ((1, 2, [0, {"a": (bytearray(),)}]), "others[1][1]['a'][0]", "a bytearray"),
        (({(1, frozenset()): 2},), f"first[{(1, frozenset())!r}][1]", "a frozenset"),
        ((1, Settings("s", Word([Frozen(3j)]))), "others[0].parts.text[0].part", "a complex"),
        ((Point(1, asyncio.Queue),), "first[1]", "the class Queue"),
        ((endless(),), f"first{'[0]' * 8}...", "what contains itself, or is nested too deeply"),
    ],
)
def test_what_is_no_plain_data_cannot_enter_a_node(
    args: tuple[Any, ...], where: str, got: str
) -> None:
    with pytest.raises(NotAMessage) as raised:
        packed(*args, factory=build)
    said = str(raised.value)
    assert said.startswith(f"the argument {where} of build, made on n: expected ends, ")
    assert said.endswith(f"got {got}")


def test_a_factory_without_a_signature_has_numbered_arguments() -> None:
    with pytest.raises(NotAMessage, match="the argument 2 of dict, made on n: "):
        packed(1, object(), factory=dict)
    with pytest.raises(NotAMessage, match="the argument 2 of <lambda>, made on n: "):
        packed(1, object(), factory=lambda one: one)


@pytest.mark.parametrize("what", ["end", "disk", "probe", "object"])
def test_what_belongs_to_another_node_cannot_enter_a_node(what: str) -> None:
    async def make(sim: Simulation) -> None:
        theirs = sim.node("m")
        thing = {
            "end": theirs.end("x", "server"),
            "disk": theirs.disk,
            "probe": theirs.probe,
            "object": theirs.make(Echo),
        }[what]
        with pytest.raises(TesterError) as raised:
            sim.node("n").make(Wired, [{"deep": (thing,)}])
        assert "cannot be given to n: " in str(raised.value)

    _ = passes(make)
