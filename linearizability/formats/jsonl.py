"""Reader of JSON lines: one operation per line, in any order.

    {"c":0,"op":"put","k":"x","v":"a","ver":0,"call":10,"ret":25,"err":"OK"}
    {"c":1,"op":"get","k":"x","call":12,"ret":30,"err":"OK","rv":"a","rver":1}
    {"c":3,"op":"put","k":"x","v":"c","ver":2,"call":41,"ret":-1}

A reply that no model allows is for the checker to judge; what cannot be understood is malformed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from linearizability.formats.fields import FIELDS, TELLS, Row, misnamed
from linearizability.formats.recorded import Recorded, malformed
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
    Write,
)
from linearizability.operation import OPEN, Operation

# An operation's reader: (line as a dict, key, err or None) -> (input, output); output OPEN means
# that nobody knows what the operation did.
Reader = Callable[[Row, str, "str | None"], tuple[Any, Any]]

_ERRORS = {
    err: err
    for err in ("OK", "ErrNoKey", "ErrVersion", "ErrMaybe", "ErrWrongLeader", "ErrWrongGroup")
}
_STATUSES = ("ok", "fail", "info")
_OK, _NO_KEY, _VERSION, _MAYBE = "OK", "ErrNoKey", "ErrVersion", "ErrMaybe"


class _Malformed(Exception):
    """What is wrong with a line."""


def read_jsonl(lines: Iterable[str], name: str, model: str) -> Recorded:
    """A history of the named model; raises HistoryError for the first malformed line.

    Keys and errors are shared between operations, and nothing is kept of a line but its operation.
    Fields that the format does not know travel as metadata.
    """
    recorded = Recorded()
    readers = READERS[model]
    decode = json.JSONDecoder().raw_decode
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            row, end = decode(text)
            if end != len(text):
                raise _Malformed("more than one JSON value on a line")
            if type(row) is dict and text.count(":") != len(row):
                _refuse_duplicates(text)
            op = _operation(row, readers, keys, model)
            if op is None:
                recorded.failed += 1
            else:
                recorded.add(op, number)
        except json.JSONDecodeError as error:
            what = f"not a JSON object: {error.msg} at column {error.colno}"
            raise malformed(name, number, what) from None
        except RecursionError:
            raise malformed(name, number, "not an operation: nested too deeply") from None
        except _Malformed as error:
            raise malformed(name, number, str(error)) from None
        except ValueError as error:  # Python's limit on the digits of an integer
            raise malformed(
                name, number, f"a number that is too long: {len(text)} letters on this line"
            ) from error
    return recorded


def _operation(
    row: Any, readers: Mapping[str, Reader], keys: dict[str, str], model: str
) -> Operation | None:
    """The operation of a line; None if it certainly did not happen."""
    if type(row) is not dict:
        raise _Malformed(f"not a JSON object but {_show(row)}")
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
        if type(err) is not str or err not in _ERRORS:
            raise _expected(row, "err", f"one of {', '.join(_ERRORS)}")
        err = _ERRORS[err]
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
            raise _Malformed(problem)
        metadata = {field: row[field] for field in row if field not in FIELDS} or None
    if status == "fail":
        return None
    return Operation(client, asked, output, call, ret, metadata)


def _refuse_duplicates(text: str) -> None:
    """A line with one field twice: Python would silently take the last."""

    def unique(pairs: list[tuple[str, Any]]) -> Row:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise _Malformed(f"{twice!r} is there more than once")
        return row

    json.loads(text, object_pairs_hook=unique)


def _expected(row: Row, field: str, what: str) -> _Malformed:
    if field not in row:
        return _Malformed(f"{field!r} is missing: expected {what}")
    return _Malformed(f"{field!r} is {_show(row[field])}: expected {what}")


def _show(value: Any) -> str:
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
    def read(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        value = _text(row, "rv", "the value returned", "")
        plausible = err in (None, _OK) or (err == _NO_KEY and not value)
        return kind(key), value if plausible else (value, err)

    return read


def _write(kind: Callable[[str, str], Any]) -> Reader:
    def write(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        return kind(key, _text(row, "v", "the value written")), _done(err)

    return write


def _append(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    asked = Append(key, _text(row, "v", "the token appended"))
    told = _text(row, "rv", "the value before", "") if "rv" in row else None
    return asked, told if err in (None, _OK) else OPEN if err == _MAYBE else (told, err)


def _cas(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    asked = Cas(key, _text(row, "from", "the value expected"), _text(row, "v", "the new value"))
    return asked, {None: True, _OK: True, _VERSION: False, _MAYBE: OPEN}.get(err, err)


def _acquire(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    return Acquire(key, row["c"]), False if err == _VERSION else _done(err)


def _release(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    return Release(key, row["c"]), _done(err)


def _increment(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    told = _whole(row, "rv", "the new value") if row.get("rv") is not None else None
    return Increment(key, _whole(row, "v", "the difference", 1)), _done(err) or told


def _count(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    value = _whole(row, "rv", "the value returned", 0)
    return Read(key), _done(err) or value


def _take(kind: Callable[[str], Any]) -> Reader:
    def take(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        value = row.get("rv")
        if value is not None and type(value) is not str:
            what = "a string, the value taken, or nothing if there was none"
            raise _expected(row, "rv", what)
        return kind(key), (None if err == _NO_KEY else _done(err)) or value

    return take


def _set_operation(kind: Callable[[str, str], Any]) -> Reader:
    def change(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
        return kind(key, _text(row, "v", "the element")), _truth(row, err)

    return change


def _elements(row: Row, key: str, err: str | None) -> tuple[Any, Any]:
    value = row.get("rv", [])
    if type(value) is not list or not all(type(element) is str for element in value):
        raise _expected(row, "rv", "a list of strings, the elements")
    return Read(key), _done(err) or value


_REGISTER = {"get": _read(Read), "read": _read(Read), "put": _write(Write), "write": _write(Write)}

READERS: dict[str, dict[str, Reader]] = {
    "kv": {"get": _kv_get, "put": _kv_put},
    "register": _REGISTER,
    "cas-register": {**_REGISTER, "cas": _cas},
    "kv-append": {"get": _read(Get), "put": _write(Put), "append": _append},
    "mutex": {"acquire": _acquire, "release": _release},
    "counter": {"read": _count, "increment": _increment},
    "queue": {"enqueue": _write(Enqueue), "dequeue": _take(Dequeue)},
    "stack": {"push": _write(Push), "pop": _take(Pop)},
    "priority-queue": {"insert": _write(Insert), "delete-min": _take(DeleteMin)},
    "set": {
        "add": _set_operation(Add),
        "remove": _set_operation(Remove),
        "contains": _set_operation(Contains),
        "read": _elements,
    },
}
