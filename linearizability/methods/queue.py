"""The special method for queues: where no value is put in twice, order is decided by pairs.

Let each value have the closed intervals of its Enqueue and its Dequeue. A history of complete
operations is linearizable iff (Henzinger, Sezgin, Vafeiadis 2013; Lee, Mathur 2025)

1. no value leaves before its Enqueue began, twice, or without one;
2. no b overtakes an a: Enqueue(a) returned before Enqueue(b) began, and Dequeue(b) returned before
   Dequeue(a) began, where what was never taken has its Dequeue at infinity;
3. each Dequeue that found nothing has an instant that no value covers, where a value covers the
   open interval from the return of its Enqueue to the call of its Dequeue.

Both are one sweep over sorted ends: O(n log n). The proof is the algorithm that writes down an
order, `QueueProof`. With instants E(v) <= D(v) wanted, the intervals may be tightened by each
other, and by the instants p chosen for the empty ones: a value whose Enqueue returned before p is
over by p, all others begin at p. Tightening adds no overtaking pair. Then repeatedly take a value
whose Enqueue began no later than any remaining Enqueue returned, and likewise its Dequeue: of the
value whose Enqueue returns first and the one whose Dequeue returns first, one is always such a
value, or they would be an overtaking pair.

*Open operations.* An open Enqueue of a value that was taken returns at infinity; of another it is
left aside (`lives`). An open Dequeue, called at c, may take one of the values that nobody is known
to have taken, which then has the Dequeue [c, infinity); taking more only helps, earlier is better.
So value a needs a taker called no later than D(a), the smallest return of a Dequeue of a value
whose Enqueue began after a's had returned; and, for each empty instant p after a's Enqueue had
returned, no later than p. By Hall's theorem all needs can be met iff for each t no more values
have needs up to t than takers were called up to t. For instants p < p' the condition of p for t >=
p' is implied by that of p', so the instants can be chosen for each empty Dequeue alone: p is good
iff no value that somebody took covers it and, for each t >= p,

    #{a: D(a) <= t or Enqueue(a) returned before p} <= #{takers called up to t}.

It only becomes good at its own call, when a taker is called, or where a cover ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.explanation import lives as words
from linearizability.inputs import Enqueue
from linearizability.methods.lives import (
    BY_CALL,
    BY_RETURN,
    Life,
    Lives,
    Spans,
    cover,
    fewest,
    gather,
)
from linearizability.methods.trees import INFINITY, Stamp
from linearizability.operation import Operation


def decide(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one queue. Where values were enqueued twice it may refute, or decline."""
    found = gather(operations, Enqueue)
    core = found.problem or _overtaking(found)
    if core is not None:
        return FoundConflict(core)
    needs = Needs(found)
    covers = Spans((life.ret, life.out_call) for life in found.lives)
    core = needs.unmet()
    if core is not None:
        return FoundConflict(core)
    points: list[tuple[Stamp, int]] = []
    for position in sorted(found.empties, key=lambda position: operations[position].call):
        point = needs.empty_point(operations[position], covers)
        if point is None:
            return EmptyConflict(found, position)
        points.append((point, position))
    if found.unused:
        return Inapplicable("a value was enqueued more than once")
    return QueueProof(found, needs, points)


def _overtaking(found: Lives) -> Core | None:
    """Two values that somebody took in the wrong order."""
    operations = found.operations
    by_return = sorted(found.lives, key=BY_RETURN)
    by_call = sorted(found.lives, key=BY_CALL)
    latest: Life | None = None  # of those enqueued before, the one whose Dequeue began last
    index, count = 0, len(by_return)
    for life in by_call:
        while index < count and by_return[index].ret < life.call:
            if latest is None or by_return[index].out_call > latest.out_call:
                latest = by_return[index]
            index += 1
        if latest is not None and life.out_ret < latest.out_call:
            return words.overtook(
                (operations[latest.insert], operations[latest.remove]),
                (operations[life.insert], operations[life.remove]),
            )
    return None


