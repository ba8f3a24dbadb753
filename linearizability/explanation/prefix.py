"""The longest order that is right so far, and what could have come after it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import compress
from operator import attrgetter
from typing import NamedTuple

from linearizability.decision import Case, Conflict, Core, Proof
from linearizability.explanation.relax import GenericSearch
from linearizability.model import Model, State, last_states, next_states
from linearizability.operation import OPEN, Operation

_call_of, _ret_of = attrgetter("call"), attrgetter("ret")
REFINED = 200
CUT_CONFIGURATIONS = 20_000
AHEAD = 20
"""So many returns are looked at, and each time that they are used up by this factor more."""
COPIED = 120
"""An order takes as long as copying so many elements for each operation in it."""
REMEMBERED = 100
"""For how many last operations of an order the states between them are kept."""


class Prefix(NamedTuple):
    """Positions in their order, a state it may end in, and who could be next but cannot."""

    order: list[int]
    state: State
    nexts: list[int]


def complete(
    model: Model, operations: Sequence[Operation], found: Sequence[int], certain: int
) -> Prefix:
    """Make the most of an order that a method found for the time before things went wrong.

    A method may count on operations in progress without looking at the answers they got later:
    where one does not fit, the order ends. Reads in progress that fit somewhere near the end are
    put there, and whatever can still follow does, so that in the end nothing can. `operations`
    must not be linearizable. The first `certain` operations of the order are known to fit, and
    are not executed one by one where the model can do better. Linear in time and memory.
    """
    outside = bytearray(b"\1") * len(operations)
    for position in found:
        outside[position] = 0
    rest = [
        (ret, op.call, position)
        for position, op in compress(enumerate(operations), outside)
        if (ret := op.ret) is not None
    ]
    calls = [call for _, call, _ in rest] + [operations[p].call for p in found[certain:]]
    back = _returned_from(operations, found, min(calls, default=0))
    certain = max(0, min(certain, len(found) - back))
    order = list(found[:certain])
    first_state = _states_after(model, list(map(operations.__getitem__, order)))
    ending = _Ending(model, operations, order, [_Stretch(first_state)])
    for position in found[certain:]:
        after = next_states(model, ending.states, operations[position])
        if not after:
            break
        ending.append(position, after)
    for position in found[len(order) :]:
        outside[position] = 1
        if (ret := operations[position].ret) is not None:
            rest.append((ret, operations[position].call, position))
    by_call: list[tuple[int, int]] = []
    by_return: list[tuple[int, int, int]] = []
    called = first = 0
    ahead = AHEAD
    while True:
        while first < len(by_return) and not outside[by_return[first][2]]:
            first += 1
        if first == len(by_return):  # at the beginning, and after so many more operations
            rest = [one for one in rest if outside[one[2]]]
            by_return = nsmallest(ahead, rest)
            limit, known = by_return[-1][0], set(ending.nexts)
            by_call = sorted(
                [(call, p) for _, call, p in rest if call <= limit and p not in known]
            )
            called = first = 0
            ahead *= AHEAD
        horizon = by_return[first][0]
        while called < len(by_call) and by_call[called][0] <= horizon:
            ending.nexts.append(by_call[called][1])
            called += 1
        added = ending.extend()
        if added is None:
            return Prefix(order, ending.states[0], ending.nexts)
        outside[added] = 0


def _returned_from(operations: Sequence[Operation], order: Sequence[int], stamp: int) -> int:
    """How many operations at the end of an order had not returned before a stamp."""
    most, back = min(len(order), REMEMBERED), 0
    while back < most:
        ret = operations[order[-1 - back]].ret
        if ret is not None and ret < stamp:
            break
        back += 1
    return back


def _states_after(model: Model, operations: Sequence[Operation]) -> list[State]:
    """The states that operations known to be legal may end in, without those in between."""
    if model.fold is not None:
        return [model.fold(operations)]
    if model.nondeterministic:
        return last_states(model, operations)
    [state] = model.first_states()
    step = model.step
    for op in operations:
        _, state = step(state, op.input, OPEN if op.ret is None else op.output)
    return [state]


@dataclass(slots=True)
class _Stretch:
    """Moments in a row, after one operation each, between which the object did not change."""

    states: list[State]
    count: int = 1
    first_return: float = math.inf
    """No later than the return of each of these operations."""


@dataclass(slots=True)
class _Ending:
    """The end of an order, and the operations that may be next."""

    model: Model
    operations: Sequence[Operation]
    order: list[int]
    stretches: list[_Stretch]
    moments: int = 1
    """How many of the last moments are remembered: those of all stretches."""
    nexts: list[int] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    """How many operations had been added when the last of them changed the state."""
    tried: dict[int, int] = field(default_factory=dict)
    """For each read that fits nowhere, how many operations had been added when that was found."""
    writes: dict[int, int] = field(default_factory=dict)
    """The same for what is no read and cannot be last, by `changed`; -1 if that is not known."""

    @property
    def states(self) -> list[State]:
        """The states that the object may be in now."""
        return self.stretches[-1].states

    def append(self, position: int, after: list[State]) -> None:
        """Put an operation at the end of the order."""
        last = self.stretches[-1]
        if self.model.nondeterministic or after[0] is not last.states[0]:
            last = _Stretch(after, 0)
            self.stretches.append(last)
        self._enter(last, position)
        self.order.append(position)

    def _enter(self, stretch: _Stretch, position: int) -> None:
        ret = self.operations[position].ret
        if ret is not None and ret < stretch.first_return:
            stretch.first_return = ret
        stretch.count += 1
        self.moments += 1
        if self.moments > REMEMBERED:
            self.moments -= 1
            self.stretches[0].count -= 1
            if not self.stretches[0].count:
                del self.stretches[0]

    def extend(self) -> int | None:
        """Put one of the operations that may be next into the order, if one fits."""
        tried, writes, changed = self.tried, self.writes, self.changed
        for position in self.nexts:
            if position in writes or tried.get(position, -1) >= changed:
                continue
            place = self._place(position)
            if place is not None:
                back, stretch = place
                self.order.insert(len(self.order) - back, position)
                self._enter(stretch, position)
                return self._put(position)
        for position in self.nexts:
            if position in tried or writes[position] == changed:
                continue
            after = next_states(self.model, self.states, self.operations[position])
            if after:
                if after[0] is not self.states[0]:
                    self.changed = self.added + 1
                self.append(position, after)
                return self._put(position)
            if not self.model.nondeterministic:  # there a read may change the states, too
                writes[position] = changed
        return None

    def _put(self, position: int) -> int:
        self.nexts.remove(position)
        self.added += 1
        return position

    def _place(self, position: int) -> tuple[int, _Stretch] | None:
        """Behind how many operations of the order a read in progress can be put, and where it is.

        None if nowhere, or if it is no read. A read of a nondeterministic object may rule out some
        of its states, so it is no mere guest.
        """
        model, op, order = self.model, self.operations[position], self.order
        most = self.moments - 1
        if position in self.tried:  # only what came after that is new
            most = min(most, self.added - self.tried[position] - 1)
        elif model.nondeterministic or not model.read_only(op.input, op.output):
            self.writes[position] = -1
            return None
        found: tuple[int, _Stretch] | None = None
        call, back = op.call, 0  # how many operations stay behind it
        for stretch in reversed(self.stretches):
            fits, beyond = model.outcomes(stretch.states[0], op), back + stretch.count
            if stretch.first_return < call:
                while back < beyond and back < most:
                    ret = self.operations[order[-1 - back]].ret
                    if ret is not None and ret < call:
                        break
                    back += 1
            else:
                back = min(beyond, most)
            if fits:
                found = min(back, beyond - 1), stretch
            if back < beyond:
                break
        if found is None:
            self.tried[position] = self.added
        return found


def prefix_by_cuts(
    model: Model,
    operations: Sequence[Operation],
    core: Core,
    *,
    proves: bool = True,
    stuck: int | None = None,
) -> tuple[list[int], int]:
    """An order, as positions, of the longest stretch of time for which one is found.

    With it, how many of its first operations certainly fit: all before the first in progress.

    A *cut* after k returns keeps those k operations and makes those in progress open, without
    their answers. It is illegal once every operation of the core has returned. From there this
    tries the cuts before each return of the core, then walks back in growing steps and bisects,
    until the operations of all cuts together are a few times the history. Where the model's method
    `proves` nothing, it is not asked. Where a search got `stuck` at a return, that says more than
    a core that may be large.
    """
    calls, returns = list(map(_call_of, operations)), list(map(_ret_of, operations))
    stamps = sorted([ret for ret in returns if ret is not None])
    work = 2 * len(operations) + REFINED

    def order_of(count: int) -> tuple[list[int], int] | None:
        nonlocal work
        stamp = stamps[count - 1]
        positions, in_progress = list[int](), dict[int, Operation]()
        for position, (call, ret) in enumerate(zip(calls, returns, strict=True)):
            if ret is not None and ret <= stamp:
                positions.append(position)
            elif call <= stamp and (kept := _cut(model, operations[position], stamp)) is not None:
                in_progress[len(positions)] = kept
                positions.append(position)
        history = list(map(operations.__getitem__, positions))
        for index, op in in_progress.items():
            history[index] = op
        work -= len(history)
        found = _order(model, history, proves=proves)
        if found is None:
            return None
        order = [positions[index] for index in found]
        certain = (number for number, index in enumerate(found) if index in in_progress)
        return order, next(certain, len(order))

    ends = sorted({op.ret for op in core.operations if op.ret is not None})
    illegal = bisect_right(stamps, ends[-1])
    if stuck is not None:
        ends = sorted({ends[0], stuck})
    elif core.alone:
        possible = _possible(model, core, stamps, ends)
        if possible < len(ends) - 1:
            illegal = max(bisect_left(stamps, ends[possible + 1]), 1)
        del ends[possible + 1 :]
    legal, best, certain, step = 0, list[int](), 0, 1
    # Once there is an order, a longer one is looked for only where that costs little, or spares
    # many steps between states that are dear to copy.
    while illegal - legal > 1 and (
        work > (2 * len(operations) if legal else 0)
        or _is_dear(model, operations, best, illegal - legal)
    ):
        middle = max(illegal - step, legal + 1)
        if ends:
            middle = min(max(bisect_left(stamps, ends.pop()), legal + 1), illegal - 1)
        found = order_of(middle)
        if found is None:
            illegal = middle
        else:
            legal, (best, certain), ends = middle, found, []
        step = step * 8 if legal == 0 else (illegal - legal) // 2
    return best, certain


def _is_dear(
    model: Model, operations: Sequence[Operation], order: Sequence[int], steps: int
) -> bool:
    """Whether so many steps after an order take longer than to look for a longer order."""
    most = COPIED * len(operations)
    if model.fold is None or steps * (len(order) + 2) <= most:  # no operation adds two elements
        return False
    state = model.fold([operations[position] for position in order])
    return isinstance(state, tuple | frozenset) and steps * len(state) > most


def _possible(model: Model, core: Core, stamps: Sequence[int], ends: Sequence[int]) -> int:
    """The last of the ends before which a core, cut there, is possible by itself.

    What is illegal at one cut is so at all later ones, so it is bisected: a core may be large.
    """
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        stamp = stamps[max(bisect_left(stamps, ends[middle]), 1) - 1]
        if _fits_alone(model, core, stamp):
            low = middle
        else:
            high = middle - 1
    return low


def _cut(model: Model, op: Operation, stamp: int) -> Operation | None:
    """What a cut leaves of an operation; None for nothing."""
    if op.call > stamp:
        return None
    if op.ret is not None and op.ret > stamp:
        if model.read_only(op.input, op.output):
            return None
        return Operation(op.client, op.input, None, op.call, None)
    return op


def _fits_alone(model: Model, core: Core, stamp: int) -> bool:
    """Whether the core, cut at a stamp, is possible: if it is not, the whole is not either."""
    cut = [_cut(model, op, stamp) for op in core.operations]
    return _order(model, [op for op in cut if op is not None]) is not None


def _order(model: Model, history: list[Operation], *, proves: bool = True) -> list[int] | None:
    """A linearization of one partition, if it has one that is found within a small budget.

    Without some of its reads a partition may fall into several.
    """
    method = model.method if proves else None
    cases = [Case(None, history)] if method is None else method(history)
    if len(cases) == 1 and len(cases[0].operations) == len(history):
        return _order_of(model, cases[0])
    index = {id(op): position for position, op in enumerate(history)}
    merged: list[tuple[int, int, int, int]] = []
    for number, case in enumerate(cases):
        order = _order_of(model, case)
        if order is None:
            return None
        instant: int | None = None
        for place, position in enumerate(order):
            op = case.operations[position]
            instant = op.call if instant is None else max(instant, op.call)
            merged.append((instant, number, place, index[id(op)]))
    merged.sort()
    return [entry[-1] for entry in merged]


def _order_of(model: Model, case: Case) -> list[int] | None:
    decision = case.decide() if case.decide is not None else None
    if isinstance(decision, Proof | Conflict):
        return decision.order() if isinstance(decision, Proof) else None
    search = case.search() if case.search else GenericSearch(model, case.operations)
    search.advance(max(CUT_CONFIGURATIONS, 2 * len(case.operations)))
    found = search.decision() if search.linearizable else None
    return found.order() if isinstance(found, Proof) else None
