"""`check` from outside: verdicts, budgets, partitions, events."""

import dataclasses
import gc
import pickle
from typing import Any

import pytest

from linearizability import (
    OPEN,
    Annotation,
    Event,
    Illegal,
    Model,
    Ok,
    Operation,
    Unknown,
    check,
    from_events,
    power_set,
)
from linearizability.models import Get, Put, kv
from tests.linearizability.oracle import assert_witness


def write(value: int, call: int, ret: int | None, key: str = "x") -> Operation:
    return Operation(0, ("write", key, value), None, call, ret)


def read(value: int, call: int, ret: int | None, key: str = "x") -> Operation:
    return Operation(1, ("read", key), value, call, ret)


def step(state: int, input: Any, output: Any) -> tuple[bool, int]:
    if input[0] == "read":
        return output is OPEN or output == state, state
    return True, input[2]


def is_read(input: Any, output: Any) -> bool:
    return bool(input[0] == "read")


REGISTER = Model("register", lambda: 0, step, partition=lambda input: input[1], read_only=is_read)
PLAIN = Model("register", lambda: 0, step)
POISON = [write(i, 0, 1000 + i) for i in range(60)] + [read(-1, 2000, 2001)]


@pytest.mark.parametrize("model", [REGISTER, PLAIN])
def test_a_value_nobody_wrote_is_illegal(model: Model) -> None:
    verdict = check(model, [write(1, 0, 1), read(9, 2, 3)])
    assert isinstance(verdict, Illegal)
    assert not verdict


def test_no_operations_are_linearizable() -> None:
    verdict = check(REGISTER, [])
    assert verdict == Ok(REGISTER, ())
    assert verdict
    assert verdict.witness() == []


def test_intervals_are_closed() -> None:
    assert check(REGISTER, [write(1, 0, 5), read(0, 5, 6)])
    assert not check(REGISTER, [write(1, 0, 5), read(0, 6, 7)])


def test_an_operation_may_take_no_time() -> None:
    assert check(REGISTER, [write(1, 3, 3), read(1, 3, 3), read(0, 3, 3)])


def test_an_open_operation_may_or_may_not_have_happened() -> None:
    for seen in ([0, 0], [0, 1], [1, 1]):
        reads = [read(value, 10 * i, 10 * i + 1) for i, value in enumerate(seen, 1)]
        assert check(REGISTER, [write(1, 0, None), *reads])
    assert not check(REGISTER, [write(1, 0, None), read(1, 10, 11), read(0, 20, 21)])


def test_a_witness_orders_the_whole_history() -> None:
    history = [
        write(1, 0, 9, "a"),
        read(0, 4, 5, "b"),
        write(2, 6, None, "b"),
        read(2, 7, 8, "b"),
        read(1, 1, 2, "a"),
    ]
    verdict = check(REGISTER, history)
    assert isinstance(verdict, Ok)
    order = verdict.witness()
    assert [op.input[1] for op in order] == ["a", "a", "b", "b", "b"]
    for partition in verdict.partitions:
        assert_witness(REGISTER, partition.operations, partition.witness())
        assert [step.state for step in partition.steps()][-1] == (1 if partition.key == "a" else 2)


def test_one_illegal_partition_makes_the_whole_illegal_even_if_others_are_undecided() -> None:
    bad = [write(1, 0, 1, "z"), read(0, 2, 3, "z")]
    verdict = check(REGISTER, [*POISON, *bad], budget=300)
    assert isinstance(verdict, Illegal)
    assert [partition.key for partition in verdict.partitions] == ["z"]
    assert [partition.key for partition in verdict.undecided] == ["x"]


def test_all_partitions_on_request_in_the_order_of_their_keys() -> None:
    bad = [op for key in "cab" for op in (write(1, 0, 1, key), read(0, 2, 3, key))]
    first = check(REGISTER, bad)
    every = check(REGISTER, bad, all_partitions=True)
    assert isinstance(first, Illegal)
    assert isinstance(every, Illegal)
    assert [p.key for p in first.partitions] == ["a"]
    assert [p.key for p in first.undecided] == ["b", "c"]
    assert [p.key for p in every.partitions] == ["a", "b", "c"]


