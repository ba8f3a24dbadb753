"""Histories written as text in the formats that are read, to see that they come back the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from linearizability import Operation
from linearizability.inputs import Cas, DeleteMin, Dequeue, Increment, Pop, Read, Transaction

NAMES = {"DeleteMin": "delete-min", "Transaction": "txn"}


def can_be_written(history: Sequence[Operation]) -> bool:
    """Whether all replies are of the kind that the formats know."""
    return all(_plain(op) for op in history)


def _plain(op: Operation) -> bool:
    if op.ret is None:
        return True
    output = op.output
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
    return [json.dumps(_row(op)) for op in history]


def _row(op: Operation) -> dict[str, Any]:
    asked = op.input
    name = type(asked).__name__
    row: dict[str, Any] = {"c": op.client, "op": NAMES.get(name, name.lower())}
    row |= {"call": op.call, "ret": -1 if op.ret is None else op.ret}
    if isinstance(asked, Transaction):
        row["v"] = [[kind, key, value] for kind, key, value in asked.steps]
    elif isinstance(asked, Cas):
        row |= {"k": asked.key, "from": asked.old, "v": asked.new}
    elif isinstance(asked, Increment):
        row |= {"k": asked.key, "v": asked.by}
    else:
        row["k"] = asked.key
        if len(asked) > 1:
            row["v"] = asked.value
    if op.ret is None:
        return row
    if isinstance(asked, Cas):
        row["err"] = {True: "OK", False: "ErrVersion", None: "ErrMaybe"}[op.output]
    elif isinstance(op.output, set):
        row["rv"] = sorted(op.output)
    elif op.output is not None:
        row["rv"] = op.output
    return row


def edn(history: Sequence[Operation]) -> list[str]:
    """Two events for each operation, of a process of its own; a failed cas is left out."""
    events: list[tuple[int, int, int, str]] = []
    for process, op in enumerate(history):
        failed = isinstance(op.input, Cas) and op.output is False
        name = type(op.input).__name__
        function = {"Transaction": "txn", "Increment": "add"}.get(name, name.lower())
        asked = _edn_value(op.input, None)
        start = f"{{:process {process}, :f :{function}"
        events.append((op.call, 0, process, f"{start}, :type :invoke, :value {asked}}}"))
        if op.ret is not None:
            kind = "fail" if failed else "info" if _maybe(op) else "ok"
            value = _edn_value(op.input, op)
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