class Needs:
    """By when the values that nobody is known to have taken must be gone, and who may do it."""

    def __init__(self, found: Lives) -> None:
        self.found = found
        operations = found.operations
        self.calls = [operations[position].call for position in found.takers]
        self.kept = sorted(found.kept, key=BY_RETURN)
        self.returns = [life.ret for life in self.kept]
        # Per kept value the first to leave of those enqueued after it.
        later = sorted(found.lives, key=BY_CALL)
        self.overtakers: list[Life | None] = []
        first: Life | None = None
        index = len(later)
        for life in reversed(self.kept):
            while index and later[index - 1].call > life.ret:
                index -= 1
                if first is None or later[index].out_ret < first.out_ret:
                    first = later[index]
            self.overtakers.append(first)
        self.overtakers.reverse()
        self.deadlines = [INFINITY if by is None else by.out_ret for by in self.overtakers]
        self._slack = Slack(self.calls, self.deadlines) if self.calls else None
        self._points: dict[Stamp, bool] = {}
        self._chances: list[Stamp] | None = None  # when a taker makes it good to be empty

    def unmet(self) -> Core | None:
        """More values that must be gone by some time than can be, whatever was found empty."""
        due = sorted(
            (deadline, number)
            for number, deadline in enumerate(self.deadlines)
            if deadline < INFINITY
        )
        for count, (deadline, number) in enumerate(due, 1):
            takers = bisect_right(self.calls, deadline)
            if count > takers:
                return self._too_few([n for _, n in due[:count]], takers, number)
        return None

    def _too_few(self, numbers: Sequence[int], takers: int, last: int) -> Core:
        operations = self.found.operations
        if takers == 0:
            by = self.overtakers[last]
            assert by is not None
            taker = next(iter(self.found.takers), None)
            return words.overtook(
                (operations[self.kept[last].insert], None if taker is None else operations[taker]),
                (operations[by.insert], operations[by.remove]),
            )
        proofs: dict[int, Operation] = {}
        for number in numbers:
            by = self.overtakers[number]
            assert by is not None
            proofs[by.insert], proofs[by.remove] = operations[by.insert], operations[by.remove]
        return words.too_few_removals(
            [operations[self.kept[number].insert] for number in numbers],
            [operations[position] for position in self.found.takers[:takers]],
            list(proofs.values()),
        )

    def empty_point(self, op: Operation, covers: Spans) -> Stamp | None:
        """The first instant of an operation at which the queue may have been empty."""
        assert op.ret is not None
        point: Stamp = covers.free_from(op.call)
        if point <= op.ret and not self.good(point):
            if self._chances is None:
                chances = sorted({covers.free_from(call) for call in self.calls})
                self._chances = [chance for chance in chances if self.good(chance)]
            index = bisect_left(self._chances, point)
            point = self._chances[index] if index < len(self._chances) else INFINITY
        return point if point <= op.ret else None

    def good(self, point: Stamp) -> bool:
        """Whether takers can have removed all that was certainly enqueued before the point."""
        known = self._points.get(point)
        if known is None:
            before = bisect_left(self.returns, point)
            if self._slack is None:
                known = before == 0
            else:
                self._slack.reach(before, self.deadlines)
                known = self._slack.least(bisect_right(self.calls, point)) >= 0
            self._points[point] = known
        return known

    def takers_of(self, points: Sequence[Stamp]) -> dict[int, int]:
        """Kept values (their numbers) with the takers given to them: the most urgent first."""
        order = sorted(points)
        due: list[tuple[Stamp, int]] = []
        for number, life in enumerate(self.kept):
            index = bisect_right(order, life.ret)
            point = order[index] if index < len(order) else INFINITY
            due.append((min(self.deadlines[number], point), number))
        due.sort()
        return {number: taker for taker, (_, number) in zip(self.found.takers, due, strict=False)}


