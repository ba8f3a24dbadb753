"""The special method for stacks: where no value is pushed twice, lives must nest.

A linearization gives each value a life, from its Push to its Pop, and lives nest or are apart. A
value *covers* the open interval from the return of its Push to the call of its Pop.

*Free values*, which cover nothing, may be pushed and popped at one instant, whatever is below.

*Decrease and conquer* (Lee, Mathur 2025, there for complete histories). Where the covers of some
values make up one interval (l, r) without a gap, the stack is never empty in it, so one value is
at the bottom from l to r: one whose Push began by l and whose Pop returned after r or at r. Any
such value may be chosen: given lives of the others, cut them down to [l, r], which their
operations allow, since their covers lie in it, and let the chosen one live from l to r. So: if
there is none, the history is illegal; else take it away and go on with the intervals that the
covers of the rest make up. Only a gap that remains at the top is an instant at which the stack may
be empty.

The intervals are visited from left to right, the inner ones before the next. Their left ends never
fall, so a value whose Push began by l once is ready for ever; a tree over the returns of the
pushes answers which ready value of an interval has the latest end. Another tree counts how many
covers lie over each instant and finds the first gap. O(n log n).

*Open operations.* An open Push of a value that was popped returns at infinity: the value is free.
An open Pop, called at c, may take a value that nobody is known to have popped; that value is then
free if its Push returned no earlier than c, and covers the time up to c otherwise. Values that
stay cover everything after their Push. Taking more, and taking it earlier, only helps. So if the
history is illegal although every value that was left is free, it is illegal. It is illegal, too,
if more values must be gone by some time (`_dues`) than there were open Pops to take them by then.
And if it is linearizable for one way to give the open Pops to values, it is linearizable: two ways
are tried, what must be gone first with the first Pop, and as many free values as possible. In
between, which is rare, the method declines. It always decides where there is no open Pop.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.explanation import lives as words
from linearizability.inputs import Push
from linearizability.methods.lives import (
    BY_CALL,
    BY_RETURN,
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
from linearizability.methods.trees import INFINITY, Depth, Earliest, Latest, Stamp
from linearizability.operation import Operation


def decide(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one stack. Where values were pushed twice it may refute, or decline."""
    found = gather(operations, Push)
    if found.problem is not None:
        return FoundConflict(found.problem)
    nest = arranged(found, functools.partial(Nest, found), POPS)
    if not isinstance(nest, Nest):
        return nest
    if found.unused:
        return Inapplicable("a value was pushed more than once")
    return NestProof(found, nest)


def _dues(found: Lives, since: Stamp) -> list[Due]:
    """By when each value that was left must be gone: what it certainly lies on must be popped.

    That is what was pushed before its Push began, and not popped before that had returned. A Pop
    that found nothing, called after its Push had returned, needs it gone as well. Pops that had
    returned before `since` are not asked.
    """
    lives = sorted((life for life in found.lives if life.out_ret >= since), key=BY_RETURN)
    empties = [position for position in found.empties if returned(found, position) >= since]
    beneath = Earliest(life.out_call for life in lives)
    empty = Earliest(found.operations[position].call for position in empties)
    for position in empties:
        empty.put(found.operations[position].call, returned(found, position), (position,))
    dues: list[Due] = []
    index = 0
    for life in sorted(found.kept, key=BY_CALL):
        while index < len(lives) and lives[index].ret < life.call:
            lower = lives[index]
            beneath.put(lower.out_call, lower.out_ret, (lower.insert, lower.remove))
            index += 1
        by, proofs = min(beneath.above(life.ret), empty.above(life.ret))
        dues.append(Due(by, life, proofs))
    return dues


