"""The special method for priority queues: where no value is inserted twice, least values first.

A value is in the queue during its life, from its Insert to its DeleteMin; a DeleteMin takes the
least. So at the instant p(v) of the DeleteMin of v no lesser value may be there, which is all that
is asked of it, and what it has in common with one that found the queue empty. Greater values put
no bound on lesser ones: take the values in their order, the least first. To hinder others least,
each is inserted as late and deleted as early as it can be:

    p(v) = the first instant from the calls of its operations on that no lesser value covers,

where u covers the open interval from the return of its Insert to p(u). The history is linearizable
iff each p(v) comes no later than the return of v's DeleteMin, and each DeleteMin that found
nothing has an instant that no value covers. By induction each cover is the least there can be. O(n
log n), most of it sorting: covered instants are skipped by a union-find structure. After Lee,
Mathur 2025, who take the greatest value away first.

*Open operations.* An open Insert of a value that somebody took returns at infinity: it covers
nothing. An open DeleteMin, called at c, may take a value that nobody is known to have taken, which
then has the DeleteMin [c, infinity). If the history is illegal even without all those values, it
is illegal; it is illegal, too, if more values must be gone by some time (`_dues`) than there were
open DeleteMins to take them by then. And if it is linearizable for one way to give the open ones
to values, it is linearizable: two ways are tried, what must be gone first with the first, and each
least value with the last call that makes it cover nothing. In between, which is rare, the method
declines. It always decides where no DeleteMin is open.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.explanation import lives as words
from linearizability.inputs import Insert
from linearizability.methods.lives import (
    Due,
    Life,
    Lives,
    OpenRemovals,
    Spans,
    arranged,
    cover,
    fewest,
    gather,
    given_last_called,
    returned,
)
from linearizability.methods.trees import INFINITY, Earliest, Stamp
from linearizability.models.collection import no_order
from linearizability.operation import Operation


def decide(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one priority queue. Where values were inserted twice it may refute, or decline."""
    found = gather(operations, Insert)
    if found.problem is not None:
        return FoundConflict(found.problem)
    ranking = arranged(found, functools.partial(Ranking, found), DELETIONS)
    if not isinstance(ranking, Ranking):
        return ranking
    if found.unused:
        return Inapplicable("a value was inserted more than once")
    return RankProof(found, ranking)


def _by_value(lives: Sequence[Life]) -> list[Life]:
    try:
        return sorted(lives, key=attrgetter("value"))
    except TypeError as error:
        raise no_order([life.value for life in lives]) from error


def _dues(found: Lives, since: Stamp) -> list[Due]:
    """By when each value that was left must be gone: before something greater can be taken.

    That is for a greater value whose operations began after its Insert had returned, or a
    DeleteMin that found nothing likewise. Those that had returned before `since` are not asked.
    The values come in their order.
    """
    lives = _by_value([life for life in found.lives if life.out_ret >= since])
    empties = [position for position in found.empties if returned(found, position) >= since]
    greater = Earliest(
        [
            *(max(life.call, life.out_call) for life in lives),
            *(found.operations[position].call for position in empties),
        ]
    )
    for position in empties:
        greater.put(found.operations[position].call, returned(found, position), (position,))
    dues: list[Due] = []
    for life in reversed(_by_value(found.kept)):
        while lives and lives[-1].value > life.value:
            more = lives.pop()
            start = max(more.call, more.out_call)
            greater.put(start, more.out_ret, (more.insert, more.remove))
        by, proofs = greater.above(life.ret)
        dues.append(Due(by, life, proofs))
    dues.reverse()
    return dues


def _given(found: Lives) -> list[Life]:
    """The values that were left, each with the open DeleteMin given to it, if it was."""
    return given_last_called(found, sorted(found.kept, key=lambda life: life.value))


# Of values that are due at the same time, the least is served first: the sort is stable.
DELETIONS = OpenRemovals(_dues, lambda due: due.by, _given, "DeleteMins")


class Ranking:
    """The lives in the order of their values, and the instant at which each is deleted."""

    def __init__(self, found: Lives, lives: Sequence[Life]) -> None:
        self._found = found
        self.lives = _by_value(lives)
        self.instants: list[Stamp] = []
        self.late: int | None = None  # the first whose instant comes after its return
        self.never_empty: int | None = None  # position of a DeleteMin that found nothing
        self._place()
        if self.late is None:
            self.spans = Spans(
                (life.ret, instant)
                for life, instant in zip(self.lives, self.instants, strict=True)
                if life.ret < instant
            )
            for position in found.empties:
                op = found.operations[position]
                assert op.ret is not None
                if self.spans.free_from(op.call) > op.ret:
                    self.never_empty = position
                    return

    def conflict(self) -> Conflict | None:
        """What is too late, or the DeleteMin that cannot have found the queue empty."""
        fits = self.late is None and self.never_empty is None
        return None if fits else RankConflict(self._found, self)

    def _place(self) -> None:
        starts = [max(life.call, life.out_call) for life in self.lives]
        stamps = sorted({*starts, *(life.ret for life in self.lives), INFINITY})
        number = {stamp: index for index, stamp in enumerate(stamps)}
        free = list(range(len(stamps)))  # towards the first free stamp that is not before
        add = self.instants.append
        for index, life in enumerate(self.lives):
            place = number[starts[index]]
            root = place
            while free[root] != root:
                root = free[root]
            while free[place] != root:
                free[place], place = root, free[place]
            instant = stamps[root]
            add(instant)
            if life.out_ret < instant:
                self.late = index
                return
            if life.ret < instant:
                point = number[life.ret] + 1
                while point < root:
                    if free[point] == point:
                        free[point] = root
                        point += 1
                    else:
                        point = free[point]


