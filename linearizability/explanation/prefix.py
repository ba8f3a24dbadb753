"""The longest order that is right so far, and what could have come after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from linearizability.model import Model, State, next_states
from linearizability.operation import Operation


class Prefix(NamedTuple):
    """Positions in their order, a state it may end in, and who could be next but cannot."""

    order: list[int]
    state: State
    nexts: list[int]


def complete(model: Model, operations: Sequence[Operation], found: Sequence[int]) -> Prefix:
    """Make the most of an order that a method found for the time before things went wrong.

    A method may count on operations in progress without looking at the answers they got later:
    where one does not fit, the order ends. Reads in progress that fit somewhere are put there, and
    whatever can still follow does, so that in the end nothing can. `operations` must not be
    linearizable.
    """
    order: list[int] = []
    layers = [list(model.first_states())]  # the states it may be in after so many operations
    for position in found:
        after = next_states(model, layers[-1], operations[position])
        if not after:
            break
        order.append(position)
        layers.append(after)
    inside = set(order)
    rest = [
        position
        for position in sorted(range(len(operations)), key=lambda p: operations[p].call)
        if position not in inside and operations[position].ret is not None
    ]
    while True:
        horizon = min(operations[position].ret or 0 for position in rest)
        nexts = [position for position in rest if operations[position].call <= horizon]
        for position in nexts:
            index = _place(model, operations, order, layers, position)
            if index is not None:
                order.insert(index, position)
                layers.insert(index, layers[index])
                break
        else:
            for position in nexts:
                after = next_states(model, layers[-1], operations[position])
                if after:
                    order.append(position)
                    layers.append(after)
                    break
            else:
                return Prefix(order, layers[-1][0], nexts)
        rest.remove(position)


def _place(
    model: Model,
    operations: Sequence[Operation],
    order: Sequence[int],
    layers: Sequence[list[State]],
    position: int,
) -> int | None:
    """Where a read in progress can be put into the order; None if nowhere, or if it is no read.

    A read of a nondeterministic object may rule out some of its states, so it is no mere guest.
    """
    op = operations[position]
    if model.nondeterministic or not model.read_only(op.input, op.output):
        return None
    first = len(order)
    while first:
        before = operations[order[first - 1]].ret
        if before is not None and before < op.call:
            break
        first -= 1
    fitting = (i for i in range(first, len(layers)) if model.outcomes(layers[i][0], op))
    return next(fitting, None)