class Slack:
    """For each number of takers called, how many more values they could have removed by then.

    Entry i is about the time from the call of taker i (of none, if 0) until that of the next:
    i minus the values whose needs lie before it. A value that is needed by a point at the latest
    counts from there on: a prefix is lowered, and the least of a suffix asked for, both in
    O(log n) on a tree whose nodes hold the least of their entries.
    """

    def __init__(self, calls: Sequence[Stamp], deadlines: Sequence[Stamp]) -> None:
        self._calls = calls
        self.size = 1
        while self.size < len(calls) + 1:
            self.size *= 2
        due = sorted(deadlines)
        least: list[float] = [0.0] * (2 * self.size)
        for entry in range(self.size):
            if entry > len(calls):
                least[self.size + entry] = INFINITY
            else:
                end = calls[entry] if entry < len(calls) else INFINITY
                least[self.size + entry] = entry - bisect_left(due, end)
        for node in range(self.size - 1, 0, -1):
            least[node] = min(least[2 * node], least[2 * node + 1])
        self._least = least
        self._added = [0] * (2 * self.size)
        self._reached = 0

    def reach(self, count: int, deadlines: Sequence[Stamp]) -> None:
        """Make the first `count` values needed at once, or take that back."""
        while self._reached < count:
            self._add(1, 0, self.size, self._uncounted(deadlines[self._reached]), -1)
            self._reached += 1
        while self._reached > count:
            self._reached -= 1
            self._add(1, 0, self.size, self._uncounted(deadlines[self._reached]), 1)

    def _uncounted(self, deadline: Stamp) -> int:
        """How many of the first entries end before the value is due anyway."""
        return bisect_right(self._calls, deadline) + (deadline == INFINITY)

    def _add(self, node: int, start: int, end: int, entries: int, by: int) -> None:
        if entries <= start:
            return
        if entries >= end:
            self._least[node] += by
            self._added[node] += by
            return
        middle = (start + end) // 2
        self._add(2 * node, start, middle, entries, by)
        self._add(2 * node + 1, middle, end, entries, by)
        self._least[node] = (
            min(self._least[2 * node], self._least[2 * node + 1]) + self._added[node]
        )

    def least(self, first: int) -> float:
        """The least entry from this one on."""
        node = self.size + first
        least = self._least[node]
        while node > 1:
            if node % 2 == 0:
                least = min(least, self._least[node + 1])
            node //= 2
            least += self._added[node]
        return least


@dataclass(frozen=True)
class QueueProof(Proof):
    """Lives none of which overtakes another, and an instant for each empty Dequeue."""

    found: Lives
    needs: Needs
    points: Sequence[tuple[Stamp, int]]

    def order(self) -> list[int]:
        points = sorted({point for point, _ in self.points})
        takers = self.needs.takers_of(points)
        lives = list(self.found.lives)
        for number, life in enumerate(self.needs.kept):
            if number in takers:
                position = takers[number]
                call = self.found.operations[position].call
                life = Life(life.value, life.insert, life.call, life.ret, position, call)
            lives.append(life)
        ends = _tightened(lives, points)
        calls, returns, out_calls, _ = ends
        # segment, instant, 0 for an Enqueue and 1 for a Dequeue, place in the queue, position
        keyed: list[tuple[int, Stamp, int, int, int]] = []
        entered = left = -INFINITY
        for place, number in enumerate(_first_in_first_out(*ends)):
            life = lives[number]
            segment = 2 * bisect_right(points, returns[number])
            if calls[number] > entered:
                entered = calls[number]
            keyed.append((segment, entered, 0, place, life.insert))
            left = max(left, out_calls[number], entered)
            if life.remove >= 0:
                keyed.append((segment, left, 1, place, life.remove))
        for point, position in self.points:
            keyed.append((2 * bisect_left(points, point) + 1, point, 0, 0, position))
        keyed.sort()
        return [entry[-1] for entry in keyed]


# Of each life the call and the return of its Enqueue, then of its Dequeue.
Ends = tuple[list[Stamp], list[Stamp], list[Stamp], list[Stamp]]


