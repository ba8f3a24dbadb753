"""The checker that trusts nothing but a model's `step`, and what verdicts must stand up to."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.explanation.relax import relax, relaxed
from linearizability.model import State, replay

WHOLE = {"mutex", "queue", "stack", "priority-queue", "set"}


def brute_force(model: Model, history: Sequence[Operation]) -> bool:
    """Whether any order works, by trying them all: for up to eight operations or so.

    The model's partitions are ignored, its special method and read-only declarations too. What
    led nowhere once, the same operations left in the same state, is not tried again.
    """
    dead: set[tuple[frozenset[int], Hashable]] = set()

    def extend(state: State, rest: frozenset[int]) -> bool:
        returns = [ret for i in rest if (ret := settled[i].ret) is not None]
        if not returns:
            return True
        if (rest, model.key(state)) in dead:
            return False
        horizon = min(returns)
        found = any(
            extend(after, rest - {i})
            for i in rest
            if settled[i].call <= horizon
            for after in model.outcomes(state, settled[i])
        )
        if not found:
            dead.add((rest, model.key(state)))
        return found

    settled = model.settle(list(history))
    return any(extend(state, frozenset(range(len(settled)))) for state in model.first_states())


def compare(model: Model, history: Sequence[Operation], truth: bool | None = None) -> str:
    """Check one key against brute force, verify all that the verdict carries; its name.

    `truth` is what brute force says, where it was asked already.
    """
    history = model.settle(list(history))
    verdict = check(model, history)
    assert isinstance(verdict, Ok | Illegal)
    assert bool(verdict) is (brute_force(model, history) if truth is None else truth)
    if isinstance(verdict, Ok):
        assert_witness(model, history, verdict.witness())
        return "Ok"
    [refuted] = verdict.partitions
    assert refuted.why
    assert refuted.missing
    assert refuted.candidates
    assert_prefix(model, refuted.operations, refuted.prefix)
    assert_core(model, refuted.operations, refuted.core)
    return "Illegal"


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


def assert_core(model: Model, history: Sequence[Operation], core: Sequence[Operation]) -> None:
    """Whatever all other operations did, these are wrong: relaxing the others helps nothing.

    A lock's core speaks of whole holdings, that of a collection of whole lives of values: they are
    wrong alone, and with all that is open, since an open removal may have taken anything.
    """
    assert list(core) == sorted(core, key=lambda op: op.call)
    keep = positions(history, core)
    assert len(keep) == len(core)
    if brute_force(relaxed(model), relax(model, history, keep)):
        assert model.name in WHOLE
        assert not brute_force(model, core)
        some = [op for i, op in enumerate(history) if i in keep or op.ret is None]
        assert model.name == "mutex" or not brute_force(model, some)


def positions(history: Sequence[Operation], some: Sequence[Operation]) -> list[int]:
    """Where some operations of a history stand in it."""
    return [i for i, op in enumerate(history) if any(op is other for other in some)]
