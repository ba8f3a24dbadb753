"""`counter`, `queue`, `stack`, `priority-queue` and `set`: collections."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import pairwise
from operator import itemgetter
from typing import Any

from linearizability.decision import partition
from linearizability.inputs import (
    Add,
    Contains,
    DeleteMin,
    Dequeue,
    Enqueue,
    Increment,
    Insert,
    Pop,
    Push,
    Read,
    Remove,
    unless_itself,
)
from linearizability.later import Later
from linearizability.model import Model
from linearizability.operation import OPEN, Operation, reply_suffix


def _fits(output: Any, truth: Any) -> bool:
    """Whether a reply that may be left out, or unknown, agrees with the truth."""
    return output is OPEN or output is None or bool(output == truth)


def _wrong_value(input: Any) -> str | None:
    """What removes something has no value, only a key."""
    if len(input) > 1:
        value = input[1]
        if value is None:
            return "a value other than None, which stands for an empty collection"
        return unless_itself((value,))
    return None


def _wrong_element(input: Any) -> str | None:
    return unless_itself(input[1:])


def _wrong_difference(input: Any) -> str | None:
    is_number = isinstance(input, Read) or isinstance(input.by, int | float)
    return None if is_number else "a number"


def _describe(input: Any, output: Any) -> str:
    """As `Enqueue('q', 1)` or `Dequeue('q') -> 1`."""
    arguments = ", ".join(map(repr, input))
    reply = reply_suffix(output)
    if isinstance(input, Dequeue | Pop | DeleteMin) and output is None:
        reply = " -> empty"
    elif isinstance(output, set | frozenset):  # their own text has no fixed order
        reply = f" -> {_describe_set(frozenset(output))}"
    return f"{type(input).__name__}({arguments}){reply}"


def _count(state: int, input: Any, output: Any) -> tuple[bool, int]:
    match input:
        case Read():
            return output is OPEN or bool(output == state), state
        case Increment(_, by):
            return _fits(output, state + by), state + by
    raise TypeError(f"a counter has no operation {input!r}")


def _count_read_only(input: Any, output: Any) -> bool:
    return isinstance(input, Read)


def _count_why_not(state: int, input: Any, output: Any) -> str:
    if isinstance(input, Read):
        return f"cannot read {output!r}, the counter stands at {state}"
    return f"an Increment by {input.by} cannot make {output!r} of {state}"


counter = Model(
    name="counter",
    inputs=(Read, Increment),
    init=int,
    step=_count,
    partition=itemgetter(0),
    read_only=_count_read_only,
    describe_operation=_describe,
    why_not=_count_why_not,
    wrong_input=_wrong_difference,
)


def _line_up(state: tuple[Any, ...], input: Any, output: Any) -> tuple[bool, tuple[Any, ...]]:
    match input:
        case Enqueue(_, value):
            return output is OPEN or output is None, (*state, value)
        case Dequeue():
            if output is OPEN:
                return True, state[1:]
            return bool(output == (state[0] if state else None)), state[1:]
    raise TypeError(f"a queue has no operation {input!r}")


def _queued(operations: Sequence[Operation]) -> tuple[Any, ...]:
    held: deque[Any] = deque()
    for op in operations:
        if isinstance(op.input, Enqueue):
            held.append(op.input.value)
        elif held:
            held.popleft()
    return tuple(held)


def _queue_read_only(input: Any, output: Any) -> bool:
    return isinstance(input, Dequeue) and output is None


def _queue_why_not(state: tuple[Any, ...], input: Any, output: Any) -> str:
    if isinstance(input, Enqueue):
        return f"an Enqueue is never answered {output!r}"
    front = f"{state[0]!r} is at the front" if state else "the queue is empty"
    return f"cannot dequeue {output!r}: {front}"


def _describe_queue(state: tuple[Any, ...]) -> str:
    return repr(list(state)) if state else "empty"


queue = Model(
    name="queue",
    inputs=(Enqueue, Dequeue),
    init=tuple,
    step=_line_up,
    partition=itemgetter(0),
    read_only=_queue_read_only,
    describe_operation=_describe,
    describe_state=_describe_queue,
    why_not=_queue_why_not,
    fold=_queued,
    method=partial(
        partition,
        itemgetter(0),
        Later("linearizability.methods.queue", "decide"),
        search=Later("linearizability.methods.pairs", "PairSearch"),
    ),
    wrong_input=_wrong_value,
)


def _pile(state: tuple[Any, ...], input: Any, output: Any) -> tuple[bool, tuple[Any, ...]]:
    match input:
        case Push(_, value):
            return output is OPEN or output is None, (*state, value)
        case Pop():
            if output is OPEN:
                return True, state[:-1]
            return bool(output == (state[-1] if state else None)), state[:-1]
    raise TypeError(f"a stack has no operation {input!r}")


def _piled(operations: Sequence[Operation]) -> tuple[Any, ...]:
    held: list[Any] = []
    for op in operations:
        if isinstance(op.input, Push):
            held.append(op.input.value)
        elif held:
            held.pop()
    return tuple(held)


def _stack_read_only(input: Any, output: Any) -> bool:
    return isinstance(input, Pop) and output is None


def _stack_why_not(state: tuple[Any, ...], input: Any, output: Any) -> str:
    if isinstance(input, Push):
        return f"a Push is never answered {output!r}"
    top = f"{state[-1]!r} is on top" if state else "the stack is empty"
    return f"cannot pop {output!r}: {top}"


stack = Model(
    name="stack",
    inputs=(Push, Pop),
    init=tuple,
    step=_pile,
    partition=itemgetter(0),
    read_only=_stack_read_only,
    describe_operation=_describe,
    describe_state=_describe_queue,
    why_not=_stack_why_not,
    fold=_piled,
    method=partial(
        partition,
        itemgetter(0),
        Later("linearizability.methods.stack", "decide"),
        search=Later("linearizability.methods.frames", "FrameSearch"),
    ),
    wrong_input=_wrong_value,
)


def no_order(values: Sequence[Any]) -> ValueError:
    """The error for values of a priority queue that cannot all be compared."""
    one, other = next(
        ((one, other) for one, other in pairwise(values) if not _is_comparable(one, other)),
        (values[0], values[-1]),
    )
    return ValueError(
        f"priority-queue: expected values that can be ordered, as all numbers or all strings, got"
        f" {one!r} and {other!r}"
    )


def _is_comparable(one: Any, other: Any) -> bool:
    try:
        return isinstance(one < other, bool)
    except TypeError:
        return False


def _rank(state: tuple[Any, ...], input: Any, output: Any) -> tuple[bool, tuple[Any, ...]]:
    match input:
        case Insert(_, value):
            try:
                index = bisect_right(state, value)
            except TypeError as error:
                raise no_order([*state, value]) from error
            after = (*state[:index], value, *state[index:])
            return output is OPEN or output is None, after
        case DeleteMin():
            if output is OPEN:
                return True, state[1:]
            return bool(output == (state[0] if state else None)), state[1:]
    raise TypeError(f"a priority queue has no operation {input!r}")


def _ranked(operations: Sequence[Operation]) -> tuple[Any, ...]:
    held: list[Any] = []
    for op in operations:
        if isinstance(op.input, Insert):
            heappush(held, op.input.value)
        elif held:
            heappop(held)
    return tuple(sorted(held))


def _rank_read_only(input: Any, output: Any) -> bool:
    return isinstance(input, DeleteMin) and output is None


def _rank_why_not(state: tuple[Any, ...], input: Any, output: Any) -> str:
    if isinstance(input, Insert):
        return f"an Insert is never answered {output!r}"
    least = f"{state[0]!r} is the least" if state else "the priority queue is empty"
    return f"cannot delete {output!r}: {least}"


priority_queue = Model(
    name="priority-queue",
    inputs=(Insert, DeleteMin),
    init=tuple,
    step=_rank,
    partition=itemgetter(0),
    read_only=_rank_read_only,
    describe_operation=_describe,
    describe_state=_describe_queue,
    why_not=_rank_why_not,
    fold=_ranked,
    method=partial(
        partition, itemgetter(0), Later("linearizability.methods.priority_queue", "decide")
    ),
    wrong_input=_wrong_value,
)


def _collect(state: frozenset[Any], input: Any, output: Any) -> tuple[bool, frozenset[Any]]:
    match input:
        case Add(_, value):
            return _fits(output, value not in state), state | {value}
        case Remove(_, value):
            return _fits(output, value in state), state - {value}
        case Contains(_, value):
            return output is OPEN or bool(output == (value in state)), state
        case Read():
            return output is OPEN or _sees(output, state), state
    raise TypeError(f"a set has no operation {input!r}")


def _collected(operations: Sequence[Operation]) -> frozenset[Any]:
    held: set[Any] = set()
    for op in operations:
        if isinstance(op.input, Add):
            held.add(op.input.value)
        elif isinstance(op.input, Remove):
            held.discard(op.input.value)
    return frozenset(held)


def _sees(output: Any, state: frozenset[Any]) -> bool:
    """Whether a reader saw exactly these elements; one that saw fewer is found without a copy."""
    if isinstance(output, list | tuple | set | frozenset) and len(output) < len(state):
        return False
    return elements_of(output) == state


def elements_of(output: Any) -> frozenset[Any] | None:
    """What a reader said it saw; None if that is no collection of possible elements."""
    if isinstance(output, str | bytes | dict):
        return None
    try:
        return frozenset(output)
    except TypeError:
        return None


def _set_read_only(input: Any, output: Any) -> bool:
    return isinstance(input, Contains | Read) or bool(output == False)  # noqa: E712


def _set_why_not(state: frozenset[Any], input: Any, output: Any) -> str:
    if isinstance(input, Read):
        return f"{_describe(input, output)} is impossible: the set is {_describe_set(state)}"
    inside = "is" if input.value in state else "is not"
    what = f"{type(input).__name__} of {input.value!r}"
    return f"{what} cannot return {output!r}: it {inside} in the set"


def _describe_set(state: frozenset[Any]) -> str:
    return "{" + ", ".join(sorted(map(repr, state))) + "}"


set_ = Model(
    name="set",
    inputs=(Read, Add, Remove, Contains),
    init=frozenset,
    step=_collect,
    partition=itemgetter(0),
    read_only=_set_read_only,
    describe_operation=_describe,
    describe_state=_describe_set,
    why_not=_set_why_not,
    fold=_collected,
    method=Later("linearizability.methods.sets", "cases"),
    wrong_input=_wrong_element,
)
