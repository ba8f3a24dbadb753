"""Versioned key/value histories small enough to decide by hand, each with its verdict."""

import dataclasses

import pytest

from linearizability import Illegal, Ok, Operation, check
from linearizability.models import Get, Put, kv, versioned_kv
from tests.linearizability.oracle import brute_force

STRICT = versioned_kv(version_error_without_key=True)
LOOSE = versioned_kv(loose_maybe=True, version_error_without_key=True)


def put(value: str, version: int, err: str, call: int, ret: int | None) -> Operation:
    return Operation(0, Put("x", value, version), err, call, ret)


def get(value: str, version: int, call: int, ret: int) -> Operation:
    err = "OK" if version else "ErrNoKey"
    return Operation(1, Get("x"), (value, version, err), call, ret)


OK, MAYBE, VERSION, NO_KEY = "OK", "ErrMaybe", "ErrVersion", "ErrNoKey"
V12 = put("b", 0, VERSION, 0, 5)
V16 = [put("a", 0, OK, 0, 10), put("z", 1, VERSION, 5, 6)]
V17 = [*V16, get("a", 1, 1, 4)]

# name: operations, legal if ErrMaybe is strict, legal if it is loose
HISTORIES = {
    "read before and after": ([put("a", 0, OK, 0, 10), get("", 0, 3, 4), get("a", 1, 5, 6)], 1, 1),
    "stale read": ([put("a", 0, OK, 0, 10), get("a", 1, 1, 3), get("", 0, 4, 9)], 0, 0),
    "touching intervals": ([put("a", 0, OK, 0, 10), get("", 0, 10, 12)], 1, 1),
    "stale after OK": ([put("a", 0, OK, 0, 10), get("", 0, 11, 12)], 0, 0),
    "two OK": ([put("a", 0, OK, 0, 10), put("b", 0, OK, 0, 10)], 0, 0),
    "wrong value": ([put("a", 0, OK, 0, 10), get("b", 1, 5, 20)], 0, 0),
    "maybe applied": ([put("a", 0, MAYBE, 0, 5), get("a", 1, 10, 11)], 1, 1),
    "maybe not applied": ([put("a", 0, MAYBE, 0, 5), get("", 0, 10, 11)], 0, 1),
    "open, applied late": (
        [put("a", 0, MAYBE, 0, None), get("", 0, 100, 101), get("a", 1, 200, 201)],
        1,
        1,
    ),
    "read from the future": ([put("a", 0, MAYBE, 50, None), get("a", 1, 10, 20)], 0, 0),
    "refused beside its cause": ([put("a", 0, OK, 0, 1), put("b", 0, VERSION, 0, 1)], 1, 1),
    "refused without a cause": ([V12], 0, 0),
    "refused, open cause": ([V12, put("a", 0, OK, 3, None)], 1, 1),
    "refused, cause too late": ([V12, put("a", 0, OK, 6, None)], 0, 0),
    "refused at a version far away": ([put("b", 3, VERSION, 0, 5)], 1, 1),
    "two maybes, then nothing": (
        [
            put("a", 0, MAYBE, 0, 2),
            put("a", 0, MAYBE, 8, 9),
            get("", 0, 5, 5),
            get("a", 1, 10, 11),
        ],
        0,
        1,
    ),
    "false refusal": (
        [put("a", 0, OK, 0, 10), put("b", 1, OK, 20, 30), put("z", 1, VERSION, 12, 18)],
        0,
        0,
    ),
    "refusal that touches": (
        [put("a", 0, OK, 0, 10), put("b", 1, OK, 20, 30), put("z", 1, VERSION, 12, 20)],
        1,
        1,
    ),
    "greedy is wrong": (V16, 1, 1),
    "greedy is wrong, no way out": (V17, 0, 0),
    "greedy is wrong, one way out": ([*V17, put("b", 1, MAYBE, 0, 9)], 1, 1),
    "many transitions at one instant": (
        [
            *(put(value, version, OK, 0, 10) for version, value in enumerate("abc")),
            *(get(value, version + 1, 5, 5) for version, value in enumerate("abc")),
        ],
        1,
        1,
    ),
    "two candidates, one used": (
        [put("a", 0, MAYBE, 0, 10), put("a", 0, MAYBE, 0, 10), get("a", 1, 0, 20)],
        1,
        1,
    ),
    "nobody made version 1": ([put("x", 1, OK, 0, 10), get("x", 2, 0, 20)], 0, 0),
    "nothing happened": ([], 1, 1),
    "only open operations": ([put("a", 0, OK, 0, None), put("b", 7, OK, 0, None)], 1, 1),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_verdict(name: str) -> None:
    history, strict, loose = HISTORIES[name]
    for model, legal in ((STRICT, strict), (LOOSE, loose)):
        generic = dataclasses.replace(model, method=None)
        assert brute_force(model, history) is bool(legal)
        assert isinstance(check(generic, history), Ok if legal else Illegal)
        assert isinstance(check(model, history), Ok if legal else Illegal)


@pytest.mark.parametrize(
    ("history", "legal"),
    [
        ([put("a", 1, NO_KEY, 0, 5)], True),
        ([put("a", 0, NO_KEY, 0, 5)], False),
        ([put("a", 0, OK, 0, 1), put("a", 1, NO_KEY, 2, 5)], False),
        ([put("a", 0, OK, 0, 3), put("a", 1, NO_KEY, 2, 5)], True),
        ([put("a", 3, VERSION, 0, 5)], False),
        ([put("a", 3, MAYBE, 0, 5)], False),
        ([put("a", 0, OK, 5, 6), put("a", 3, VERSION, 0, 5)], True),
        ([put("a", 0, OK, 5, 6), put("a", 1, MAYBE, 0, 5)], True),
        ([put("a", 0, OK, 5, 6), put("a", 1, VERSION, 0, 5)], False),
        ([put("a", 0, OK, 6, 6), put("a", 2, VERSION, 0, 5)], False),
        ([put("a", -1, VERSION, 0, 5)], False),
        ([put("a", -1, OK, 0, 5)], False),
    ],
)
def test_a_put_to_a_missing_key_is_answered_no_key(history: list[Operation], legal: bool) -> None:
    assert brute_force(kv, history) is legal
    assert isinstance(
        check(dataclasses.replace(kv, method=None), history), Ok if legal else Illegal
    )
    assert isinstance(check(kv, history), Ok if legal else Illegal)


@pytest.mark.parametrize(
    ("input", "output"),
    [
        (Get("x"), None),
        (Get("x"), "OK"),
        (Get("x"), ("", 0)),
        (Get("x"), ("", 0, "OK")),
        (Get("x"), ("", 1, "ErrNoKey")),
        (Get("x"), ("a", 0, "ErrNoKey")),
        (Get("x"), ("a", 1, "ErrMaybe")),
        (Get("x"), ("a", "1", "OK")),
        (Get("x"), ("a", -1, "OK")),
        (Get("x"), (["a"], 1, "OK")),
        (Get("x"), ("a", [1], "OK")),
        (Get("x"), ("a", 1.5, "OK")),
        (Get("x"), ("a", 10**30, "OK")),
        (Get("x"), ("", 0, ["ErrNoKey"])),
        (Put("x", "b", 1), None),
        (Put("x", "b", 1), "ErrWrongLeader"),
        (Put("x", "b", 1), ["OK"]),
        (Put("x", "b", None), "OK"),
        (Put("x", "b", [1]), "OK"),  # type: ignore[arg-type]
        (Put("x", "b", 1.5), "OK"),  # type: ignore[arg-type]
    ],
)
def test_a_reply_that_makes_no_sense_is_illegal(input: Get | Put, output: object) -> None:
    """Such a reply comes from the code under test; it must neither pass nor crash the checker."""
    strange = Operation(2, input, output, 5, 6)
    for model in (kv, dataclasses.replace(kv, method=None)):
        verdict = check(model, [put("a", 0, OK, 0, 10), get("a", 1, 0, 20), strange])
        assert isinstance(verdict, Illegal)
        assert verdict.partitions[0].why
        assert any(op is strange for op in verdict.partitions[0].core)


@pytest.mark.parametrize("version", [None, -1, 1.5, "1", [1]])
@pytest.mark.parametrize("err", [OK, MAYBE, VERSION, NO_KEY, "open"])
def test_a_version_that_is_no_version_is_never_reached(version: object, err: str) -> None:
    """A client may ask for nonsense; the server's answer still has to be right."""
    strange = put("a", version, err, 5, 6 if err != "open" else None)  # type: ignore[arg-type]
    for history in ([strange], [put("b", 0, OK, 0, 3), strange]):
        legal = brute_force(kv, history)
        assert legal is (
            err
            in ("open", NO_KEY if len(history) == 1 else VERSION, *[MAYBE] * (len(history) - 1))
        )
        for model in (kv, dataclasses.replace(kv, method=None)):
            assert isinstance(check(model, history), Ok if legal else Illegal)


def test_equal_versions_of_other_types_are_equal() -> None:
    history = [put("a", False, OK, 0, 1), put("b", 1.0, OK, 2, 3), get("b", 2, 4, 5)]  # type: ignore[arg-type]
    for model in (kv, dataclasses.replace(kv, method=None)):
        assert isinstance(check(model, history), Ok)
