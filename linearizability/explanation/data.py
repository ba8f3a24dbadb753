"""A verdict as plain data for JSON: what `labtester check --json` writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from linearizability.collector import collector_paused
from linearizability.model import Model
from linearizability.operation import Operation
from linearizability.verdict import Illegal, Linearized, Ok, Refuted, Undecided, Unknown, Verdict

PREFIX_END = 100
"""How many last operations of the longest prefix are written, whatever the size of the history."""

LineOf = Callable[[Operation], int | None]


@collector_paused()
def as_data(
    verdict: Verdict, line_of: LineOf | None = None, *, explained: bool = True
) -> dict[str, Any]:
    """Strings, numbers, lists and dicts only; operations with the lines they came from.

    `verdict` is "ok", "illegal" or "unknown". Illegal has a list `refuted`, the headline first,
    each entry with key, why, missing, core, the end of the longest prefix, candidates and
    configurations; Illegal and Unknown have a list `undecided`, Ok has its `partitions`. Without
    an explanation the entries of `refuted` have only key, operations and configurations.
    """
    names = line_of or (lambda op: None)
    data: dict[str, Any] = {"verdict": type(verdict).__name__.lower(), "model": verdict.model.name}
    match verdict:
        case Ok(_, partitions):
            data["partitions"] = [_size(partition) for partition in partitions]
        case Illegal(model, partitions, undecided):
            if explained:
                first = verdict.headline
                others = [partition for partition in partitions if partition is not first]
                data["refuted"] = [_refuted(model, part, names) for part in (first, *others)]
            else:
                data["refuted"] = [_size(partition) for partition in partitions]
            data["undecided"] = [_undecided(partition) for partition in undecided]
        case Unknown(_, undecided, budget):
            data["budget"] = budget
            data["undecided"] = [_undecided(partition) for partition in undecided]
    return data


def _refuted(model: Model, refuted: Refuted, names: LineOf) -> dict[str, Any]:
    return {
        "why": refuted.why,
        "missing": refuted.missing,
        "core": [_operation(model, op, names) for op in refuted.core],
        "minimised": refuted.minimised,
        "prefix_length": len(refuted.prefix),
        "prefix_end": [_operation(model, op, names) for op in refuted.prefix[-PREFIX_END:]],
        "candidates": [
            {**_operation(model, op, names), "why": why} for op, why in refuted.candidates
        ],
        **_size(refuted),
    }


def _size(partition: Refuted | Linearized) -> dict[str, Any]:
    return {
        "key": _key(partition.key),
        "operations": len(partition.operations),
        "configurations": partition.configurations,
    }


def _undecided(partition: Undecided) -> dict[str, Any]:
    return {
        "key": _key(partition.key),
        "operations": len(partition.operations),
        "configurations": partition.configurations,
        "returns_left": partition.returns_left,
    }


def _operation(model: Model, op: Operation, names: LineOf) -> dict[str, Any]:
    return {
        "line": names(op),
        "client": op.client,
        "call": op.call,
        "ret": op.ret,
        "text": model.describe(op),
    }


def _key(key: object) -> str | int | None:
    return key if key is None or isinstance(key, str | int) else repr(key)