def _given(found: Lives) -> list[Life]:
    """The values that were left, each with the open Pop given to it, if it was.

    An open Pop goes to a value that it makes free, if there is one: to each the last called that
    does. Values for whose Push there is no instant without a cover would do harm if they stayed.
    """
    spans = Spans((life.ret, life.out_call) for life in found.lives)
    harmless: list[Life] = []
    harmful: list[Life] = []
    for life in sorted(found.kept, key=BY_RETURN):
        (harmless if spans.free_from(life.call) <= life.ret else harmful).append(life)
    # The open Pops that are left came late: the last pushed of the harmful goes first.
    late = {life.insert: place for place, life in enumerate(harmful[::-1] + harmless[::-1])}
    return given_last_called(found, harmful + harmless, lambda life: late[life.insert])


POPS = OpenRemovals(_dues, lambda due: (due.by, -due.life.ret), _given, "Pops")


class Nest:
    """How the lives of a stack can nest: the bottom value of each interval, outer ones first."""

    def __init__(self, found: Lives, lives: Sequence[Life]) -> None:
        self._found = found
        self.covering = sorted((life for life in lives if life.ret < life.out_call), key=BY_RETURN)
        self.free = [life for life in lives if life.ret >= life.out_call]
        self.chosen: list[tuple[Life, Stamp, Stamp]] = []
        self.stuck: tuple[Stamp, Stamp] | None = None  # an interval without a bottom value
        self._rest: list[Life] = []  # what was not chosen when it got stuck
        self._choose()

    def conflict(self) -> Conflict | None:
        """Why the lives cannot nest, or a Pop cannot have found the stack empty."""
        if self.stuck is not None:
            return NestConflict(self._found, self.covering, self._rest, *self.stuck)
        spans = Spans((life.ret, life.out_call) for life in self.covering)
        for position in self._found.empties:
            op = self._found.operations[position]
            assert op.ret is not None
            if spans.free_from(op.call) > op.ret:
                return EmptyConflict(self._found, self.covering, position)
        return None

    def _choose(self) -> None:
        covering = self.covering
        count = len(covering)
        returns = [life.ret for life in covering]
        stamps = sorted({*returns, *(life.out_call for life in covering)})
        number = {stamp: index for index, stamp in enumerate(stamps)}
        covers = [(number[life.ret] + 1, number[life.out_call]) for life in covering]
        depth = Depth(len(stamps), covers)
        ready = Latest(count)
        by_call = sorted(range(count), key=lambda index: covering[index].call)
        called = first = 0
        gone = bytearray(count)
        for _ in range(count):
            while gone[first]:
                first += 1
            left = returns[first]
            right = stamps[depth.first_zero(covers[first][0])]
            best = first
            if covering[first].out_call < right:  # else it covers all of it, as it mostly does
                while called < count and covering[by_call[called]].call <= left:
                    if not gone[by_call[called]]:
                        ready.put(by_call[called], covering[by_call[called]].out_ret)
                    called += 1
                best, end = ready.latest(bisect_left(returns, right, first))
                if end < right:
                    self.stuck = left, right
                    self._rest = [life for index, life in enumerate(covering) if not gone[index]]
                    return
            gone[best] = 1
            ready.put(best, -INFINITY)
            depth.uncover(*covers[best])
            self.chosen.append((covering[best], left, right))


@dataclass(frozen=True)
class NestProof(Proof):
    """Lives that nest, each from one end of its interval to the other."""

    found: Lives
    nest: Nest

    def order(self) -> list[int]:
        # instant, number of the event; free values and empty Pops go between
        events: list[tuple[Stamp, int, int]] = []
        tops: list[tuple[Stamp, int]] = []  # when an interval at the top begins, and its event
        inside: list[tuple[Life, Stamp]] = []

        def leave(until: Stamp) -> None:
            while inside and inside[-1][1] <= until:
                life, right = inside.pop()
                if life.remove >= 0:
                    events.append((right, len(events), life.remove))

        for life, left, right in self.nest.chosen:
            leave(left)
            if not inside:
                tops.append((left, len(events)))
            events.append((left, len(events), life.insert))
            inside.append((life, right))
        leave(INFINITY)
        keyed = [(instant, 2 * number + 1, 0, position) for instant, number, position in events]
        for life in self.nest.free:
            instant = max(life.call, life.out_call)
            keyed.append((instant, -1, 2 * life.insert, life.insert))
            keyed.append((instant, -1, 2 * life.insert + 1, life.remove))
        spans = Spans((life.ret, life.out_call) for life in self.nest.covering)
        for position in self.found.empties:
            instant = spans.free_from(self.found.operations[position].call)
            index = bisect_left(tops, (instant, -1))
            before = tops[index][1] if index < len(tops) else len(events)
            keyed.append((instant, 2 * before, 0, position))
        keyed.sort()
        return [entry[-1] for entry in keyed]


