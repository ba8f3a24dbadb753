"""`mutex`: a lock with owners, acquired, tried and released."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any

from linearizability.decision import partition
from linearizability.inputs import Acquire, Release, is_refused
from linearizability.later import Later
from linearizability.model import Model
from linearizability.operation import OPEN, client_name

State = Any  # the owner, or None


def _step(state: State, input: Any, output: Any) -> tuple[bool, State]:
    match input:
        case Acquire(_, owner):
            if output is OPEN:
                return True, owner if state is None else state
            if is_refused(input, output):
                return state is not None, state
            return state is None and output in (None, True), owner
        case Release(_, owner):
            if output is OPEN:
                return True, None if state == owner else state
            return bool(state == owner) and output is None, None
    raise TypeError(f"a mutex has no operation {input!r}")


def _describe_operation(input: Any, output: Any) -> str:
    reply = " -> ?" if output is OPEN else "" if output is None else f" -> {output}"
    return f"{type(input).__name__}({input.key!r}, {client_name(input.owner)}){reply}"


def _describe_state(state: State) -> str:
    return "free" if state is None else f"held by {client_name(state)}"


def _why_not(state: State, input: Any, output: Any) -> str:
    where = f"the lock is {_describe_state(state)}"
    if isinstance(input, Release) and output is None:
        return f"{client_name(input.owner)} cannot release: {where}"
    if isinstance(input, Acquire) and output in (None, True):
        return f"{client_name(input.owner)} cannot acquire: {where}"
    if is_refused(input, output):
        return f"the attempt of {client_name(input.owner)} cannot fail: {where}"
    return f"this is never answered {output!r}"


def _free() -> State:
    return None


mutex = Model(
    name="mutex",
    inputs=(Acquire, Release),
    init=_free,
    step=_step,
    partition=itemgetter(0),
    read_only=is_refused,
    describe_operation=_describe_operation,
    describe_state=_describe_state,
    why_not=_why_not,
    method=partial(partition, itemgetter(0), Later("linearizability.methods.mutex", "decide")),
)
