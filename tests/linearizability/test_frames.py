"""The search through stacks whose values repeat."""

import random
from typing import Any

import pytest

from bench.checker import STORES, repeated
from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.decision import Conflict, Proof
from linearizability.explanation import prefix
from linearizability.methods.frames import FrameSearch
from linearizability.methods.lives import during
from linearizability.methods.pairs import PairSearch
from linearizability.model import replay
from linearizability.models import Dequeue, Enqueue, Pop, Push, queue, stack
from linearizability.search import Search
from tests.linearizability.oracle import assert_prefix, assert_real_time


def recorded(seed: int, count: int, clients: int, values: int) -> list[Operation]:
    """What clients of a stack record that overlap all the time."""
    rng = random.Random(seed)
    free = [rng.randrange(100) for _ in range(clients)]
    plans = []
    for _ in range(count):
        client = min(range(clients), key=free.__getitem__)
        call = free[client]
        ret = call + rng.randrange(100)
        plans.append((rng.randint(call, ret), client, call, ret))
        free[client] = ret + 1
    held: list[int] = []
    history = []
    for _, client, call, ret in sorted(plans):
        if rng.random() < 0.5:
            held.append(rng.randrange(values))
            history.append(Operation(client, Push("s", held[-1]), None, call, ret))
        else:
            output = held.pop() if held else None
            history.append(Operation(client, Pop("s"), output, call, ret))
    return history


