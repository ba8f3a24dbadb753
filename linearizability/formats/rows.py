"""What the fields of one line mean: its operation, in each of the models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

from linearizability.formats.fields import FIELDS, TELLS, Row, misnamed
from linearizability.formats.values import Verbatim, frozen
from linearizability.inputs import (
    Acquire,
    Add,
    Append,
    Cas,
    Contains,
    DeleteMin,
    Dequeue,
    Enqueue,
    Get,
    Increment,
    Insert,
    Pop,
    Push,
    Put,
    Read,
    Release,
    Remove,
    Transaction,
    Write,
)
from linearizability.operation import OPEN, Operation

# An operation's reader: (line as a dict, key, err or None) -> (input, output); output OPEN means
# that nobody knows what the operation did.
Reader = Callable[[Row, str, "str | None"], tuple[Any, Any]]

ERRORS = {
    err: err
    for err in ("OK", "ErrNoKey", "ErrVersion", "ErrMaybe", "ErrWrongLeader", "ErrWrongGroup")
}
_STATUSES = ("ok", "fail", "info")
_OK, _NO_KEY, _VERSION, _MAYBE = "OK", "ErrNoKey", "ErrVersion", "ErrMaybe"

ARRAY = "expected one object on each line, not an array of them"


class Malformed(ValueError):
    """What is wrong with a line."""


def operation(
    row: Any, readers: Mapping[str, Reader], keys: dict[str, str], model: str
) -> Operation | None:
    """The operation of a line; None if it certainly did not happen."""
    if type(row) is not dict:
        hint = f"; {ARRAY}" if type(row) is list else ""
        raise Malformed(f"not a JSON object but {shown(row)}{hint}")
    client, call = row.get("c"), row.get("call")
    if type(client) is not int:
        raise _expected(row, "c", "an integer, the client")
    if type(call) is not int or call < 0:
        raise _expected(row, "call", "an integer >= 0, the stamp of the call")
    ret = row.get("ret", "missing")
    if ret == -1 and type(ret) is int:
        ret = None
    elif ret is not None and (type(ret) is not int or ret < call):
        what = f"an integer >= call ({call}), the stamp of the return, or -1 if it never returned"
        raise _expected(row, "ret", what)
    op, key, err = row.get("op"), row.get("k", ""), row.get("err")
    if type(op) is not str or op not in readers:
        raise _expected(row, "op", f"an operation of model {model}: {', '.join(readers)}")
    if type(key) is not str:
        raise _expected(row, "k", "a string, the key")
    if err is not None:
        if type(err) is not str or err not in ERRORS:
            raise _expected(row, "err", f"one of {', '.join(ERRORS)}")
        err = ERRORS[err]
    key = keys.setdefault(key, key)
    status = row.get("status", "ok")
    if status not in _STATUSES:
        raise _expected(row, "status", f"one of {', '.join(_STATUSES)}")
    asked, output = readers[op](row, key, err)
    if ret is None or output is OPEN or status == "info":
        ret = output = None
    metadata = None
    if not row.keys() <= FIELDS or (op in TELLS and ("v" in row or "ver" in row)):
        problem = misnamed(row, op, returned=ret is not None)
        if problem is not None:
            raise Malformed(problem)
        metadata = {field: row[field] for field in row if field not in FIELDS} or None
    if status == "fail":
        return None
    return Operation(client, asked, output, call, ret, metadata)


def _expected(row: Row, field: str, what: str) -> Malformed:
    if field not in row:
        return Malformed(f"{field!r} is missing: expected {what}")
    return Malformed(f"{field!r} is {shown(row[field])}: expected {what}")


def shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _text(row: Row, field: str, what: str, default: str | None = None) -> str:
    value = row.get(field, default)
    if type(value) is not str:
        raise _expected(row, field, f"a string, {what}")
    return value


def _whole(row: Row, field: str, what: str, default: int | None = None) -> int:
    value = row.get(field, default)
    if type(value) is not int:
        raise _expected(row, field, f"an integer, {what}")
    return value


def _version(row: Row, field: str, default: int | None = None) -> int:
    value = row.get(field, default)
    if type(value) is not int or value < 0:
        raise _expected(row, field, "an integer >= 0, the version")
    return value


def _truth(row: Row, err: str | None) -> Any:
    """A reply of true or false that may be left out."""
    value = row.get("rv")
    if value is not None and type(value) is not bool:
        raise _expected(row, "rv", "true or false")
    return _done(err) or value


def _done(err: str | None) -> Any:
    """The reply of an operation that has nothing to tell."""
    return None if err in (None, _OK) else OPEN if err == _MAYBE else err


def _kv_get(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    value = _text(row, "rv", "the value returned", "")
    version = _version(row, "rver", 0)
    return Get(key), (value, version, err or (_OK if version else _NO_KEY))


def _kv_put(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    return Put(key, _text(row, "v", "the value written"), _version(row, "ver")), err or _OK


def _read(kind: Callable[[str], Any]) -> Reader:
    """A read of a string, of `kv-append`."""

    def read(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        value = _text(row, "rv", "the value returned", "")
        plausible = err in (None, _OK) or (err == _NO_KEY and not value)
        return kind(key), value if plausible else (value, err)

    return read


def _write(kind: Callable[[str, str], Any]) -> Reader:
    def write(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        return kind(key, _text(row, "v", "the value written")), _done(err)

    return write


def _any(row: Row, field: str, what: str) -> Any:
    """A value of any type; null is what a register holds at first, the empty string."""
    if field not in row:
        raise Malformed(f"{field!r} is missing: expected a value, {what}")
    value = row[field]
    return "" if value is None else frozen(value)


def _read_any(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    value = _any(row, "rv", "the value returned") if "rv" in row else ""
    plausible = err in (None, _OK) or (err == _NO_KEY and value == "")
    return Read(key), value if plausible else Verbatim(f"{value!r}, {err}")


def _write_any(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    return Write(key, _any(row, "v", "the value written")), _done(err)


def _put_in(kind: Callable[[str, Any], Any]) -> Reader:
    """An insertion; null would mean that there is nothing."""

    def put_in(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        if row.get("v") is None:
            raise _expected(row, "v", "a value other than null, what is put in")
        return kind(key, frozen(row["v"])), _done(err)

    return put_in


def _append(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    asked = Append(key, _text(row, "v", "the token appended"))
    before = _text(row, "rv", "the value before", "") if "rv" in row else None
    return asked, before if err in (None, _OK) else OPEN if err == _MAYBE else (before, err)


def _cas(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    asked = Cas(key, _any(row, "from", "the value expected"), _any(row, "v", "the new value"))
    return asked, {None: True, _OK: True, _VERSION: False, _MAYBE: OPEN}.get(err, err)


def _acquire(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    return Acquire(key, row["c"]), False if err == _VERSION else _done(err)


def _release(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    return Release(key, row["c"]), _done(err)


def _increment(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    returned = _whole(row, "rv", "the new value") if row.get("rv") is not None else None
    return Increment(key, _whole(row, "v", "the difference", 1)), _done(err) or returned


def _count(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    value = _whole(row, "rv", "the value returned", 0)
    return Read(key), _done(err) or value


def _take(kind: Callable[[str], Any]) -> Reader:
    """A removal; without a value, or with null, there was nothing."""

    def take(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        output: Any = None if err == _NO_KEY else _done(err)
        if isinstance(output, str):
            output = Verbatim(output)  # never the value that somebody put in
        if output is None and row.get("rv") is not None:
            output = frozen(row["rv"])
        return kind(key), output

    return take


def _contains(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    """Unlike a change, a question without an answer says nothing at all."""
    asked, output = _set_operation(Contains)(row, key, err)
    returned = row.get("ret") not in (-1, None) and row.get("status", "ok") == "ok"
    if output is None and returned:
        raise _expected(row, "rv", "true or false")
    return asked, output


def _set_operation(kind: Callable[[str, Any], Any]) -> Reader:
    def change(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        if "v" not in row:
            raise _expected(row, "v", "a value, the element")
        return kind(key, frozen(row["v"])), _truth(row, err)

    return change


def _elements(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    value = row.get("rv", [])
    if type(value) is not list:
        raise _expected(row, "rv", "a list, the elements")
    return Read(key), _done(err) or [frozen(element) for element in value]


def _transaction(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    what = 'a list of steps ["r", key] and ["w", key, value]'
    given = row.get("v")
    if type(given) is not list or not all(map(_is_step, given)):
        raise _expected(row, "v", what)
    steps = tuple(
        (step[0], frozen(step[1]), _any({"v": step[2]}, "v", "") if step[0] == "w" else None)
        for step in given
    )
    replies = row.get("rv")
    if replies is None and not any(step[0] == "r" for step in steps):
        replies = [None] * len(steps)
    if _done(err) is None and row.get("ret") not in (-1, None) and type(replies) is not list:
        raise _expected(row, "rv", "a list, what each step returned, null for the writes")
    output = None
    if type(replies) is list:
        output = tuple(
            _any({"rv": reply}, "rv", "") if step[0] == "r" else None
            for step, reply in zip_longest(steps, replies, fillvalue=("?",))
        )
    return Transaction(steps), _done(err) or output


def _is_step(step: Any) -> bool:
    return type(step) is list and (
        (len(step) in (2, 3) and step[0] == "r") or (len(step) == 3 and step[0] == "w")
    )


_REGISTER: dict[str, Reader] = {
    "get": _read_any,
    "read": _read_any,
    "put": _write_any,
    "write": _write_any,
}

READERS: dict[str, dict[str, Reader]] = {
    "kv": {"get": _kv_get, "put": _kv_put},
    "register": _REGISTER,
    "cas-register": {**_REGISTER, "cas": _cas},
    "kv-append": {"get": _read(Get), "put": _write(Put), "append": _append},
    "mutex": {"acquire": _acquire, "release": _release},
    "counter": {"read": _count, "increment": _increment},
    "queue": {"enqueue": _put_in(Enqueue), "dequeue": _take(Dequeue)},
    "stack": {"push": _put_in(Push), "pop": _take(Pop)},
    "priority-queue": {"insert": _put_in(Insert), "delete-min": _take(DeleteMin)},
    "set": {
        "add": _set_operation(Add),
        "remove": _set_operation(Remove),
        "contains": _contains,
        "read": _elements,
    },
    "txn": {"txn": _transaction},
}
