"""Histories written as text in the formats that are read, to see that they come back the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from linearizability import Operation
from linearizability.inputs import (
    Acquire,
    Append,
    Cas,
    Contains,
    DeleteMin,
    Dequeue,
    Get,
    Increment,
    Pop,
    Put,
    Read,
    Release,
    Transaction,
)

ERRORS = ("OK", "ErrNoKey", "ErrVersion", "ErrMaybe", "ErrWrongLeader", "ErrWrongGroup")
PORCUPINE = """\
{:process 0, :type :invoke, :f :put, :key "7", :value "x 0 0 y"}
{:process 1, :type :invoke, :f :get, :key "7", :value nil}
{:process 0, :type :ok, :f :put, :key "7", :value "x 0 0 y"}
{:process 1, :type :ok, :f :get, :key "7", :value "x 0 0 y"}
{:process 1, :type :invoke, :f :append, :key "7", :value "x 1 0 y"}
"""
JEPSEN = """\
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - 1\t:invoke\t:write\t3
INFO  jepsen.util - 0\t:ok\t:read\tnil
INFO  jepsen.util - 1\t:info\t:write\t:timed-out
INFO  jepsen.util - 2\t:invoke\t:cas\t[3 4]
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - 0\t:fail\t:read\t:timed-out
INFO  jepsen.util - 2\t:fail\t:cas\t[3 4]
"""
"""A small history in the format of each."""
NAMES = {"DeleteMin": "delete-min", "Transaction": "txn"}


def can_be_written(history: Sequence[Operation]) -> bool:
    """Whether all replies are of the kind that the formats know."""
    return all(_plain(op) for op in history)


def _plain(op: Operation) -> bool:
    if op.ret is None:
        return True
    output = op.output
    if isinstance(op.input, Get):
        if not isinstance(output, tuple):
            return isinstance(output, str)
        value, version, err = output
        return isinstance(value, str) and type(version) is int and version >= 0 and err in ERRORS
    if isinstance(op.input, Put):
        return output is None or output in ERRORS
    if isinstance(op.input, Append):
        return output is None or isinstance(output, str)
    if isinstance(op.input, Acquire):
        return output in (None, False)
    if isinstance(op.input, Contains):
        return isinstance(output, bool)
    if isinstance(op.input, Release):
        return output is None
    if isinstance(op.input, Cas):
        return output is None or isinstance(output, bool)
    if isinstance(op.input, Read):
        return isinstance(output, str | int | set) and not isinstance(output, bool)
    if isinstance(op.input, Dequeue | Pop | DeleteMin):
        return output is None or isinstance(output, int)
    if isinstance(op.input, Transaction):
        if not isinstance(output, tuple) or len(output) != len(op.input.steps):
            return False
        steps = zip(op.input.steps, output, strict=True)
        return all((kind == "w") is (reply is None) for (kind, _, _), reply in steps)
    if isinstance(op.input, Increment):
        return output is None or isinstance(output, int)
    return output is None or isinstance(output, bool)


def jsonl(history: Sequence[Operation]) -> list[str]:
    """A line for each operation."""
    return [json.dumps(row(op)) for op in history]


def row(op: Operation) -> dict[str, Any]:
    """An operation as the object of its line."""
    asked = op.input
    name = type(asked).__name__
    found: dict[str, Any] = {"c": op.client, "op": NAMES.get(name, name.lower())}
    found |= {"call": op.call, "ret": -1 if op.ret is None else op.ret}
    if isinstance(asked, Transaction):
        found["v"] = [[kind, key, value] for kind, key, value in asked.steps]
    elif isinstance(asked, Cas):
        found |= {"k": asked.key, "from": asked.old, "v": asked.new}
    elif isinstance(asked, Increment):
        found |= {"k": asked.key, "v": asked.by}
    elif isinstance(asked, Acquire | Release):
        found |= {"k": asked.key, "c": asked.owner}
    else:
        found["k"] = asked.key
        if len(asked) > 1:
            found["v"] = asked.value
        if isinstance(asked, Put) and asked.version is not None:
            found["ver"] = asked.version
    if op.ret is None:
        return found
    if isinstance(asked, Put) and op.output is not None:
        found["err"] = op.output
    elif isinstance(asked, Get) and isinstance(op.output, tuple):
        found["rv"], found["rver"], found["err"] = op.output
    elif isinstance(asked, Acquire):
        found["err"] = "OK" if op.output is None else "ErrVersion"
    elif isinstance(asked, Cas):
        found["err"] = {True: "OK", False: "ErrVersion", None: "ErrMaybe"}[op.output]
    elif isinstance(op.output, set):
        found["rv"] = sorted(op.output)
    elif op.output is not None:
        found["rv"] = op.output
    return found


def events_of(
    history: Sequence[Operation], show: Callable[[int, Operation, bool], str]
) -> list[str]:
    """Calls and returns in their order, a line each; each operation is a process of its own."""
    events: list[tuple[int, int, int, str]] = []
    for process, op in enumerate(history):
        events.append((op.call, 0, process, show(process, op, False)))
        if op.ret is not None:
            events.append((op.ret, 1, process, show(process, op, True)))
    return [text for _, _, _, text in sorted(events)]


def etcd(history: Sequence[Operation]) -> list[str]:
    """A compare-and-set register as Jepsen's log of etcd."""

    def show(process: int, op: Operation, returned: bool) -> str:
        asked = op.input
        kind = "invoke"
        value: object
        if returned:
            kind = {False: "fail", None: "info"}.get(op.output, "ok") if _is_cas(op) else "ok"
        if isinstance(asked, Cas):
            value = f"[{_or_nil(asked.old)} {_or_nil(asked.new)}]"
        elif isinstance(asked, Read):
            value = _or_nil(op.output if returned else "")
        else:
            value = _or_nil(asked.value)
        return f"INFO  jepsen.util - {process}\t:{kind}\t:{type(asked).__name__.lower()}\t{value}"

    return events_of(history, show)


