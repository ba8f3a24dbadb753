"""The lives of the values in a collection: who put each in, who took it out, and what is open.

Queue, stack and priority queue share this. A value that was put in once and taken out at most once
has a *life*, whose two ends lie in the intervals of these operations. Values that were put in more
than once are left aside, with all their operations: taking whole lives out of a legal history
leaves it legal, so what is refuted without them is refuted, but only a history without any is
decided.

An open insertion of a value that was not taken out is left aside too: where it took effect, taking
it out, and the open removal that may have removed it, leaves a legal history. An open removal may
have removed any value that was left, which is for the methods to decide.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Stepwise
from linearizability.explanation.lives import (
    answered_nonsense,
    never_inserted,
    removed_early,
    removed_twice,
    too_few_removals,
)
from linearizability.methods.trees import INFINITY, Stamp
from linearizability.operation import Operation

T = TypeVar("T")

BY_CALL, BY_RETURN = attrgetter("call"), attrgetter("ret")


@dataclass(slots=True)
class Life:
    """One value: the positions of its two operations and the ends of their intervals."""

    value: Any
    insert: int
    call: Stamp  # of the insertion
    ret: Stamp
    remove: int = -1  # -1: no operation is known to have removed it
    out_call: Stamp = INFINITY
    out_ret: Stamp = INFINITY

    def taken(self, taker: int, call: Stamp) -> Life:
        """The same value, removed by the open removal at a position, which was called then."""
        return Life(self.value, self.insert, self.call, self.ret, taker, call)


@dataclass(slots=True)
class Lives:
    """What one collection went through. `problem` is a core that needs no further reasoning."""

    operations: Sequence[Operation]
    lives: list[Life] = field(default_factory=list)
    kept: list[Life] = field(default_factory=list)  # certainly inserted, and nobody removed them
    empties: list[int] = field(default_factory=list)  # removals that found nothing
    takers: list[int] = field(default_factory=list)  # open removals, by call
    unused: int = 0  # operations on values that were inserted more than once
    problem: Core | None = None


def gather(operations: Sequence[Operation], inserts: type[Any]) -> Lives:
    """The lives in a history whose operations insert (input type `inserts`) or remove."""
    found = Lives(operations)
    born: dict[Hashable, int] = {}
    repeated: dict[Hashable, list[int]] = {}
    removals: dict[Hashable, list[int]] = {}
    empties, takers = found.empties, found.takers
    for position, op in enumerate(operations):
        asked = op.input
        if type(asked) is inserts:
            value = asked.value
            if op.ret is not None and op.output is not None:
                found.problem = answered_nonsense(op)
                return found
            if value in born:
                repeated.setdefault(value, [born[value]]).append(position)
            else:
                born[value] = position
        elif op.ret is None:
            takers.append(position)
        elif op.output is None:
            empties.append(position)
        else:
            try:
                removals.setdefault(op.output, []).append(position)
            except TypeError:  # unhashable: certainly not what somebody inserted
                found.problem = never_inserted(op)
                return found
    found.problem = _counts(operations, born, repeated, removals)
    if found.problem is None:
        takers.sort(key=lambda position: operations[position].call)
        _pair(found, born, repeated, removals)
    return found


def _counts(
    operations: Sequence[Operation],
    born: dict[Hashable, int],
    repeated: dict[Hashable, list[int]],
    removals: dict[Hashable, list[int]],
) -> Core | None:
    """A value that came out though it, or as many of it, never went in."""
    for value, positions in removals.items():
        first = born.get(value)
        if first is None:
            return never_inserted(operations[positions[0]])
        inserted = repeated.get(value, [first])
        if len(positions) > len(inserted):
            removed = [operations[p] for p in positions[: len(inserted) + 1]]
            return removed_twice([operations[p] for p in inserted], removed)
    return None


def _pair(
    found: Lives,
    born: dict[Hashable, int],
    repeated: dict[Hashable, list[int]],
    removals: dict[Hashable, list[int]],
) -> None:
    operations = found.operations
    for value, position in born.items():
        removed = removals.get(value)
        if value in repeated:
            found.unused += len(repeated[value]) + len(removed or ())
            continue
        op = operations[position]
        ret = op.ret
        life = Life(op.input.value, position, op.call, INFINITY if ret is None else ret)
        if removed is None:
            if ret is not None:
                found.kept.append(life)
            continue
        out = operations[removed[0]]
        assert out.ret is not None
        life.remove, life.out_call, life.out_ret = removed[0], out.call, out.ret
        if out.ret < op.call:
            found.problem = removed_early(op, out)
            return
        found.lives.append(life)


class Spans:
    """A union of open intervals of time, merged where they overlap in more than a point.

    Intervals that only touch leave the point between them free.
    """

    def __init__(self, intervals: Iterable[tuple[Stamp, Stamp]]) -> None:
        self.starts: list[Stamp] = []
        self.ends: list[Stamp] = []
        start = end = -INFINITY
        for one, other in sorted(intervals):
            if one < end:
                end = max(end, other)
                continue
            if start < end:
                self.starts.append(start)
                self.ends.append(end)
            start, end = one, other
        if start < end:
            self.starts.append(start)
            self.ends.append(end)

    def around(self, point: Stamp) -> tuple[Stamp, Stamp] | None:
        """The merged interval that has the point inside; None if the point is free."""
        index = bisect_left(self.starts, point) - 1
        if index >= 0 and point < self.ends[index]:
            return self.starts[index], self.ends[index]
        return None

    def free_from(self, point: Stamp) -> Stamp:
        """The first free point that is not before this one."""
        span = self.around(point)
        return point if span is None else span[1]


def cover(lives: Sequence[Life], start: Stamp, end: Stamp) -> list[Life]:
    """A chain of lives whose covers, each from `ret` to `out_call`, leave no instant free.

    From `start` to `end`, both included; there must be one. It is a shortest one.
    """
    order = sorted(lives, key=BY_RETURN)
    chain: list[Life] = []
    index, reach = 0, start
    while True:
        best: Life | None = None
        while index < len(order) and order[index].ret < reach:
            if best is None or order[index].out_call > best.out_call:
                best = order[index]
            index += 1
        if best is None or best.out_call <= reach:
            raise AssertionError("not covered")
        chain.append(best)
        reach = best.out_call
        if reach > end:
            return chain


def fewest(some: Sequence[T], refuted: Callable[[Sequence[T]], bool], work: int) -> list[T]:
    """Few entries that are refuted by themselves, in their order, given that all of them are.

    Leaves out halves, quarters, ..., single entries; `work` bounds the entries looked at.
    """
    rest, size = list(some), len(some)
    while size > 1 and work > 0:
        size = (size + 1) // 2
        start = 0
        while start < len(rest) and work > 0:
            fewer = rest[:start] + rest[start + size :]
            work -= len(fewer) + 1
            if refuted(fewer):
                rest = fewer
            else:
                start += size
    return rest


def _around(operations: Sequence[Operation], blocked: int) -> list[Operation]:
    """The operations of a stretch of time that is illegal by itself.

    Given that no order gets past the return of one operation, but that there are some up to it.
    The stretch begins when the collection was last empty for certain: nothing was in progress, and
    each value had been taken out as often as it had been put in. It ends when next nothing is in
    progress: an order of all operations till then would have got past the return.
    """
    order = sorted(operations, key=BY_CALL)
    call, ret = operations[blocked].call, operations[blocked].ret
    assert ret is not None
    held: dict[Hashable, int] = {}
    start, until = 0, -INFINITY
    for index, op in enumerate(order):
        if until < op.call:  # nothing was in progress
            if until >= ret:
                return order[start:index]
            if not held and op.call <= call:
                start = index
        until = max(until, INFINITY if op.ret is None else op.ret)
        is_insertion = len(op.input) > 1
        value = op.input.value if is_insertion else op.output
        if is_insertion or (op.ret is not None and value is not None):
            left = held.get(value, 0) + (1 if is_insertion else -1)
            held[value] = left
            if not left:
                del held[value]
    return order[start:]


def during(
    operations: Iterable[Operation], begin: Stamp, until: Stamp
) -> tuple[list[Operation], list[Operation]]:
    """What was in progress between two stamps, and the same as far as it concerns that time.

    What was called earlier or returned later may have happened outside of it, so it is open there.
    """
    some = [op for op in operations if op.call <= until and (op.ret is None or op.ret >= begin)]
    known = [
        op
        if op.call >= begin and op.ret is not None and op.ret <= until
        else replace(op, output=None, ret=None)
        for op in some
    ]
    return some, known


def _recent(
    history: Sequence[Operation],
    until: Stamp,
    most: int,
    refuted: Callable[[Sequence[Operation]], bool],
) -> tuple[list[Operation], list[Operation]] | None:
    """A stretch of time before a stamp that is refuted whatever the collection held before it.

    Begins with the last calls and doubles, up to `most` operations.
    """
    called = sorted((op for op in history if op.call <= until), key=BY_CALL)
    size = 2
    while size <= min(len(called), most):
        stretch = during(called, called[-size].call, until)
        if refuted(stretch[1]):
            return stretch
        size *= 2
    return None


class Few(NamedTuple):
    """Operations that are illegal by themselves, and whether there was time to find so few."""

    operations: list[Operation]
    minimised: bool
    anything_before: bool
    """Whether they are, whatever the collection held before."""


def fewest_values(
    history: Sequence[Operation],
    blocked: int,
    search_of: Callable[[Sequence[Operation]], Stepwise],
    spent: int,
    recent_of: Callable[[Sequence[Operation]], Stepwise] | None = None,
) -> Few:
    """Few values with all their operations that a search refutes.

    Given that it refutes a history, for which it `spent` so many configurations, because of the
    return of one operation. Removals that found nothing stand for themselves, and open ones may
    have taken anything. `recent_of` makes searches that allow whatever the collection may have
    held before; what they refute can begin later.
    """
    # To prepare a search for five operations takes as long as to visit a configuration. All of it
    # may take twice as long as it took to refute all.
    work = 2 * (spent + len(history) // 5) + 1_000

    def refuted(some: Sequence[Operation]) -> bool:
        nonlocal work
        work -= len(some) // 5
        if work <= 0:
            return False
        search = make(some)
        search.advance(work)
        work -= search.configurations
        return search.linearizable is False

    until, make = history[blocked].ret, recent_of or search_of
    assert until is not None
    around = _around(history, blocked)
    recent = (
        None if recent_of is None else _recent(history, until, min(64, len(around) // 2), refuted)
    )
    if recent is not None:
        operations, known = recent
    else:
        make = search_of
        operations, known = during(around, -INFINITY, until)
        if not refuted(known):
            operations = known = around
            if len(around) < len(history) and not refuted(around):
                operations = known = list(history)
    groups, takers = _by_value(operations)

    def members(some: Iterable[Sequence[int]]) -> list[int]:
        return sorted([*takers, *(p for group in some for p in group)])

    values = [key for key in groups if key[0]]
    order = values + [key for key in groups if not key[0]]
    every = [groups[key] for key in order]
    few = fewest(
        every,
        lambda some: refuted([known[p] for p in members(some)]),
        len(operations) + 1_000,
    )
    return Few([operations[p] for p in members(few)], work > 0, recent is not None)


def _by_value(
    operations: Sequence[Operation],
) -> tuple[dict[tuple[bool, Hashable], list[int]], list[int]]:
    """Positions of the operations on each value, or of one that found nothing; open removals."""
    groups: dict[tuple[bool, Hashable], list[int]] = {}
    takers = []
    for position, op in enumerate(operations):
        if len(op.input) > 1:
            groups.setdefault((True, op.input.value), []).append(position)
        elif op.ret is None:
            takers.append(position)
        elif op.output is None:
            groups[False, position] = [position]
        else:
            groups.setdefault((True, op.output), []).append(position)
    return groups, takers


class Due(NamedTuple):
    """A value that was left, by when it must be gone, and the operations that say so."""

    by: Stamp
    life: Life
    proofs: tuple[int, ...]


def returned(found: Lives, position: int) -> Stamp:
    """When an operation returned; never, if it is open."""
    ret = found.operations[position].ret
    return INFINITY if ret is None else ret


def too_few(found: Lives, dues: Sequence[Due]) -> Core | None:
    """More values that must be gone by some time than there were removals to take them by then."""
    calls = [found.operations[position].call for position in found.takers]
    finite = sorted((due for due in dues if due.by < INFINITY), key=lambda due: due.by)
    for count, due in enumerate(finite, 1):
        takers = bisect_right(calls, due.by)
        if count > takers:
            operations = found.operations
            proofs = dict.fromkeys(p for some in finite[:count] for p in some.proofs)
            return too_few_removals(
                [operations[some.life.insert] for some in finite[:count]],
                [operations[position] for position in found.takers[:takers]],
                [operations[position] for position in proofs],
            )
    return None


def served(found: Lives, dues: Iterable[Due]) -> list[Life]:
    """The values that were left, the first of them each with an open removal, earliest first."""
    given = []
    takers = iter(found.takers)
    for due in dues:
        life, taker = due.life, next(takers, -1)
        given.append(life if taker < 0 else life.taken(taker, found.operations[taker].call))
    return given


def given_last_called(
    found: Lives, lives: Iterable[Life], rest_order: Callable[[Life], int] | None = None
) -> list[Life]:
    """The lives, each with the last called open removal that makes it cover nothing, if any does.

    What open removals are left then, all called too late for that, go to the first of the rest.
    """
    calls = [found.operations[position].call for position in found.takers]
    takers = list(found.takers)
    given: list[Life] = []
    rest: list[Life] = []
    for life in lives:
        index = bisect_right(calls, life.ret) - 1
        if index < 0:
            rest.append(life)
        else:
            given.append(life.taken(takers.pop(index), calls.pop(index)))
    if rest_order is not None:
        rest.sort(key=rest_order)
    for number, life in enumerate(rest):
        is_taken = number < len(calls)
        given.append(life.taken(takers[number], calls[number]) if is_taken else life)
    return given


class Arrangement(Protocol):
    """Instants for the operations of some lives, or what is in the way."""

    def conflict(self) -> Conflict | None:
        """Why there are none; None if there are."""


A = TypeVar("A", bound=Arrangement)


@dataclass(frozen=True)
class OpenRemovals:
    """How a method gives open removals to the values that nobody is known to have removed."""

    dues: Callable[[Lives, Stamp], list[Due]]
    """By when each value that was left must be gone; what is due before a stamp is left out."""
    urgency: Callable[[Due], Any]
    """By which they are served first."""
    given: Callable[[Lives], list[Life]]
    """Another guess: the values that were left, each with the removal that does least harm."""
    names: str
    """What the model calls them: "Pops"."""


def arranged(
    found: Lives, arrange: Callable[[list[Life]], A], removals: OpenRemovals
) -> A | Conflict | Inapplicable:
    """The lives, arranged; where removals are open, mostly the first guess is right."""
    if not (found.takers and found.kept):
        whole = arrange(found.lives + found.kept)
        return whole.conflict() or whole
    # What had to be gone before the first open removal was called refutes; it helps no guess.
    dues = removals.dues(found, found.operations[found.takers[0]].call)
    dues.sort(key=removals.urgency)
    guess = arrange(found.lives + served(found, dues))
    if guess.conflict() is None:
        return guess
    conflict = arrange(found.lives).conflict()
    if conflict is not None:
        return conflict
    core = too_few(found, removals.dues(found, -INFINITY))
    if core is not None:
        return FoundConflict(core)
    guess = arrange(found.lives + removals.given(found))
    if guess.conflict() is None:
        return guess
    return Inapplicable(
        f"open {removals.names} may have taken several of the values that are left"
    )