def lie(history: list[Operation], values: int) -> None:
    """Let a Pop in the middle return another value."""
    pops = [op for op in history if isinstance(op.input, Pop) and op.output is not None]
    pops[len(pops) // 2].output = (pops[len(pops) // 2].output + 1) % values


def test_it_agrees_with_the_generic_search_where_that_is_feasible() -> None:
    seen = []
    for seed in range(150):
        rng = random.Random(seed)
        history = recorded(seed, 14, 4, 2)
        if seed % 3 and any(op.output is not None for op in history):
            lie(history, 2)
        for op in rng.sample(history, 2):
            op.ret = None if seed % 2 else op.ret
        generic, frames = Search(stack, history), FrameSearch(history)
        generic.advance(100_000)
        frames.advance(100_000)
        assert generic.linearizable is frames.linearizable is not None, seed
        seen.append(frames.linearizable)
        if frames.linearizable:
            decision = frames.decision()
            assert isinstance(decision, Proof)
            order = [history[position] for position in decision.order()]
            assert replay(stack, order) is not None
            assert_real_time(order)
            returned = {id(op) for op in history if op.ret is not None}
            assert returned <= {id(op) for op in order}
    assert 20 < sum(seen) < 130


def test_hundreds_of_operations_with_few_values() -> None:
    history = recorded(1, 250, 5, 4)
    verdict = check(stack, history, budget=60_000)
    assert isinstance(verdict, Ok)
    assert verdict.configurations > 250
    assert replay(stack, verdict.witness()) is not None
    assert_real_time(verdict.witness())
    lie(history, 4)
    verdict = check(stack, history, budget=60_000)
    assert isinstance(verdict, Illegal)
    assert_prefix(stack, history, verdict.headline.prefix)


def test_slices_do_not_change_the_search() -> None:
    history = recorded(5, 60, 4, 2)
    whole, sliced = FrameSearch(history), FrameSearch(history)
    whole.advance(100_000)
    while sliced.linearizable is None:
        sliced.advance(7)
    assert sliced.linearizable is whole.linearizable
    assert sliced.steps == whole.steps


def test_where_it_stands_when_the_budget_ends() -> None:
    search = FrameSearch(recorded(5, 60, 4, 2))
    assert search.returns_left == 60
    search.advance(30)
    assert search.linearizable is None
    assert search.configurations == 30
    assert 0 < search.returns_left < 60
    assert search.operations[search.blocked].ret is not None


def test_only_open_operations() -> None:
    verdict = check(stack, [Operation(c, Push("s", 1), None, 1, None) for c in (0, 1)])
    assert isinstance(verdict, Ok)
    assert verdict.witness() == []


def test_what_is_wrong_in_words() -> None:
    history = [
        Operation(0, Push("s", 1), None, 1, 2),
        Operation(0, Push("s", 2), None, 3, 4),
        Operation(0, Push("s", 2), None, 5, 6),
        Operation(0, Pop("s"), 2, 7, 8),
        Operation(0, Pop("s"), 1, 9, 10),
        Operation(0, Push("s", 9), None, 11, 12),
    ]
    verdict = check(stack, history)
    assert isinstance(verdict, Illegal)
    refuted = verdict.headline
    assert list(refuted.core) == history[:5]
    assert refuted.missing == "no order of the stack fits its Pops"
    assert refuted.why == (
        "There is no order in which 1, 2 can have been pushed such that each Pop took what was"
        " on top."
    )


def test_a_stretch_of_a_legal_history_is_legal_from_some_stack() -> None:
    """Whatever was pushed before it, and whatever happens after it."""
    stretches = 0
    for seed in range(30):
        history = recorded(seed, 14, 4, 2)
        for op in random.Random(seed).sample(history, seed % 4):
            op.ret = None
        for begin in {op.call for op in history}:
            for until in {op.ret for op in history if op.ret is not None and op.ret >= begin}:
                _, known = during(history, begin, until)
                search = FrameSearch(known, anything_below=True)
                search.advance(100_000)
                assert search.linearizable, (seed, begin, until)
                stretches += 1
    assert stretches > 1_000


def test_a_value_that_certainly_lay_below_others() -> None:
    """The fault is found in the few operations before it, however full the stack was."""
    history = [Operation(0, Push("s", n % 5), None, 2 * n, 2 * n + 1) for n in range(400)]
    history += [
        Operation(1, Push("s", 7), None, 1000, 1003),
        Operation(2, Push("s", 7), None, 1001, 1004),
        Operation(1, Pop("s"), 3, 1005, 1008),
        Operation(2, Pop("s"), 7, 1006, 1009),
    ]
    verdict = check(stack, history)
    assert isinstance(verdict, Illegal)
    assert list(verdict.headline.core) == history[-4:]
    assert verdict.headline.minimised
    assert verdict.headline.why == (
        "Whatever the stack held before, there is no order in which 7 can have been pushed such"
        " that each Pop took what was on top."
    )


@pytest.mark.parametrize(("model", "count"), [(queue, 800), (stack, 2_000)])
def test_a_large_core_is_explained_with_few_searches(
    model: Model, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def order(*arguments: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        return find(*arguments, **options)

    find = prefix._order
    monkeypatch.setattr(prefix, "_order", order)
    [history] = repeated(model.name, count)
    verdict = check(model, history)
    assert isinstance(verdict, Illegal)
    refuted = verdict.headline
    assert len(refuted.core) > 30
    assert 0.35 * count < len(refuted.prefix) < 0.65 * count  # the fault is in the middle
    assert_prefix(model, history, refuted.prefix)
    assert asked < 12


@pytest.mark.parametrize("kind", ["queue", "stack"])
def test_a_core_is_of_the_time_around_the_fault(kind: str) -> None:
    """Between instants at which the collection was certainly empty the rest proves nothing."""
    ((history,), model) = repeated(kind, 3_000), STORES[kind]
    verdict = check(model, history)
    assert isinstance(verdict, Illegal)
    refuted = verdict.headline
    assert refuted.minimised
    assert len(refuted.core) < 20
    assert isinstance(check(model, refuted.core), Illegal)


def test_a_stretch_ends_where_nothing_is_in_progress() -> None:
    """What is open from the beginning, or was never taken out, is of every stretch after it."""

    def history(first: list[Operation]) -> list[Operation]:
        later = []
        for n in range(20):
            later += [Operation(0, Enqueue("q", n % 3), None, 8 * n + 8, 8 * n + 9)]
            later += [Operation(1, Dequeue("q"), n % 3, 8 * n + 10, 8 * n + 11)]
        wrong = [Operation(0, Enqueue("q", v), None, 1000 + 2 * v, 1001 + 2 * v) for v in (0, 1)]
        wrong += [Operation(1, Dequeue("q"), v, 1010 - 2 * v, 1011 - 2 * v) for v in (1, 0)]
        return [*first, *later, *wrong]

    def core_of(first: list[Operation]) -> list[Operation]:
        search = PairSearch(history(first))
        search.advance(100_000)
        conflict = search.decision()
        assert isinstance(conflict, Conflict)
        return list(conflict.core().operations)

    assert min(op.call for op in core_of([])) == 1000
    open_one = Operation(0, Enqueue("q", 0), None, 0, None)
    assert len(core_of([open_one])) > 4
