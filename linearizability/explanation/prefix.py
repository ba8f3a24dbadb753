"""The longest order that is right so far, and what could have come after it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from linearizability.decision import Case, Conflict, Proof
from linearizability.explanation.relax import GenericSearch
from linearizability.model import Model, State, next_states
from linearizability.operation import Operation

REFINED = 5_000
CUT_CONFIGURATIONS = 20_000
REMEMBERED = 100
"""Of so many last operations of an order the states between them are kept."""


class Prefix(NamedTuple):
    """Positions in their order, a state it may end in, and who could be next but cannot."""

    order: list[int]
    state: State
    nexts: list[int]


def complete(model: Model, operations: Sequence[Operation], found: Sequence[int]) -> Prefix:
    """Make the most of an order that a method found for the time before things went wrong.

    A method may count on operations in progress without looking at the answers they got later:
    where one does not fit, the order ends. Reads in progress that fit somewhere near the end are
    put there, and whatever can still follow does, so that in the end nothing can. `operations`
    must not be linearizable. Linear in time and memory, whatever the states are.
    """
    order: list[int] = []
    # The states it may be in before and after each of the last operations.
    layers: deque[list[State]] = deque([list(model.first_states())])
    for position in found:
        after = next_states(model, layers[-1], operations[position])
        if not after:
            break
        order.append(position)
        layers.append(after)
        if len(layers) > REMEMBERED:
            layers.popleft()
    inside = set(order)
    rest = [
        position
        for position, op in enumerate(operations)
        if position not in inside and op.ret is not None
    ]
    by_call = sorted(rest, key=lambda position: operations[position].call)
    by_return = sorted(rest, key=lambda position: operations[position].ret or 0)
    nexts: list[int] = []
    called = first = 0
    while True:
        while by_return[first] in inside:
            first += 1
        horizon = operations[by_return[first]].ret or 0
        while called < len(by_call) and operations[by_call[called]].call <= horizon:
            nexts.append(by_call[called])
            called += 1
        added = _extend(model, operations, order, layers, nexts)
        if added is None:
            return Prefix(order, layers[-1][0], nexts)
        inside.add(added)
        nexts.remove(added)
        if len(layers) > REMEMBERED:
            layers.popleft()


def _extend(
    model: Model,
    operations: Sequence[Operation],
    order: list[int],
    layers: deque[list[State]],
    nexts: Sequence[int],
) -> int | None:
    """Put one of the operations that may be next into the order, if one fits; its position."""
    for position in nexts:
        index = _place(model, operations, order, layers, position)
        if index is not None:
            back = len(order) - index
            order.insert(index, position)
            layers.insert(len(layers) - 1 - back, layers[-1 - back])
            return position
    for position in nexts:
        after = next_states(model, layers[-1], operations[position])
        if after:
            order.append(position)
            layers.append(after)
            return position
    return None


def _place(
    model: Model,
    operations: Sequence[Operation],
    order: Sequence[int],
    layers: deque[list[State]],
    position: int,
) -> int | None:
    """Where a read in progress can be put into the order; None if nowhere, or if it is no read.

    A read of a nondeterministic object may rule out some of its states, so it is no mere guest.
    """
    op = operations[position]
    if model.nondeterministic or not model.read_only(op.input, op.output):
        return None
    back = 0  # how many operations stay behind it
    while back < len(layers) - 1:
        before = operations[order[-1 - back]].ret
        if before is not None and before < op.call:
            break
        back += 1
    while back >= 0:
        if model.outcomes(layers[-1 - back][0], op):
            return len(order) - back
        back -= 1
    return None


def prefix_by_cuts(
    model: Model, operations: Sequence[Operation], core: Sequence[Operation]
) -> list[int]:
    """An order, as positions, of the longest stretch of time for which one is found.

    A *cut* after k returns keeps those k operations and makes those in progress open, without
    their answers. It is illegal once every operation of the core has returned. From there this
    tries the cuts before each return of the core, then walks back in growing steps and bisects,
    until the operations of all cuts together are a few times the history.
    """
    returned = sorted(
        (op.ret, position) for position, op in enumerate(operations) if op.ret is not None
    )
    work = 2 * len(operations) + REFINED

    def order_of(count: int) -> list[int] | None:
        nonlocal work
        stamp = returned[count - 1][0]
        history, positions = [], []
        for position, op in enumerate(operations):
            if op.call > stamp:
                continue
            if op.ret is not None and op.ret > stamp:
                if model.read_only(op.input, op.output):
                    continue
                op = Operation(op.client, op.input, None, op.call, None)
            history.append(op)
            positions.append(position)
        work -= len(history)
        found = _order(model, history)
        return None if found is None else [positions[index] for index in found]

    stamps = [stamp for stamp, _ in returned]
    ends = sorted({op.ret for op in core if op.ret is not None})
    illegal = bisect_right(stamps, ends[-1])
    legal, best, step = 0, list[int](), 1
    # Once there is an order, a longer one is looked for only where that costs little.
    while illegal - legal > 1 and work > (2 * len(operations) if legal else 0):
        middle = max(illegal - step, legal + 1)
        if ends:
            middle = min(max(bisect_left(stamps, ends.pop()), legal + 1), illegal - 1)
        found = order_of(middle)
        if found is None:
            illegal = middle
        else:
            legal, best, ends = middle, found, []
        step = step * 8 if legal == 0 else (illegal - legal) // 2
    return best


def _order(model: Model, history: list[Operation]) -> list[int] | None:
    """A linearization of one partition, if it has one that is found within a small budget.

    Without some of its reads a partition may fall into several.
    """
    cases = [Case(None, history)] if model.method is None else model.method(history)
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
    if len(cases) > 1:
        merged.sort()
    return [entry[-1] for entry in merged]


def _order_of(model: Model, case: Case) -> list[int] | None:
    decision = case.decide() if case.decide is not None else None
    if isinstance(decision, Proof | Conflict):
        return decision.order() if isinstance(decision, Proof) else None
    search = case.search() if case.search else GenericSearch(model, case.operations)
    search.advance(CUT_CONFIGURATIONS)
    found = search.decision() if search.linearizable else None
    return found.order() if isinstance(found, Proof) else None
