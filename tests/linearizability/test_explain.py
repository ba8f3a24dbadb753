"""The pictures and the limits of the text explanation."""

from dataclasses import replace
from typing import Any

from bench.checker import missing
from linearizability import Illegal, Operation, check
from linearizability.explanation.text import explain, timeline
from linearizability.models import (
    Acquire,
    Add,
    Contains,
    Get,
    Put,
    Read,
    Release,
    Remove,
    Write,
    kv,
    mutex,
    register,
    set_,
)


def test_a_timeline_draws_ties_open_operations_and_instants() -> None:
    history = [
        Operation(0, Acquire("l", 0), None, 10, 40),
        Operation(0, Release("l", 0), None, 40, 70),
        Operation(1, Acquire("l", 1), None, 20, None),
        Operation(2, Acquire("l", 2), False, 70, 70),
    ]
    assert timeline(mutex, history, lambda op: "") == (
        "    |===|      c0  10-40  Acquire('l', c0)\n"
        "        |=|    c0  40-70  Release('l', c0)\n"
        "      |=====>  c1  20-  Acquire('l', c1) -> ?\n"
        "          |    c2  70-70  Acquire('l', c2) -> False"
    )


def test_long_values_and_many_keys_stay_within_eighty_columns() -> None:
    history = []
    for number in range(30):
        key = f"a rather long key {number}"
        history.append(Operation(0, Write(key, "v" * 200), None, 0, 1))
        history.append(Operation(1, Read(key), "w" * 200, 2, 3))
    verdict = check(register, history)
    text = explain(verdict)
    assert max(map(len, text.splitlines())) <= 80
    assert "and 21 more keys" in text
    everything = explain(check(register, history, all_partitions=True))
    assert "Not linearizable either:" in everything
    assert max(map(len, everything.splitlines())) <= 80


def test_a_read_of_what_is_no_set_is_wrong_by_itself() -> None:
    """However many other operations there are, nothing is searched for."""
    history = [Operation(c, Add("s", c), None, 0, 99) for c in range(30)]
    history += [Operation(40, Read("s"), None, 50, 60), Operation(41, Remove("s", 1), None, 0, 99)]
    verdict = check(set_, history)
    assert isinstance(verdict, Illegal)
    assert [op.client for op in verdict.headline.core] == [40]
    assert "c40's Read returned None, which is no set." in explain(verdict)


def test_many_candidates_are_counted() -> None:
    history = [Operation(c, Get("x"), (f"{c}", 1, "OK"), 0, 9) for c in range(20)]
    verdict = check(kv, history)
    assert isinstance(verdict, Illegal)
    assert len(verdict.headline.candidates) == 20
    assert "    and 12 more\n" in explain(verdict)


def test_the_headline_is_the_core_that_was_complete_first() -> None:
    history = [
        Operation(0, Get("a"), ("v", 1, "OK"), 50, 60),
        Operation(0, Get("b"), ("v", 1, "OK"), 10, 20),
        Operation(0, Put("c", "v", 0), "OK", 10, 20),
    ]
    verdict = check(kv, history, all_partitions=True)
    assert isinstance(verdict, Illegal)
    assert verdict.headline.key == "b"
    assert str(verdict).startswith("not linearizable: key 'b': c0's Get returned version 1, but")


def test_a_history_without_keys_is_the_history() -> None:
    import dataclasses

    whole = dataclasses.replace(register, partition=None, method=None)
    verdict = check(whole, [Operation(0, Read("x"), "a", 0, 1)])
    assert explain(verdict).startswith("not linearizable: the history: no order gets past Read(")
    assert str(check(whole, [])) == "linearizable: 0 operations, 0 keys"
    assert str(check(whole, [Operation(0, Read("x"), "", 0, 1)])) == "linearizable: 1 operation"


def test_a_large_state_is_abridged() -> None:
    history = [Operation(0, Add("s", n), None, 2 * n, 2 * n + 1) for n in range(3_000)]
    history.append(Operation(1, Contains("s", 7), False, 9_000, 9_001))
    history.append(Operation(1, Read("s"), list(range(2_000)), 9_002, 9_003))
    text = explain(check(set_, history))
    assert len(text) < 3_000
    assert " more characters)" in text


def test_states_that_are_large_to_copy_are_copied_seldom() -> None:
    """And the method is asked once for the time before the wrong read returned."""
    steps, decided = 0, list[int]()

    def step(state: Any, input: Any, output: Any) -> Any:
        nonlocal steps
        steps += 1
        return set_.step(state, input, output)

    def method(history: Any) -> Any:
        decided.append(len(history))
        return set_.method(history) if set_.method else []

    counting = replace(set_, step=step, method=method)
    (history,) = missing(10_000)
    assert "one of two reads must have seen more" in explain(check(counting, history))
    assert steps < 50
    assert len(decided) == 2
