"""The special method for locks: while it certainly holds, nobody else may.

From the return of its acquire to the call of its release an owner *certainly* holds the lock; for
ever, if it never releases. A history is linearizable iff no two such stretches overlap in more
than a point: then each acquire can happen at its return and each release at its call. An open
acquire without a release is dropped, an open release ends a stretch at its call, since both may
have happened or not. O(n log n).

Taking a whole holding out of a legal history leaves it legal, so the core here is two acquires and
the release between them: alone they are illegal already.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.inputs import Acquire, is_refused
from linearizability.operation import Operation, client_name, in_call_order


class Holding(NamedTuple):
    """A stretch in which an owner certainly holds the lock."""

    start: float
    end: float
    acquire: int  # positions of the operations
    release: int | None


def decide(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one lock; declines if an attempt failed or an owner's operations overlap."""
    owners: dict[Hashable, list[int]] = {}
    for position, op in enumerate(operations):
        if is_refused(op.input, op.output) and op.ret is not None:
            return Inapplicable("an attempt to acquire failed")
        owners.setdefault(op.input.owner, []).append(position)
    for owner, positions in owners.items():
        positions.sort(key=lambda position: operations[position].call)
        for before, after in pairwise(positions):
            end = operations[before].ret
            if end is None or end >= operations[after].call:
                return Inapplicable(f"operations of owner {owner!r} overlap")
    holdings: list[Holding] = []
    for positions in owners.values():
        problem = _enter(operations, positions, holdings)
        if isinstance(problem, Inapplicable):
            return problem
        if problem is not None:
            return FoundConflict(problem)
    holdings.sort(key=lambda holding: holding[:2])
    for one, other in pairwise(holdings):
        if other.start < one.end:
            return FoundConflict(_both_hold(operations, one, other))
    return LockProof(holdings)


def _enter(
    operations: Sequence[Operation], positions: Sequence[int], holdings: list[Holding]
) -> Inapplicable | Core | None:
    """Add the holdings of one owner, whose acquires and releases must alternate."""
    held: int | None = None
    for position in positions:
        op = operations[position]
        acquires = isinstance(op.input, Acquire)
        answers = (None, True) if acquires else (None,)
        if op.ret is not None and op.output not in answers:
            verb = "acquire" if acquires else "release"
            why = f"{_who(op)} {verb} was answered {op.output!r}."
            return Core((op,), why, "no lock gives this answer")
        if acquires is (held is not None):
            if op.ret is None:
                break  # it cannot have done anything, and is the owner's last
            verb = "acquired a lock it held" if acquires else "released a lock it did not hold"
            return Inapplicable(f"owner {op.input.owner!r} {verb}")
        if held is None:
            held = position
        else:
            holdings.append(_holding(operations, held, position))
            held = None
    if held is not None and operations[held].ret is not None:
        holdings.append(_holding(operations, held, None))
    return None


def _holding(operations: Sequence[Operation], acquire: int, release: int | None) -> Holding:
    start = operations[acquire].ret
    assert start is not None
    return Holding(
        start, math.inf if release is None else operations[release].call, acquire, release
    )


def _both_hold(operations: Sequence[Operation], one: Holding, other: Holding) -> Core:
    first, second = operations[one.acquire], operations[other.acquire]
    core = [first, second]
    if one.release is None:
        until = "never released it"
    else:
        core.append(operations[one.release])
        until = f"did not begin to release it before {one.end}"
    why = (
        f"{_who(second)} acquire returned at {other.start} while {client_name(first.input.owner)},"
        f" which acquired at {one.start}, {until}."
    )
    return Core(in_call_order(core), why, "two owners hold one lock", alone=True)


def _who(op: Operation) -> str:
    return f"{client_name(op.input.owner)}'s"


@dataclass(frozen=True)
class LockProof(Proof):
    """Stretches that do not overlap, in their order."""

    holdings: Sequence[Holding]

    def order(self) -> list[int]:
        order = []
        for holding in self.holdings:
            order.append(holding.acquire)
            if holding.release is not None:
                order.append(holding.release)
        return order
