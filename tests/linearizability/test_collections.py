"""Long histories of collections, planted faults, and what they say in their own words."""

import dataclasses
import random
from typing import Any

import pytest

from bench.histories import stored
from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.models import (
    Add,
    Contains,
    DeleteMin,
    Dequeue,
    Enqueue,
    Insert,
    Pop,
    Push,
    Read,
    Remove,
    priority_queue,
    queue,
    set_,
    stack,
)
from tests.linearizability.oracle import assert_prefix, assert_real_time, assert_witness

STORES = {"queue": queue, "stack": stack, "priority-queue": priority_queue}


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("clients", [2, 10, 50])
def test_a_long_history_is_decided_without_search(name: str, clients: int) -> None:
    history = stored(name, 2_000, clients)
    verdict = check(STORES[name], history)
    assert isinstance(verdict, Ok)
    assert verdict.configurations == 0
    assert_witness(STORES[name], history, verdict.witness())


@pytest.mark.parametrize("name", STORES)
def test_removals_of_crashed_clients_are_given_to_values(name: str) -> None:
    for seed in range(6):
        history = stored(name, 1_000, 5, seed=seed, crashes=8)
        assert any(len(op.input) == 1 and op.ret is None for op in history) or seed
        verdict = check(STORES[name], history, budget=0)
        assert isinstance(verdict, Ok)
        assert_witness(STORES[name], history, verdict.witness())


@pytest.mark.parametrize("name", STORES)
def test_two_answers_that_were_swapped_are_found(name: str) -> None:
    for seed in range(6):
        history = sorted(stored(name, 2_000, 10, seed=seed), key=lambda op: op.call)
        removals = [op for op in history[1_000:] if len(op.input) == 1 and op.output is not None]
        removals = [op for op in removals if op.ret is not None]
        one = removals[0]
        other = next(op for op in removals if op.call > (one.ret or 0) + 200)
        one.output, other.output = other.output, one.output
        verdict = check(STORES[name], history)
        assert isinstance(verdict, Illegal)
        assert verdict.headline.configurations == 0
        assert 1 <= len(verdict.headline.core) <= 4
        assert len(verdict.headline.prefix) > 900
        assert_prefix(STORES[name], history, verdict.headline.prefix)


def nested(count: int, rng: random.Random) -> list[Operation]:
    """One stack that is filled and emptied by one client, in runs: deep nesting, no overlap."""
    history: list[Operation] = []
    held: list[int] = []
    stamp = 0
    for number in range(count):
        stamp += 2
        if held and rng.random() < (number / count):
            history.append(Operation(0, Pop("s"), held.pop(), stamp, stamp + 1))
        else:
            held.append(number)
            history.append(Operation(0, Push("s", number), None, stamp, stamp + 1))
    return history


def test_a_deep_stack() -> None:
    history = nested(3_000, random.Random(1))
    verdict = check(stack, history)
    assert isinstance(verdict, Ok)
    assert_real_time(verdict.witness())
    pops = [op for op in history if isinstance(op.input, Pop)]
    pops[100].output, pops[101].output = pops[101].output, pops[100].output
    verdict = check(stack, history)
    assert isinstance(verdict, Illegal)
    assert len(verdict.headline.core) <= 4


def op(input: Any, output: Any, call: int, ret: int | None) -> Operation:
    return Operation(0, input, output, call, ret)


