"""What Gets, and Appends that return the old value, show of a string that is put and appended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from linearizability.decision import Core
from linearizability.inputs import Append, Get
from linearizability.operation import OPEN, Operation, client_name, in_call_order


class Contradiction(Exception):
    """Some operations cannot all be right."""

    def __init__(self, operations: Iterable[Operation], why: str, missing: str) -> None:
        super().__init__(why)
        self.core = Core(in_call_order(operations), why, missing)


@dataclass(slots=True)
class Seen:
    """A distinct value that was read, by whom first and by whom last."""

    value: str
    first: Operation  # of the smallest return
    last: Operation  # of the greatest call

    @property
    def says(self) -> str:
        """As "c3's Get returned 'a'"."""
        if isinstance(self.first.input, Append):
            return f"{who(self.first)} made {shown(self.value)}"
        return f"{who(self.first)} returned {shown(self.value)}"


def who(op: Operation) -> str:
    """As "c3's Get"."""
    return f"{client_name(op.client)}'s {type(op.input).__name__}"


def shown(value: str) -> str:
    """A value; of a long one the end."""
    return repr(value) if len(value) <= 40 else f"'...{value[-36:]}'"


def value_read(op: Operation) -> Any:
    """The value an operation shows at its instant; None if it shows nothing, OPEN for nonsense.

    An Append that returned the old value saw that value with its own token added.
    """
    if op.ret is None:
        return None
    if isinstance(op.input, Get):
        return op.output if isinstance(op.output, str) else OPEN
    if op.output is None:
        return None
    if isinstance(op.input, Append) and isinstance(op.output, str):
        return op.output + op.input.value
    return OPEN


def values_read(operations: Iterable[Operation]) -> dict[str, Seen]:
    """Every distinct value that was read. Raises Contradiction for what is no string."""
    found: dict[str, Seen] = {}
    for op in operations:
        value = value_read(op)
        if value is None:
            continue
        if value is OPEN:
            why = f"{who(op)} was answered {op.output!r}, an answer that no server can give."
            raise Contradiction([op], why, "no state of the key allows this answer")
        seen = found.get(value)
        if seen is None:
            found[value] = Seen(value, op, op)
            continue
        if op.call > seen.last.call:
            seen.last = op
        if op.ret is not None and seen.first.ret is not None and op.ret < seen.first.ret:
            seen.first = op
    return found
