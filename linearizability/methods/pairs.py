"""Searching queues whose values repeat: pairs of an Enqueue and its Dequeue, in the queue's order.

A queue's state remembers the order of concurrent Enqueues until their values are taken, which
makes the generic search exponential in the length of the queue. But the i-th Dequeue takes what
the i-th Enqueue put in, so both orders can be built together, one *pair* at a time, whatever
happened in between. With the calls and returns of an operation as bounds of its instant, all that
matters of the pairs so far is which operations they used, and the latest instants of an Enqueue
and of a Dequeue. An order of pairs is right iff

    enqueued(i) = max(enqueued(i-1), call of the Enqueue)              <= return of the Enqueue
    dequeued(i) = max(dequeued(i-1), enqueued(i), call of the Dequeue) <= return of the Dequeue

can be had for all i. A Dequeue that found nothing stands between two pairs, and what comes later
begins at its instant or later. Values that were never taken come last; an open Dequeue may take
any value. As no operation may be left behind whose return has passed, the operations used are a
stretch of those ordered by return, and a few that are in progress: with k clients at most n 4^k
configurations, each with few instants to choose from. After the idea of Lee, Mathur, "Fixed
parameter tractable linearizability monitoring" (2026), which treats queues by automata.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from linearizability.decision import Conflict, Core, Proof
from linearizability.explanation import lives as words
from linearizability.inputs import Enqueue
from linearizability.methods.lives import fewest_values
from linearizability.methods.trees import INFINITY, Stamp
from linearizability.operation import Operation


class Side:
    """Operations by return; used are all below a level, and those in a mask from there on."""

    def __init__(self, operations: Sequence[Operation], positions: Sequence[int]) -> None:
        self.positions = sorted(positions, key=lambda p: (_end(operations[p]), operations[p].call))
        self.calls = [operations[p].call for p in self.positions]
        self.ends = [_end(operations[p]) for p in self.positions]
        self.ends.append(INFINITY)
        self.count = len(self.positions)
        self._by_call = sorted(range(self.count), key=lambda number: self.calls[number])
        self._levels: list[tuple[int, ...]] = []
        self._active: dict[int, None] = {}
        self._called = 0

    def progress(self, level: int) -> tuple[int, ...]:
        """The operations in progress when the one of this level returns, itself included."""
        while len(self._levels) <= level:
            self._active.pop(len(self._levels) - 1, None)
            end = self.ends[len(self._levels)]
            while self._called < self.count and self.calls[self._by_call[self._called]] <= end:
                number = self._by_call[self._called]
                if number >= len(self._levels):
                    self._active[number] = None
                self._called += 1
            self._levels.append(tuple(sorted(self._active)))
        return self._levels[level]

    def unused(self, level: int, mask: int) -> list[int]:
        """The operations that may be next, the first to return first; none above all levels."""
        if level >= self.count:
            return []
        return [
            number
            for number in self.progress(level)
            if number >= level and not mask >> (number - level) & 1
        ]

    def nexts(self, level: int, mask: int, kinds: Sequence[Hashable]) -> list[int]:
        """Those that may be next, without all but the first called of equal open ones.

        Open operations are equal if they are of the same kind.
        """
        found: list[int] = []
        tried: set[Hashable] = set()
        for number in self.unused(level, mask):
            if self.ends[number] == INFINITY:
                if kinds[number] in tried:
                    continue
                tried.add(kinds[number])
            found.append(number)
        return found

    def use(self, level: int, mask: int, number: int) -> tuple[int, int]:
        """Level and mask after one more operation was used."""
        mask |= 1 << (number - level)
        while mask & 1:
            mask >>= 1
            level += 1
        return level, mask


def _end(op: Operation) -> Stamp:
    return INFINITY if op.ret is None else op.ret


# Levels and masks of the Enqueues, the Dequeues and the empty ones, and how many takers were used.
Used = tuple[int, int, int, int, int, int, int]
# What was used, the latest instants of both kinds, the configuration before, and the step from it:
# numbers of an Enqueue and a Dequeue, or (-1, an empty one), or (an Enqueue, -1) for a taker.
Branch = tuple[Used, Stamp, Stamp, int, tuple[int, int]]


class PairSearch:
    """The search through one queue: `advance` it until `linearizable` is not None."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        enqueues: list[int] = []
        dequeues: list[int] = []
        empties: list[int] = []
        takers: list[int] = []
        for position, op in enumerate(operations):
            if isinstance(op.input, Enqueue):
                enqueues.append(position)
            elif op.ret is None:
                takers.append(position)
            else:
                (empties if op.output is None else dequeues).append(position)
        self.enqueues = Side(operations, enqueues)
        self.dequeues = Side(operations, dequeues)
        self.empties = Side(operations, empties)
        self.takers = sorted(takers, key=lambda position: operations[position].call)
        self._values: list[Hashable] = [operations[p].input.value for p in self.enqueues.positions]
        self._taken: list[Hashable] = [operations[p].output for p in self.dequeues.positions]
        self.linearizable: bool | None = None
        self.steps: list[tuple[int, tuple[int, int], Stamp, Stamp]] = []
        self._memo: dict[Used, list[tuple[Stamp, Stamp]]] = {}
        start: Used = (0, 0, 0, 0, 0, 0, 0)
        self._stack: list[Branch] = [(start, -INFINITY, -INFINITY, -1, (-1, -1))]
        self._furthest = (0, 0, 0)
        self.end = -1

    @property
    def configurations(self) -> int:
        return len(self.steps)

    @property
    def returns_left(self) -> int:
        """How many Dequeues the furthest configuration has before it."""
        return self.dequeues.count + self.empties.count - self._furthest[0]

    @property
    def blocked(self) -> int:
        """The position of the Dequeue whose return no order got past so far."""
        _, level, empty = self._furthest
        sides = ((self.dequeues, level), (self.empties, empty))
        side, number = min(sides, key=lambda entry: entry[0].ends[entry[1]])
        return side.positions[min(number, side.count - 1)]

    def forget(self) -> None:
        """Drop what only the search itself needs."""
        self._memo.clear()
        self._stack.clear()

    def advance(self, limit: int) -> None:
        """Visit up to `limit` further configurations."""
        stop = len(self.steps) + limit
        while len(self.steps) < stop and self.linearizable is None:
            if not self._stack:
                self.linearizable = False
                return
            used, entered, left, parent, step = self._stack.pop()
            known = self._memo.setdefault(used, [])
            if any(one <= entered and other <= left for one, other in known):
                continue
            known.append((entered, left))
            index = len(self.steps)
            self.steps.append((parent, step, entered, left))
            if used[2] == self.dequeues.count and used[4] == self.empties.count:
                self.end = index
                self.linearizable = True
                return
            done = used[2] + used[3].bit_count() + used[4] + used[5].bit_count()
            if done > self._furthest[0]:
                self._furthest = (done, used[2], used[4])
            self._branch(used, entered, left, index)

    def _branch(self, used: Used, entered: Stamp, left: Stamp, index: int) -> None:
        enqueues, empties = self.enqueues, self.empties
        e_level, e_mask, d_level, d_mask, z_level, z_mask, taken = used
        for e in reversed(enqueues.nexts(e_level, e_mask, self._values)):
            instant = max(entered, enqueues.calls[e])
            if instant > empties.ends[z_level]:
                continue
            after = enqueues.use(e_level, e_mask, e)
            if instant > enqueues.ends[after[0]]:
                continue
            self._take(used, after, instant, left, index, e, self._values[e])
        for z in reversed(empties.unused(z_level, z_mask)):
            instant = max(entered, left, empties.calls[z])
            level, mask = empties.use(z_level, z_mask, z)
            bound = min(
                empties.ends[z],
                empties.ends[level],
                enqueues.ends[e_level],
                self.dequeues.ends[d_level],
            )
            if instant <= bound:
                key = (e_level, e_mask, d_level, d_mask, level, mask, taken)
                self._stack.append((key, instant, instant, index, (-1, z)))

    def _take(
        self,
        used: Used,
        after: tuple[int, int],
        entered: Stamp,
        left: Stamp,
        index: int,
        e: int,
        value: Hashable,
    ) -> None:
        """Branches for everything that may take the value of an Enqueue."""
        _, _, d_level, d_mask, z_level, z_mask, taken = used
        dequeues, until = self.dequeues, self.empties.ends[z_level]
        if taken < len(self.takers):
            call = self.operations[self.takers[taken]].call
            instant = max(left, entered, call)
            if instant <= until and instant <= dequeues.ends[d_level]:
                key = (*after, d_level, d_mask, z_level, z_mask, taken + 1)
                self._stack.append((key, entered, instant, index, (e, -1)))
        for d in reversed(dequeues.unused(d_level, d_mask)):
            if self._taken[d] != value:
                continue
            instant = max(left, entered, dequeues.calls[d])
            level, mask = dequeues.use(d_level, d_mask, d)
            if instant <= until and instant <= min(dequeues.ends[d], dequeues.ends[level]):
                key = (*after, level, mask, z_level, z_mask, taken)
                self._stack.append((key, entered, instant, index, (e, d)))

    def decision(self) -> Proof | Conflict:
        """What was found."""
        self.forget()
        return PairProof(self) if self.linearizable else PairConflict(self)