def _tightened(lives: Sequence[Life], points: Sequence[Stamp]) -> Ends:
    """The ends of lives between the instants at which the queue is empty, tightened by each other.

    Written without calls: an order is mostly this.
    """
    ends: Ends = ([], [], [], [])
    add_call, add_return, add_out_call, add_out_return = (side.append for side in ends)
    count = len(points)
    for life in lives:
        call, ret, out_call, out_ret = life.call, life.ret, life.out_call, life.out_ret
        if out_ret < ret:
            ret = out_ret
        index = bisect_right(points, ret)
        if index < count and points[index] < out_ret:
            out_ret = points[index]
            if out_ret < ret:
                ret = out_ret
        if index and points[index - 1] > call:
            call = points[index - 1]
        add_call(call)
        add_return(ret)
        add_out_call(call if out_call < call else out_call)
        add_out_return(out_ret)
    return ends


def _first_in_first_out(
    calls: Sequence[Stamp],
    returns: Sequence[Stamp],
    out_calls: Sequence[Stamp],
    out_returns: Sequence[Stamp],
) -> list[int]:
    """The lives, by number, in an order that both their Enqueues and their Dequeues allow."""
    count = len(calls)
    by_call = sorted(range(count), key=calls.__getitem__)
    by_out_call = sorted(range(count), key=out_calls.__getitem__)
    by_return = iter(sorted(range(count), key=returns.__getitem__))
    by_out_return = iter(sorted(range(count), key=out_returns.__getitem__))
    # Those that may be next on one side are counted there, and ready when both sides have them.
    seen = out_seen = 0
    one_side, done = bytearray(count), bytearray(count)
    ready: list[tuple[Stamp, int]] = []
    chosen: list[int] = []
    first, out_first = next(by_return, 0), next(by_out_return, 0)
    for _ in range(count):
        while done[first]:
            first = next(by_return)
        horizon = returns[first]
        while seen < count and calls[number := by_call[seen]] <= horizon:
            seen += 1
            if one_side[number]:
                heappush(ready, (calls[number], number))
            one_side[number] = 1
        while done[out_first]:
            out_first = next(by_out_return)
        horizon = out_returns[out_first]
        while out_seen < count and out_calls[number := by_out_call[out_seen]] <= horizon:
            out_seen += 1
            if one_side[number]:
                heappush(ready, (calls[number], number))
            one_side[number] = 1
        _, number = heappop(ready)
        done[number] = 1
        chosen.append(number)
    return chosen


class EmptyConflict(Conflict):
    """A Dequeue that found nothing, though at each of its instants something was there."""

    def __init__(self, found: Lives, position: int) -> None:
        self._found = found
        self._position = position

    def core(self) -> Core:
        found, empty = self._found, self._found.operations[self._position]
        assert empty.ret is not None
        operations = found.operations
        if found.takers:
            return self._counted(empty)
        holders = cover([*found.lives, *found.kept], empty.call, empty.ret)
        return words.not_empty(
            empty,
            [
                (operations[life.insert], None if life.remove < 0 else operations[life.remove])
                for life in holders
            ],
        )

    def _counted(self, empty: Operation) -> Core:
        """With takers about, no chain of values proves it; look for few that do."""
        found, operations = self._found, self._found.operations
        groups = [
            [p for p in (life.insert, life.remove) if p >= 0] for life in found.lives + found.kept
        ]
        fixed = [*found.takers, self._position]

        def refuted(kept: Sequence[Sequence[int]]) -> bool:
            positions = sorted([*fixed, *(p for group in kept for p in group)])
            return isinstance(decide([operations[p] for p in positions]), Conflict)

        few = fewest(groups, refuted, 2 * len(groups) + 10_000)
        takers = [operations[p] for p in found.takers if operations[p].call <= (empty.ret or 0)]
        pairs = [[operations[p] for p in group] for group in few]
        holders = [(pair[0], pair[1] if len(pair) > 1 else None) for pair in pairs]
        return words.not_empty(empty, holders, takers)
