"""Histories of the other models small enough to decide by hand, each with its verdict."""

import dataclasses
from typing import Any

import pytest

from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.models import (
    Acquire,
    Append,
    Cas,
    Get,
    Put,
    Read,
    Release,
    Write,
    cas_register_of,
    kv_append,
    mutex,
    register,
)
from tests.linearizability.oracle import brute_force

CAS = cas_register_of(0)


def w(value: Any, call: int, ret: int | None) -> Operation:
    return Operation(0, Write("x", value), None, call, ret)


def r(value: Any, call: int, ret: int) -> Operation:
    return Operation(1, Read("x"), value, call, ret)


def cas(old: int, new: int, call: int, ret: int | None, output: bool | None = None) -> Operation:
    return Operation(2, Cas("x", old, new), output, call, ret)


def p(token: str, call: int, ret: int | None) -> Operation:
    return Operation(0, Put("x", token), None, call, ret)


def a(token: str, call: int, ret: int | None, old: str | None = None) -> Operation:
    return Operation(0, Append("x", token), old, call, ret)


def g(value: str, call: int, ret: int) -> Operation:
    return Operation(1, Get("x"), value, call, ret)


def acquire(owner: str, call: int, ret: int | None, output: bool | None = None) -> Operation:
    return Operation(owner, Acquire("l", owner), output, call, ret)


def release(owner: str, call: int, ret: int | None) -> Operation:
    return Operation(owner, Release("l", owner), None, call, ret)


CHAIN = [p("p", 0, 1), a("a", 2, 3), g("pa", 4, 5)]

HISTORIES: dict[str, tuple[Model, list[Operation], bool]] = {
    "R1 stale initial value": (register, [w("a", 0, 10), r("a", 2, 3), r("", 4, 5)], False),
    "R2": (register, [w("a", 0, 10), r("", 2, 3), r("a", 4, 5)], True),
    "R3 overwritten": (register, [w("a", 0, 1), w("b", 2, 3), r("a", 4, 5)], False),
    "R4": (register, [w("a", 0, 1), w("b", 2, 10), r("a", 4, 5)], True),
    "R5 same zone": (
        register,
        [w("a", 0, 1), w("b", 0, 1), r("a", 2, 3), r("b", 2, 3)],
        False,
    ),
    "R6 a zone of one point": (
        register,
        [w("a", 0, 1), w("b", 0, 1), r("a", 1, 3), r("b", 2, 3)],
        True,
    ),
    "R7 read before write": (register, [w("a", 5, None), r("a", 1, 2)], False),
    "R8 back to the initial value": (
        register,
        [w("a", 0, None), r("", 50, 51), r("a", 60, 61), r("", 70, 71)],
        False,
    ),
    "R9 a value nobody wrote": (register, [w("a", 0, 1), r("zzz", 2, 3)], False),
    "C1": (kv_append, CHAIN, True),
    "C1b shrunk": (kv_append, [*CHAIN, g("p", 6, 7)], False),
    "C2 two orders": (
        kv_append,
        [a("a", 0, 10), a("b", 0, 10), g("ab", 11, 12), g("ba", 11, 12)],
        False,
    ),
    "C3 wrong order": (kv_append, [a("a", 0, 1), a("b", 2, 3), g("ba", 4, 5)], False),
    "C4 reset between": (kv_append, [*CHAIN, p("q", 2, 3)], False),
    "C5 reset after": (kv_append, [*CHAIN, p("q", 2, 9)], True),
    "C6 append lost": (kv_append, [a("a", 0, 1), g("", 2, 3)], False),
    "C7 open append": (kv_append, [a("a", 0, None), g("", 2, 3), g("a", 4, 5)], True),
    "C8 old values": (kv_append, [a("a", 0, 9, "b"), a("b", 0, 9, "")], True),
    "C9 old values, both first": (kv_append, [a("a", 0, 9, ""), a("b", 0, 9, "")], False),
    "C10 put a;get zzz": (kv_append, [p("a", 0, 1), g("zzz", 2, 3)], False),
    "L1": (mutex, [acquire("A", 0, 5), release("A", 9, 12), acquire("B", 1, 8)], False),
    "L2": (mutex, [acquire("A", 0, 5), release("A", 9, 12), acquire("B", 1, 9)], True),
    "L3": (mutex, [acquire("A", 0, 5), release("A", 9, None), acquire("B", 1, 9)], True),
    "L4 failed attempt": (mutex, [acquire("A", 0, 5), acquire("B", 1, 3, output=False)], True),
    "L5 failed in vain": (mutex, [acquire("A", 4, 5), acquire("B", 1, 3, output=False)], False),
    "G1 open cas": (CAS, [cas(0, 1, 0, None), r(1, 5, 6), r(0, 7, 8)], False),
    "G2": (CAS, [cas(0, 1, 0, None), r(0, 5, 6), r(1, 7, 8)], True),
    "G3 unknown, not read-only": (CAS, [cas(1, 2, 0, 100), w(1, 10, 11), r(2, 20, 21)], True),
    "G7 a cas that gave up and took effect later": (
        CAS,
        [cas(0, 1, 0, 2), r(0, 3, 4), r(1, 5, 6)],
        True,
    ),
    "G4 a write that is no change": (
        CAS,
        [w(5, 0, 100), w(5, 1, 2), w(6, 3, 4), r(5, 5, 6)],
        True,
    ),
    "G5 failed cas": (CAS, [cas(1, 2, 0, 5, output=False), w(1, 6, 7)], True),
    "G6 cas cannot fail": (CAS, [cas(0, 2, 0, 5, output=False), w(1, 6, 7)], False),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_verdict(name: str) -> None:
    model, history, legal = HISTORIES[name]
    assert brute_force(model, history) is legal
    for tried in (model, dataclasses.replace(model, method=None)):
        assert isinstance(check(tried, history), Ok if legal else Illegal)
