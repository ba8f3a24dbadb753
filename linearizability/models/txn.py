"""`txn`: transactions of reads and writes on many registers, each at one instant.

What is independent is not known from one input: transactions that share a key, directly or through
others, belong together. Each such group is decided by the generic search within its budget.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from linearizability.decision import Case, in_order, partition
from linearizability.inputs import Transaction
from linearizability.model import Model
from linearizability.operation import OPEN, Operation

State = tuple[tuple[Hashable, Hashable], ...]
"""Keys with the values that were written to them, in the order of the keys."""


def _step(state: State, input: Transaction, output: Any) -> tuple[bool, Any]:
    values = dict(state)
    replies = _replies(input, output)
    if replies is None:
        return False, state
    for (kind, key, value), reply in zip(input.steps, replies, strict=True):
        if kind == "w":
            values[key] = value
        elif reply is not OPEN and reply != values.get(key, ""):
            return False, state
    return True, tuple(sorted(values.items(), key=_by_key))


def _by_key(entry: tuple[Hashable, Hashable]) -> tuple[str, str]:
    return type(entry[0]).__name__, repr(entry[0])


def _replies(input: Transaction, output: Any) -> list[Any] | None:
    """What each step returned; None for what is no answer to these steps."""
    if output is OPEN:
        return [OPEN] * len(input.steps)
    if isinstance(output, tuple | list) and len(output) == len(input.steps):
        return list(output)
    return None


def _wrong_input(input: Transaction) -> str | None:
    for step in input.steps:
        if not isinstance(step, tuple | list) or len(step) != 3 or step[0] not in ("r", "w"):
            return f'steps ("r", key, None) and ("w", key, value), not {step!r}'
    return None


def _read_only(input: Transaction, output: Any) -> bool:
    return all(kind == "r" for kind, _, _ in input.steps)


def _describe(input: Transaction, output: Any) -> str:
    replies = _replies(input, output)
    words = []
    for number, (kind, key, value) in enumerate(input.steps):
        if kind == "w":
            words.append(f"{key!r} := {value!r}")
        else:
            reply = "?" if replies is None or replies[number] is OPEN else repr(replies[number])
            words.append(f"{key!r} -> {reply}")
    return f"Transaction({', '.join(words)})"


def _describe_state(state: State) -> str:
    return "{" + ", ".join(f"{key!r}: {value!r}" for key, value in state) + "}"


def _why_not(state: State, input: Transaction, output: Any) -> str:
    values = dict(state)
    replies = _replies(input, output)
    if replies is None:
        return f"{output!r} is no answer to {len(input.steps)} steps"
    for (kind, key, value), reply in zip(input.steps, replies, strict=True):
        if kind == "w":
            values[key] = value
        elif reply != values.get(key, ""):
            return f"cannot read {reply!r} of {key!r}, which holds {values.get(key, '')!r}"
    return "nothing is wrong with it here"


def _cases(history: Iterable[Operation]) -> list[Case]:
    """A case for each group of transactions that are connected by their keys."""
    [*whole] = partition(None, None, history)
    groups: dict[Hashable, Hashable] = {}

    def root(key: Hashable) -> Hashable:
        while groups.setdefault(key, key) != key:
            groups[key] = groups[groups[key]]
            key = groups[key]
        return key

    operations = [op for case in whole for op in case.operations]
    for op in operations:
        keys = [key for _, key, _ in op.input.steps]
        for key in keys[1:]:
            groups[root(key)] = root(keys[0])
    members: dict[Hashable, list[Operation]] = {}
    names: dict[Hashable, dict[Hashable, None]] = {}
    for op in operations:
        keys = [key for _, key, _ in op.input.steps]
        if keys:  # one without steps is always right
            members.setdefault(root(keys[0]), []).append(op)
            names.setdefault(root(keys[0]), {}).update(dict.fromkeys(keys))
    cases = [Case(_name(list(names[group])), ops) for group, ops in members.items()]
    return sorted(cases, key=lambda case: repr(case.key))


def _name(keys: list[Hashable]) -> Hashable:
    """A group by its keys; a group of one by that key."""
    ordered = in_order(keys)
    return ordered[0] if len(ordered) == 1 else tuple(ordered)


txn = Model(
    name="txn",
    inputs=(Transaction,),
    init=tuple,
    step=_step,
    read_only=_read_only,
    describe_operation=_describe,
    describe_state=_describe_state,
    why_not=_why_not,
    method=_cases,
    wrong_input=_wrong_input,
)