SENTENCES: list[tuple[Model, list[Operation], str]] = [
    (
        queue,
        [
            op(Enqueue("q", 1), None, 0, 1),
            op(Enqueue("q", 2), None, 2, 3),
            op(Dequeue("q"), 2, 4, 5),
            op(Dequeue("q"), 1, 6, 7),
        ],
        """2 overtook 1 in the queue: c0's Enqueue of 1 had returned (at 1) before c0's Enqueue of
        2 began (at 2), but c0's Dequeue of 2 had returned (at 5) and c0's Dequeue of 1 began only
        at 6.""",
    ),
    (
        queue,
        [
            op(Enqueue("q", 1), None, 0, 1),
            op(Enqueue("q", 2), None, 2, 3),
            op(Dequeue("q"), 2, 4, 5),
        ],
        """2 overtook 1 in the queue: c0's Enqueue of 1 had returned (at 1) before c0's Enqueue of
        2 began (at 2), but c0's Dequeue of 2 had returned (at 5) and 1 never left.""",
    ),
    (
        queue,
        [
            op(Enqueue("q", 1), None, 0, 1),
            op(Enqueue("q", 2), None, 0, 1),
            op(Enqueue("q", 3), None, 2, 3),
            op(Dequeue("q"), None, 2, None),
            op(Dequeue("q"), 3, 4, 5),
        ],
        """2 values that nobody is known to have taken (1, 2) had to leave the queue in time, but
        only one removal may have taken any.""",
    ),
    (
        stack,
        [
            op(Push("s", 1), None, 0, 1),
            op(Push("s", 2), None, 2, 3),
            op(Push("s", 3), None, 2, 3),
            op(Pop("s"), None, 2, None),
            op(Pop("s"), 1, 4, 5),
        ],
        """2 values that nobody is known to have taken (2, 3) had to leave the stack in time, but
        only one removal may have taken any.""",
    ),
    (
        priority_queue,
        [
            op(Insert("p", 1), None, 0, 1),
            op(Insert("p", 2), None, 0, 1),
            op(Insert("p", 3), None, 0, 1),
            op(DeleteMin("p"), None, 2, None),
            op(DeleteMin("p"), 3, 4, 5),
        ],
        """2 values that nobody is known to have taken (1, 2) had to leave the priority queue in
        time, but only one removal may have taken any.""",
    ),
    (
        queue,
        [op(Enqueue("q", 1), None, 0, 1), op(Dequeue("q"), None, 2, 3), op(Dequeue("q"), 1, 4, 5)],
        """c0's Dequeue found the queue empty (from 2 to 3), but 1 was in the queue from 1 (c0's
        Enqueue returned) to 4 (c0's Dequeue began).""",
    ),
    (
        queue,
        [op(Enqueue("q", 1), None, 0, 1), op(Dequeue("q"), 1, 2, 3), op(Dequeue("q"), 1, 2, 3)],
        "1 left the queue twice, but it was put in once.",
    ),
    (
        queue,
        [op(Enqueue("q", 1), None, 5, 6), op(Dequeue("q"), 1, 2, 3)],
        "c0's Dequeue returned 1 at 3, but its only Enqueue, by c0, began at 5.",
    ),
    (
        queue,
        [op(Dequeue("q"), [1], 2, 3)],
        "c0's Dequeue returned [1], which nobody put into the queue.",
    ),
    (
        queue,
        [op(Enqueue("q", 1), "ErrWrongLeader", 5, 6)],
        "c0's Enqueue was answered 'ErrWrongLeader'.",
    ),
    (
        stack,
        [
            op(Push("s", 1), None, 0, 1),
            op(Push("s", 2), None, 2, 3),
            op(Pop("s"), 1, 4, 5),
            op(Pop("s"), 2, 6, 7),
        ],
        """1 was popped from under 2: c0's Push of 2 began (at 2) after c0's Push of 1 had returned
        (at 1) and returned (at 3) before c0's Pop of 1 began (at 4), which had returned by 5, and
        c0's Pop of 2 began only after that (at 6).""",
    ),
    (
        stack,
        [
            op(Push("s", 1), None, 0, 10),
            op(Push("s", 2), None, 0, 10),
            op(Push("s", 3), None, 14, 19),
            op(Pop("s"), 1, 20, 21),
            op(Pop("s"), 3, 22, 26),
            op(Pop("s"), 2, 19, 23),
        ],
        """1 was popped from under 3: c0's Push of 3 began (at 14) after c0's Push of 1 had
        returned (at 10) and returned (at 19) before c0's Pop of 1 began (at 20), which had
        returned by 21, and c0's Pop of 3 began only after that (at 22).""",
    ),
    (
        priority_queue,
        [
            op(Insert("p", 1), None, 0, 1),
            op(Insert("p", 2), None, 0, 1),
            op(DeleteMin("p"), 2, 2, 3),
            op(DeleteMin("p"), 1, 4, 5),
        ],
        """c0's DeleteMin took 2 (between 2 and 3), but something less was there: 1 was in the
        priority queue from 1 (c0's Insert returned) to 4 (c0's DeleteMin began).""",
    ),
    (
        set_,
        [op(Add("s", 1), True, 0, 1), op(Contains("s", 1), False, 2, 3)],
        """1 cannot have come and left as it was seen: its only Add, by c0, took from 0 to 1; c0's
        Contains did not see it (2-3); nobody removed it.""",
    ),
    (
        set_,
        [op(Contains("s", 1), True, 2, 3)],
        "c0's Contains saw 1 in the set, but nobody added it.",
    ),
    (
        set_,
        [
            op(Add("s", 1), None, 0, 1),
            op(Remove("s", 1), True, 2, 3),
            op(Remove("s", 1), True, 4, 5),
        ],
        "c0's Remove and c0's Remove both found 1, but it was added once at most.",
    ),
    (
        set_,
        [op(Add("s", 1), None, 0, 1), op(Add("s", 2), None, 0, 1), op(Read("s"), [2], 2, 3)],
        "c0's Add of 1 had returned (at 1) before c0's Read began (at 2), which did not see it.",
    ),
    (
        set_,
        [
            op(Add("s", 1), None, 0, 9),
            op(Add("s", 2), None, 0, 9),
            op(Read("s"), [1], 2, 3),
            op(Read("s"), [2], 4, 5),
        ],
        "c0's Read saw 1 but not 2, c0's Read saw 2 but not 1, and nothing was ever removed.",
    ),
    (
        set_,
        [op(Add("s", 1), None, 0, 9), op(Read("s"), [1], 2, 3), op(Read("s"), [], 4, 5)],
        """c0's Read had returned (at 3) before c0's Read began (at 4), but it saw more, and
        nothing was ever removed.""",
    ),
    (
        set_,
        [op(Add("s", 1), None, 5, 9), op(Read("s"), [1], 2, 3)],
        "c0's Read had returned (at 3) before c0's Add of 1 began (at 5), but it saw 1.",
    ),
    (
        set_,
        [
            op(Add("s", 1), None, 0, 1),
            op(Add("s", 2), None, 3, 9),
            op(Read("s"), [2], 4, 5),
            op(Read("s"), [1, 2], 0, 9),
        ],
        "c0's Add of 1 had returned (at 1) before c0's Read began (at 4), which did not see it.",
    ),
    (
        set_,
        [op(Add("s", 1), None, 0, 9), op(Read("s"), [2], 4, 5)],
        "c0's Read saw 2 in the set, but nobody added it.",
    ),
]