def test_the_prefix_is_the_longest_not_the_first_that_comes_to_mind() -> None:
    """In call order 2 would overwrite 1 and the read of 1 would be stuck already."""
    history = [write(1, 0, 9), write(2, 1, 9), read(1, 10, 11), read(7, 12, 13)]
    for model in (REGISTER, PLAIN):
        verdict = check(model, history)
        assert isinstance(verdict, Illegal)
        assert verdict.headline.prefix == (history[1], history[0], history[2])
        assert [candidate.operation for candidate in verdict.headline.candidates] == history[3:]


def test_keys_of_several_types_have_an_order() -> None:
    history = [write(1, 0, 1, key) for key in ("b", 2, "a", 1)]  # type: ignore[arg-type]
    verdict = check(REGISTER, history)
    assert isinstance(verdict, Ok)
    assert [p.key for p in verdict.partitions] == [1, 2, "a", "b"]


def test_a_poison_history_ends_by_budget_as_unknown() -> None:
    """A budget is a count, so what is known at its end is the same on every machine."""
    verdict = check(REGISTER, POISON, budget=5_000)
    assert isinstance(verdict, Unknown)
    assert not verdict
    assert verdict.undecided[0].configurations == 5_000
    assert "budget of 5000" in str(verdict)
    assert str(verdict) == str(check(REGISTER, POISON, budget=5_000))


@pytest.mark.parametrize("budget", [0, 1])
def test_a_budget_too_small_is_unknown(budget: int) -> None:
    verdict = check(REGISTER, [write(1, 0, 1), write(2, 2, 3), write(3, 4, 5)], budget=budget)
    assert isinstance(verdict, Unknown)
    assert verdict.undecided[0].returns_left == 3


def test_a_larger_budget_never_decides_less() -> None:
    history = [write(1, 0, 9), write(2, 0, 9), write(3, 0, 9), read(1, 10, 11), read(2, 12, 13)]
    verdicts = [type(check(REGISTER, history, budget=budget)) for budget in range(99)]
    assert verdicts == sorted(verdicts, key=lambda kind: kind is Illegal)
    assert {Unknown, Illegal} == set(verdicts)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="returns before it is called"):
        check(REGISTER, [write(1, 5, 4)])
    with pytest.raises(ValueError, match="not -1"):
        check(REGISTER, [], budget=-1)
    wrong = dataclasses.replace(REGISTER, read_only=lambda input, output: True)
    with pytest.raises(ValueError, match=r"declares .* read-only, but it changes the state 0"):
        check(wrong, [write(1, 0, 1)])