class NestConflict(Conflict):
    """Values that keep the stack from being empty, none of which can be at the bottom."""

    def __init__(
        self,
        found: Lives,
        covering: Sequence[Life],
        rest: Sequence[Life],
        left: Stamp,
        right: Stamp,
    ) -> None:
        self._found = found
        self._covering = covering
        self._lives = [life for life in rest if left <= life.ret < right]
        self._left = left
        self._right = right

    def core(self) -> Core:
        operations = self._found.operations
        pair = _crossing(self._lives) or _crossing(self._covering)
        if pair is not None:
            one, other = pair
            return words.crossed(
                (operations[one.insert], operations[one.remove]),
                (operations[other.insert], _removal(operations, other)),
            )

        def refuted(some: Sequence[Life]) -> bool:
            return Nest(Lives(operations), some).stuck is not None

        few = fewest(_chain(self._lives, self._left, self._right), refuted, 10_000)
        return words.no_bottom(
            [(operations[life.insert], _removal(operations, life)) for life in few]
        )


def _removal(operations: Sequence[Operation], life: Life) -> Operation | None:
    return None if life.remove < 0 else operations[life.remove]


def _chain(lives: Sequence[Life], left: Stamp, right: Stamp) -> list[Life]:
    """Values whose covers make up an interval without a gap, as few as can be.

    They are illegal by themselves: the bottom value of the interval would be one of them.
    """
    chain: list[Life] = []
    index, reach = 0, left
    while reach < right:
        best: Life | None = None
        while index < len(lives) and (lives[index].ret < reach or lives[index].ret == left):
            if best is None or lives[index].out_call > best.out_call:
                best = lives[index]
            index += 1
        assert best is not None, "the covers leave no gap"
        chain.append(best)
        reach = best.out_call
    return chain


def _crossing(lives: Sequence[Life]) -> tuple[Life, Life] | None:
    """Two values, the second certainly pushed onto the first, and the first popped before it."""
    outs = sorted({life.out_call for life in lives})
    first_out: list[Life | None] = [None] * (len(outs) + 1)  # a Fenwick tree from the right
    index = 0
    for life in sorted(lives, key=BY_CALL):
        while index < len(lives) and lives[index].ret < life.call:
            below = lives[index]
            place = len(outs) - bisect_left(outs, below.out_call)
            while place <= len(outs):
                known = first_out[place]
                if known is None or below.out_ret < known.out_ret:
                    first_out[place] = below
                place += place & -place
            index += 1
        place = len(outs) - bisect_right(outs, life.ret)
        while place:
            below_it = first_out[place]
            if below_it is not None and below_it.out_ret < life.out_call:
                return below_it, life
            place -= place & -place
    return None


class EmptyConflict(Conflict):
    """A Pop that found nothing, though at each of its instants something was there."""

    def __init__(self, found: Lives, covering: Sequence[Life], position: int) -> None:
        self._operations = found.operations
        self._covering = covering
        self._position = position

    def core(self) -> Core:
        empty = self._operations[self._position]
        assert empty.ret is not None
        holders = cover(self._covering, empty.call, empty.ret)
        return words.not_empty(
            empty,
            [
                (self._operations[life.insert], _removal(self._operations, life))
                for life in holders
            ],
        )