@pytest.mark.parametrize(("model", "history", "text"), SENTENCES)
def test_the_sentence(model: Model, history: list[Operation], text: str) -> None:
    verdict = check(model, history)
    assert isinstance(verdict, Illegal)
    assert verdict.headline.configurations == 0
    assert verdict.headline.why == " ".join(text.split())


def test_values_that_are_repeated_do_not_hide_an_overtaking() -> None:
    """What is wrong without them is wrong with them, and is said in the queue's own words."""
    history = [*SENTENCES[0][1], *(op(Enqueue("q", 9), None, 10 + i, 11 + i) for i in range(2))]
    verdict = check(queue, history)
    assert isinstance(verdict, Illegal)
    assert verdict.headline.why.startswith("2 overtook 1 in the queue")


def test_a_set_is_decided_element_by_element() -> None:
    history = [op(Add("s", n), None, n, n + 50) for n in range(300)]
    history += [op(Remove("s", n), True, n + 60, n + 90) for n in range(300)]
    verdict = check(set_, history)
    assert isinstance(verdict, Ok)
    assert len(verdict.partitions) == 300
    assert str(verdict) == "linearizable: 600 operations, 1 key"
    assert repr(verdict.partitions[7].key) == "'s', element 7"


def test_priorities_that_cannot_be_compared_are_named() -> None:
    history = [op(Insert("p", 1), None, 0, 1), op(Insert("p", "a"), None, 0, 1)]
    for tried in (priority_queue, dataclasses.replace(priority_queue, method=None)):
        with pytest.raises(ValueError, match="expected values that can be ordered"):
            check(tried, [*history, op(DeleteMin("p"), "a", 2, 3)])


def test_removals_that_found_nothing_share_the_takers() -> None:
    """Each empty Dequeue alone could be right; the two open ones can serve all of them."""
    history = [
        op(Enqueue("q", 1), None, 0, 1),
        op(Enqueue("q", 2), None, 10, 11),
        op(Dequeue("q"), None, 2, 5),
        op(Dequeue("q"), None, 12, 15),
        op(Dequeue("q"), None, 4, None),
        op(Dequeue("q"), None, 14, None),
    ]
    assert check(queue, history)
    assert not check(queue, history[:-1])
    late = [*history[:-2], op(Dequeue("q"), None, 6, None), history[-1]]
    assert not check(queue, late)