@dataclass(frozen=True)
class PairProof(Proof):
    """Pairs in the order of the queue, with the instants of both."""

    search: PairSearch

    def order(self) -> list[int]:
        search = self.search
        path = []
        index = search.end
        while index >= 0:
            path.append(search.steps[index])
            index = search.steps[index][0]
        path.reverse()
        keyed: list[tuple[int, Stamp, int, int, int]] = []
        segment = taken = 0
        entered: Stamp = -INFINITY
        inside = [True] * search.enqueues.count
        for place, (_, (e, d), entered, left) in enumerate(path):
            if e < 0:
                if d >= 0:
                    segment += 1
                    keyed.append((segment, left, 0, place, search.empties.positions[d]))
                    segment += 1
                continue
            inside[e] = False
            keyed.append((segment, entered, 0, place, search.enqueues.positions[e]))
            position = search.takers[taken] if d < 0 else search.dequeues.positions[d]
            taken += d < 0
            keyed.append((segment, left, 1, place, position))
        for number, position in enumerate(search.enqueues.positions):
            if inside[number] and search.enqueues.ends[number] < INFINITY:
                entered = max(entered, search.enqueues.calls[number])
                keyed.append((segment, entered, 2, number, position))
        keyed.sort()
        return [entry[-1] for entry in keyed]


class PairConflict(Conflict):
    """No order of pairs is right."""

    def __init__(self, search: PairSearch) -> None:
        self._operations = search.operations
        self._spent = search.configurations
        self._blocked = search.blocked

    def stuck(self) -> int | None:
        return self._operations[self._blocked].ret

    def core(self) -> Core:
        few = fewest_values(self._operations, self._blocked, PairSearch, self._spent)
        return words.no_order(few.operations, minimised=few.minimised)