def porcupine(history: Sequence[Operation]) -> list[str]:
    """Puts, appends and reads of strings as Porcupine's test data."""

    def show(process: int, op: Operation, returned: bool) -> str:
        function = type(op.input).__name__.lower()
        value = "nil"
        if function != "get":
            value = f'"{op.input.value}"'
        elif returned:
            value = f'"{op.output}"'
        return (
            f"{{:process {process}, :type :{'ok' if returned else 'invoke'}, :f :{function},"
            f' :key "{op.input.key}", :value {value}}}'
        )

    return events_of(history, show)


def _or_nil(value: object) -> object:
    return "nil" if value == "" else value


def _is_cas(op: Operation) -> bool:
    return isinstance(op.input, Cas)


def edn(history: Sequence[Operation], *, keyed: bool = False) -> list[str]:
    """Two events for each operation, of a process of its own; a failed cas is left out.

    `keyed` writes values as pairs of a key and a value, as jepsen.independent and Maelstrom do.
    """
    events: list[tuple[int, int, int, str]] = []
    for process, op in enumerate(history):
        failed = isinstance(op.input, Cas) and op.output is False
        name = type(op.input).__name__
        function = {"Transaction": "txn", "Increment": "add"}.get(name, name.lower())
        pair = f"[{_edn(op.input.key)} {{}}]" if keyed else "{}"
        asked = pair.format(_edn_value(op.input, None))
        start = f"{{:process {process}, :f :{function}"
        events.append((op.call, 0, process, f"{start}, :type :invoke, :value {asked}}}"))
        if op.ret is not None:
            kind = "fail" if failed else "info" if _maybe(op) else "ok"
            value = pair.format(_edn_value(op.input, op))
            events.append((op.ret, 1, process, f"{start}, :type :{kind}, :value {value}}}"))
    return [text for _, _, _, text in sorted(events)]


def _maybe(op: Operation) -> bool:
    return isinstance(op.input, Cas) and op.output is None


def _edn_value(asked: Any, op: Operation | None) -> str:
    """What is asked for; with an operation that returned, its reply."""
    if isinstance(asked, Transaction):
        replies = op.output if op is not None else [None] * len(asked.steps)
        return _edn(
            [
                [f":{kind}", key, value if kind == "w" else reply]
                for (kind, key, value), reply in zip(asked.steps, replies, strict=True)
            ]
        )
    if isinstance(asked, Cas):
        return _edn([asked.old, asked.new])
    if isinstance(asked, Increment):
        return _edn(asked.by)
    if len(asked) > 1:
        return _edn(asked.value)
    return _edn(None if op is None else op.output)


def _edn(value: Any) -> str:
    if value is None or value == "":
        return "nil"
    if isinstance(value, list):
        return "[" + " ".join(map(_edn, value)) + "]"
    if isinstance(value, set):
        return "#{" + " ".join(map(_edn, sorted(value))) + "}"
    if isinstance(value, str) and value.startswith(":"):
        return value
    return json.dumps(value)