@dataclass(frozen=True)
class RankProof(Proof):
    """An instant for each DeleteMin, at which nothing less is there."""

    found: Lives
    ranking: Ranking

    def order(self) -> list[int]:
        # instant; 0 leaves, 1 comes and leaves, 2 comes; rank; 0 comes, 1 leaves; position
        keyed: list[tuple[Stamp, int, int, int, int]] = []
        ranking = self.ranking
        for rank, (life, instant) in enumerate(zip(ranking.lives, ranking.instants, strict=True)):
            if life.ret < instant:
                keyed.append((life.ret, 2, rank, 0, life.insert))
                if life.remove >= 0:
                    keyed.append((instant, 0, rank, 1, life.remove))
            else:
                keyed.append((instant, 1, rank, 0, life.insert))
                keyed.append((instant, 1, rank, 1, life.remove))
        for position in self.found.empties:
            point = ranking.spans.free_from(self.found.operations[position].call)
            keyed.append((point, 1, -1, 0, position))
        keyed.sort()
        return [entry[-1] for entry in keyed]


class RankConflict(Conflict):
    """A DeleteMin during all of which something less, or anything at all, was there."""

    def __init__(self, found: Lives, ranking: Ranking) -> None:
        self._found = found
        self._ranking = ranking

    def core(self) -> Core:
        ranking, operations = self._ranking, self._found.operations
        late = ranking.late
        if late is None:
            assert ranking.never_empty is not None
            removal = operations[ranking.never_empty]
            start: Stamp = removal.call
            late = len(ranking.lives)
        else:
            removal = operations[ranking.lives[late].remove]
            start = max(ranking.lives[late].call, ranking.lives[late].out_call)
        assert removal.ret is not None
        needed = self._holders(late, start, removal.ret)
        if any(ranking.instants[n] > ranking.lives[n].out_call for n in needed):
            ends = [] if ranking.late is None else [late]
            needed = fewest(needed, lambda some: self._refuted([*some, *ends]), 10_000)
        pairs = []
        for index in needed:
            life = ranking.lives[index]
            pairs.append(
                (operations[life.insert], None if life.remove < 0 else operations[life.remove])
            )
        if ranking.late is None:
            return words.not_empty(removal, pairs)
        return words.not_least(operations[ranking.lives[late].insert], removal, pairs)

    def _holders(self, below: int, start: Stamp, end: Stamp) -> list[int]:
        """Lesser values that cover a stretch, with those that made them stay so long."""
        ranking = self._ranking
        held = [
            Life(index, 0, 0, life.ret, 0, instant)
            for index, (life, instant) in enumerate(
                zip(ranking.lives[:below], ranking.instants, strict=False)
            )
            if life.ret < instant
        ]
        needed: dict[int, None] = {}
        todo = [(below, start, end)]
        while todo:
            limit, start, end = todo.pop()
            for holder in cover(held[: _count(held, limit)], start, end):
                index = holder.value
                if index in needed:
                    continue
                needed[index] = None
                life = ranking.lives[index]
                first = max(life.call, life.out_call)
                if ranking.instants[index] > first:  # something less was in its way until then
                    todo.append((index, first, _before(ranking.instants[index])))
        return sorted(needed)

    def _refuted(self, some: Sequence[int]) -> bool:
        lives = [self._ranking.lives[index] for index in some]
        empties = [] if self._ranking.never_empty is None else [self._ranking.never_empty]
        again = Ranking(Lives(self._found.operations, empties=empties), lives)
        return again.conflict() is not None


def _count(held: Sequence[Life], limit: int) -> int:
    """How many of the lives, which carry their ranks as values, have a lower rank."""
    low, high = 0, len(held)
    while low < high:
        middle = (low + high) // 2
        if held[middle].value < limit:
            low = middle + 1
        else:
            high = middle
    return low


def _before(stamp: Stamp) -> Stamp:
    """The last moment before a stamp, which is an integer, or infinity."""
    return stamp - 1 if stamp < INFINITY else stamp
