"""The checker that trusts nothing but a model's `step`, and what a witness must be."""

from __future__ import annotations

from collections.abc import Sequence

from linearizability import Model, Operation
from linearizability.model import State, replay


def brute_force(model: Model, history: Sequence[Operation]) -> bool:
    """Whether any order works, by trying them all: for up to eight operations or so.

    The model's partitions are ignored, its read-only declarations too.
    """

    def extend(state: State, rest: list[Operation]) -> bool:
        returns = [op.ret for op in rest if op.ret is not None]
        if not returns:
            return True
        horizon = min(returns)
        return any(
            extend(after, rest[:i] + rest[i + 1 :])
            for i, op in enumerate(rest)
            if op.call <= horizon
            for after in model.outcomes(state, op)
        )

    return any(extend(state, list(history)) for state in model.first_states())


def assert_witness(model: Model, history: Sequence[Operation], order: Sequence[Operation]) -> None:
    """The order is legal, respects real time, and holds each returned operation exactly once."""
    assert replay(model, order) is not None
    assert_real_time(order)
    used = [sum(op is other for other in order) for op in history]
    for op, times in zip(history, used, strict=True):
        assert times == 1 or (times == 0 and op.ret is None), op
    assert sum(used) == len(order)


def assert_real_time(order: Sequence[Operation]) -> None:
    """No operation stands after one that was called after it had returned."""
    latest = None
    for op in order:
        latest = op.call if latest is None else max(latest, op.call)
        assert op.ret is None or op.ret >= latest, (op, latest)


def assert_prefix(model: Model, history: Sequence[Operation], order: Sequence[Operation]) -> None:
    """Legal so far, in real time, and nothing that had to come first is missing."""
    assert replay(model, order) is not None
    assert_real_time(order)
    left = [op for op in history if not any(op is other for other in order)]
    horizon = min(op.ret for op in left if op.ret is not None)
    assert all(op.call <= horizon for op in order)
