"""What is checked: operations with closed intervals, or the events from which they are made."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal

Client = int | str


class _Open(enum.Enum):
    """The type of `OPEN`, an enum so that type checkers can narrow on `output is OPEN`."""

    OPEN = enum.auto()

    def __repr__(self) -> str:
        return "OPEN"


OPEN: Final = _Open.OPEN
"""What a model's `step` gets as the output of an open operation: nobody knows the reply."""


@dataclass(slots=True)
class Operation:
    """One call of a client: what went in, what came out, and when.

    `call` and `ret` are integer stamps of which only the order and the ties matter. The interval
    [call, ret] is closed: an operation that returns at 20 and one called at 20 are concurrent.
    With half-open intervals a clock that repeats a value would accuse correct systems: put called
    at 1, get called at 2, put returns at 2, get returns the old value at 3; the two did overlap.

    `ret` None means *open*: called, never returned. It may have taken effect at any time since its
    call, or never; its `output` is ignored. A recorder may fill in `output` and `ret` later.
    `metadata` travels with the operation into the verdict and is never looked at.
    """

    client: Client
    input: Any
    output: Any
    call: int
    ret: int | None
    metadata: Any = None


@dataclass(slots=True)
class Event:
    """One end of an operation; a history of events needs no stamps, only their order counts.

    `id` ties a return to its call. A call without a return is an open operation.
    """

    client: Client
    kind: Literal["call", "return"]
    value: Any
    id: int
    metadata: Any = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something worth seeing beside the operations in a report: a crash, a partition, a note.

    It stands in the lane of a `client`, or in a lane of its own named by `tag`. `end` None means
    a point in time. Annotations never influence a verdict.
    """

    description: str
    start: int
    end: int | None = None
    client: Client | None = None
    tag: str | None = None
    details: str = ""


def from_events(events: Iterable[Event]) -> list[Operation]:
    """Pair calls with returns; the position of an event is its stamp, so all stamps differ.

    The metadata of a return, where it has any, replaces that of its call. Raises ValueError for a
    return without a call and for an id that is called again before it returned.
    """
    operations: list[Operation] = []
    calls: dict[int, Operation] = {}
    for stamp, event in enumerate(events):
        if not isinstance(event, Event):
            raise TypeError(f"entry {stamp} of the history is {event!r}: expected an Event")
        try:
            is_in_progress = event.id in calls
        except TypeError as error:
            what = f"event {stamp} has the id {event.id!r}: expected an integer"
            raise TypeError(what) from error
        if event.kind == "call":
            if is_in_progress:
                raise ValueError(f"event {stamp} calls id {event.id} again before it returned")
            operation = Operation(event.client, event.value, None, stamp, None, event.metadata)
            calls[event.id] = operation
            operations.append(operation)
        elif event.kind != "return":
            raise ValueError(
                f"event {stamp} is of kind {event.kind!r}: expected 'call' or 'return'"
            )
        else:
            returned = calls.pop(event.id, None)
            if returned is None:
                raise ValueError(f"event {stamp} returns id {event.id}, which is not in progress")
            returned.output = event.value
            returned.ret = stamp
            if event.metadata is not None:
                returned.metadata = event.metadata
    return operations


_call_of, _ret_of = attrgetter("call"), attrgetter("ret")


def check_stamps(operations: Sequence[Operation]) -> None:
    """Raises TypeError for what is no operation, or has stamps that are no integers.

    Sums tell it at the least expense: one float, and the sum is one.
    """
    try:
        calls = sum(map(_call_of, operations))
        returns = sum(filter(None, map(_ret_of, operations)))
        if type(calls) is int and type(returns) is int:
            return
    except (AttributeError, TypeError):
        pass  # found below
    for number, op in enumerate(operations):
        if not isinstance(op, Operation):
            raise TypeError(f"entry {number} of the history is {op!r}: expected an Operation")
        for name, stamp in (("call", op.call), ("ret", op.ret)):
            if not isinstance(stamp, int) and not (name == "ret" and stamp is None):
                what = "an integer" if name == "call" else "an integer, or None if it is open"
                raise TypeError(f"{name} of {op} is {stamp!r}: expected {what}")


def returned_early(op: Operation) -> ValueError:
    """The error to raise for an operation whose stamps are the wrong way round."""
    return ValueError(f"{op} returns before it is called")


def client_name(client: Client) -> str:
    """How a client is called in texts: 3 is c3, a name is itself."""
    return f"c{client}" if isinstance(client, int) else str(client)


def reply_suffix(output: Any) -> str:
    """The reply of an operation that usually has nothing to tell, as text to append."""
    return "" if output is None else " -> ?" if output is OPEN else f" -> {output!r}"


def in_call_order(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The distinct operations, as objects, by call and then by return."""
    distinct = list({id(op): op for op in operations}.values())
    distinct.sort(key=lambda op: (op.call, op.ret is None, op.ret or 0))
    return tuple(distinct)
