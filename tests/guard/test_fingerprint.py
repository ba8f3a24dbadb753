"""Fingerprints tell values apart by what they hold, and never ask the values themselves."""

import collections
import enum
import functools
import itertools
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.guard.fingerprint import LIMIT, fingerprint, spelling

OWN = frozenset({__name__})


def told(value: object) -> list[Any]:
    return fingerprint(value, OWN).tokens


atoms = st.none() | st.booleans() | st.integers(0, 2) | st.floats(0, 2) | st.text("ab", max_size=1)
data = st.recursive(
    atoms | st.frozensets(st.integers(0, 9)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(0, 2), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)


@given(data, data)
def test_values_of_one_spelling_have_one_fingerprint(one: object, other: object) -> None:
    assert spelling(one) is not None
    if spelling(one) == spelling(other):
        assert told(one) == told(other)
    assert told(one) == told(one)


@given(data, data)
def test_values_of_one_fingerprint_are_equal(one: object, other: object) -> None:
    if told(one) == told(other):
        assert one == other
        assert repr(one) == repr(other) or "frozenset" in repr(one)


@given(st.lists(st.integers(), max_size=30), st.randoms())
def test_the_order_of_a_set_means_nothing(members: list[int], rng: random.Random) -> None:
    class Thing:
        pass

    things = [Thing() for _ in members]
    one = {*members, *things}
    rng.shuffle(members)
    rng.shuffle(things)
    other = {*members, *things}
    assert told(one) == told(other)
    assert told(one) != told({*one, Thing()})


class Colour(enum.Enum):
    RED = 1


class Slotted:
    __slots__ = ("a", "b")


class Plain:
    pass


def counter() -> Callable[[], int]:
    n = 0

    def inc() -> int:
        nonlocal n
        n += 1
        return n

    return inc


@functools.cache
def cached(x: int) -> int:
    return x


MUTABLE: list[tuple[Any, Callable[[Any], object]]] = [
    ([], lambda v: v.append(1)),
    ({}, lambda v: v.update(a=1)),
    (set(), lambda v: v.add(1)),
    (bytearray(), lambda v: v.append(1)),
    (collections.deque([1, 2]), lambda v: v.rotate()),
    (collections.OrderedDict.fromkeys("ab"), lambda v: v.move_to_end("a")),
    (collections.defaultdict(int), lambda v: v["a"]),
    (collections.UserDict(), lambda v: v.update(a=1)),
    (SimpleNamespace(), lambda v: setattr(v, "a", 1)),
    (Plain(), lambda v: setattr(v, "a", 1)),
    (Slotted(), lambda v: setattr(v, "a", 1)),
    (([],), lambda v: v[0].append(1)),
    (random.Random(1), lambda v: v.random()),
    (itertools.count(), next),
    (itertools.count(1, 2).__next__, lambda v: v()),
    (iter([1, 2]), next),
    (iter({1: 2}), next),
    (map(str, [1]), next),
    (reversed([1, 2]), next),
    ((x for x in "ab"), next),
    (counter(), lambda v: v()),
    (cached, lambda v: v(1)),
    (functools.partial(counter()), lambda v: v()),
    (memoryview(bytearray(2)), lambda v: v.__setitem__(0, 1)),
]


@pytest.mark.parametrize(("value", "change"), MUTABLE)
def test_a_change_in_place_shows(value: Any, change: Callable[[Any], object]) -> None:
    before = fingerprint(value, OWN)
    assert before.mutable
    assert told(value) == before.tokens
    change(value)
    assert told(value) != before.tokens


@pytest.mark.parametrize(
    "value",
    [5, "x", None, (1, (2, "x")), frozenset({1}), Colour.RED, Plain, len, random, object()],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_change_is_said_not_to(value: object) -> None:
    assert not fingerprint(value, OWN).mutable


def test_types_are_told_apart_where_values_are_equal() -> None:
    values: list[object] = [
        1,
        True,
        1.0,
        [1],
        [True],
        (1,),
        {1},
        frozenset({1}),
        {1: 1},
        {1: True},
    ]
    for one, other in itertools.combinations(values, 2):
        assert told(one) != told(other)


def test_cycles_and_depth_come_to_an_end() -> None:
    loop: list[Any] = [1]
    loop.append((loop, {"loop": loop}))
    before = told(loop)
    assert told(loop) == before
    loop[1][1]["more"] = 1
    assert told(loop) != before
    deep: list[Any] = []
    for _ in range(3 * LIMIT):
        deep = [deep]
    assert len(told(deep)) < 5 * LIMIT


def test_objects_of_others_are_not_looked_into() -> None:
    value = Plain()
    assert fingerprint(value, frozenset()).tokens == fingerprint(value, frozenset()).tokens
    before = fingerprint(value, frozenset()).tokens
    vars(value)["a"] = 1
    assert fingerprint(value, frozenset()).tokens == before
    assert fingerprint(Plain(), frozenset()).tokens != before
