"""`kv-append`: string values that are put, appended to and read, the object of the 2024 labs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from linearizability.decision import partition
from linearizability.inputs import Append, Get, Put, is_get
from linearizability.later import Later
from linearizability.model import Model
from linearizability.operation import OPEN, Operation, reply_suffix


def _step(state: str, input: Any, output: Any) -> tuple[bool, str]:
    if isinstance(input, Get):
        return output is OPEN or output == state, state
    if isinstance(input, Append):
        return output is None or output is OPEN or output == state, state + input.value
    return output is None or output is OPEN, input.value


def _describe_operation(input: Any, output: Any) -> str:
    match input:
        case Get(key):
            return f"Get({key!r}){reply_suffix(output)}"
        case Put():
            return f"Put({input.key!r}, {input.value!r}){reply_suffix(output)}"
        case Append(key, value):
            return f"Append({key!r}, {value!r}){reply_suffix(output)}"
    return repr(input)


def _why_not(state: str, input: Any, output: Any) -> str:
    if isinstance(input, Put):
        return f"a Put is never answered {output!r}"
    what = "Append cannot have found" if isinstance(input, Append) else "Get cannot return"
    return f"{what} {output!r}: the value is {state!r}"


def _wrong_input(input: Any) -> str | None:
    return None if isinstance(input, Get) or isinstance(input.value, str) else "a string"


def _appended(operations: Sequence[Operation]) -> str:
    parts: list[str] = []
    for op in operations:
        if isinstance(op.input, Put):
            parts = [op.input.value]
        elif isinstance(op.input, Append):
            parts.append(op.input.value)
    return "".join(parts)


kv_append = Model(
    name="kv-append",
    inputs=(Get, Put, Append),
    init=str,
    step=_step,
    partition=itemgetter(0),
    read_only=is_get,
    describe_operation=_describe_operation,
    why_not=_why_not,
    fold=_appended,
    wrong_input=_wrong_input,
    method=partial(partition, itemgetter(0), Later("linearizability.methods.append", "decide")),
)