def broken(**functions: Any) -> Model:
    return dataclasses.replace(PLAIN, **{"name": "mine", **functions})


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (
            {"step": lambda s, i, o: None},
            r"model 'mine': step returned None: expected \(legal, next state\)",
        ),
        (
            {"step": lambda s, i, o: True},
            r"model 'mine': step returned True: expected \(legal, next state\)",
        ),
        (
            {"step": lambda s, i, o: None, "init": lambda: [0], "nondeterministic": True},
            r"model 'mine': step returned None: expected all next states",
        ),
        (
            {"step": lambda s, i, o: (True, [1])},
            r"model 'mine': a state cannot be told from others",
        ),
        ({"init": dict}, r"model 'mine': a state cannot be told from others"),
    ],
)
def test_a_model_that_does_not_keep_its_word_is_named(
    model: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        check(broken(**model), [write(1, 0, 1), read(1, 2, 3)])


def test_a_state_that_is_changed_in_place_is_noticed() -> None:
    def careless(state: list[int], input: Any, output: Any) -> tuple[bool, list[int]]:
        state.append(1)
        return True, state

    with pytest.raises(ValueError, match="'mine': step changed its state in place when it did"):
        check(broken(init=list, step=careless, key=tuple), [write(1, 0, 1), write(2, 2, 3)])


def test_a_function_that_is_none_is_named() -> None:
    with pytest.raises(TypeError, match="model 'mine': init is 0: expected a function"):
        broken(init=0)


@pytest.mark.parametrize("stamp", [1.0, float("nan"), "1"])
def test_stamps_that_are_no_integers_are_named(stamp: Any) -> None:
    with pytest.raises(TypeError, match=r"call of .* expected an integer"):
        check(REGISTER, [write(1, stamp, None)])
    with pytest.raises(TypeError, match=r"ret of .* expected an integer, or None if it is open"):
        check(kv, [Operation(0, Get("x"), ("", 0, "ErrNoKey"), 0, stamp)])


def test_a_history_of_something_else_is_named() -> None:
    with pytest.raises(TypeError, match=r"call of .* is None: expected an integer"):
        check(REGISTER, [write(1, None, 3)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="entry 1 of the history is 7: expected an Operation"):
        check(REGISTER, [write(1, 0, 1), 7])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="event 0 is of kind 'invoke': expected 'call' or"):
        from_events([Event(0, "invoke", None, 0)])  # type: ignore[arg-type]


def test_the_collector_is_as_it_was() -> None:
    assert gc.isenabled()
    check(REGISTER, POISON, budget=10)
    assert gc.isenabled()
    gc.disable()
    try:
        check(REGISTER, [])
        assert not gc.isenabled()
    finally:
        gc.enable()


EVENTS = [
    Event(0, "call", ("write", "x", 1), 0),
    Event(1, "call", ("read", "x"), 1, "first"),
    Event(1, "return", 1, 1, "second"),
    Event(1, "call", ("read", "x"), 1, "kept"),
    Event(1, "return", 0, 1),
]


def test_events_are_stamped_by_their_position() -> None:
    write, first, second = from_events(EVENTS)
    assert (write.call, write.ret) == (0, None)
    assert (first.call, first.ret, first.metadata) == (1, 2, "second")
    assert (second.call, second.ret, second.metadata) == (3, 4, "kept")


def test_a_history_of_events_is_checked_as_one_of_operations() -> None:
    assert isinstance(check(REGISTER, EVENTS), Illegal)
    assert isinstance(check(REGISTER, EVENTS[:3]), Ok)


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([EVENTS[2]], "event 0 returns id 1, which is not in progress"),
        ([EVENTS[1], EVENTS[3]], "event 1 calls id 1 again before it returned"),
    ],
)
def test_events_that_do_not_pair_are_refused(events: list[Event], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_events(events)


def test_metadata_and_annotations_travel() -> None:
    crash = Annotation("server crashed", 3, tag="server")
    history = [
        Operation(0, Put("x", "a", 0), "OK", 1, 2, metadata={"rpc": 7}),
        Operation(1, Get("x"), ("", 0, "ErrNoKey"), 3, 4),
    ]
    verdict = check(kv, history, annotations=[crash])
    assert isinstance(verdict, Illegal)
    assert verdict.annotations == (crash,)
    assert verdict.headline.core[0].metadata == {"rpc": 7}


def test_verdicts_cross_process_borders() -> None:
    history = [
        Operation(0, Put("x", "a", 0), "OK", 1, 2),
        Operation(1, Get("x"), ("", 0, "ErrNoKey"), 3, 4),
    ]
    verdict = pickle.loads(pickle.dumps(check(kv, history)))
    assert isinstance(verdict, Illegal)
    assert verdict.headline.core == tuple(history)
    verdict = pickle.loads(pickle.dumps(check(kv, history[:1])))
    assert isinstance(verdict, Ok)
    assert verdict.witness() == history[:1]


def put_any(states: int, input: Any, output: Any) -> list[int]:
    """A register whose write may store any of several values."""
    if input[0] == "read":
        return [states] if output is OPEN or output == states else []
    return list(input[2])


PUT_ANY = Model("put any", lambda: [0], put_any, nondeterministic=True, read_only=is_read)


@pytest.mark.parametrize("seen", [[1], [2], [3], [1, 1], [1, 2]])
def test_a_nondeterministic_model(seen: list[int]) -> None:
    history = [Operation(0, ("write", "x", (1, 2)), None, 0, 1)]
    history += [read(value, 2 + 2 * i, 3 + 2 * i) for i, value in enumerate(seen)]
    legal = len(set(seen)) == 1 and seen[0] < 3
    for model in (PUT_ANY, power_set(PUT_ANY)):
        assert bool(check(model, history)) is legal
    verdict = check(PUT_ANY, history)
    if isinstance(verdict, Ok):
        assert {step.state for step in verdict.partitions[0].steps()} == {seen[0]}
