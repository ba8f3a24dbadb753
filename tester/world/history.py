"""The history: what the clients asked and how they were answered, recorded on the test's node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import msgspec


def seconds(time_us: int) -> str:
    """Virtual seconds with three decimals, rounded without a float."""
    milliseconds = (time_us + 500) // 1000
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


class Moment(int):
    """A stamp that is written as the time when it was given; it compares as every stamp does."""

    time_us: int

    def __new__(cls, stamp: int, time_us: int) -> Self:
        """Stamp an instant."""
        made = super().__new__(cls, stamp)
        made.time_us = time_us
        return made

    def __str__(self) -> str:
        return f"{seconds(self.time_us)} s"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def operation_name(method: str) -> str:
    """What a method is called as an operation: `TryLock` for `try_lock`."""
    return "".join(f"{part[:1].upper()}{part[1:]}" for part in method.split("_"))


class Op(msgspec.Struct):
    """One operation of one client. `call` and `ret` are stamps, strictly increasing in a run.

    Stamps, not times: many events share one virtual instant, and operations that followed each
    other must not look concurrent. An operation without an answer (`ret` None) stays open: it may
    or may not have happened.
    """

    number: int
    client: str
    """The object the operation was called on: "c0"."""
    node: str
    """The node it is on."""
    method: str
    args: tuple[Any, ...]
    like: type
    """The class or Protocol by whose annotations the operation travelled."""
    call: int
    call_us: int
    ret: int | None = None
    ret_us: int | None = None
    result: Any = None
    described: str = ""
    """What a test's own model calls it; given to the operations of an illegal history."""


@dataclass(slots=True)
class History:
    """The operations of a run in the order of their calls."""

    ops: list[Op] = field(default_factory=list)
    completed: int = 0
    """How many have an answer, and with them those that a node has only counted."""
    _stamp: int = 0

    def begin(
        self, client: str, node: str, method: str, args: tuple[Any, ...], like: type, now: int
    ) -> Op:
        """A client called."""
        self._stamp = stamp = self._stamp + 1
        op = Op(len(self.ops), client, node, method, args, like, stamp, now)
        self.ops.append(op)
        return op

    def end(self, op: Op, result: Any, now: int) -> None:
        """It was answered."""
        self._stamp = stamp = self._stamp + 1
        op.ret = stamp
        op.ret_us = now
        op.result = result
        self.completed += 1

    def latency_us(self) -> int:
        """Virtual microseconds that an operation took, on average; 0 if none was answered."""
        taken = [op.ret_us - op.call_us for op in self.ops if op.ret_us is not None]
        return sum(taken) // len(taken) if taken else 0

    def count(self, more: int) -> None:
        """Clients have completed so many more operations, of which nothing else is recorded.

        For a workload that calls many of them from the inside of one operation.
        """
        self.completed += more

    def drop_last_result(self) -> None:
        """Forget what the latest operation was told: it is large, and no model will ask for it."""
        self.ops[-1].result = None
