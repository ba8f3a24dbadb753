"""Random histories of every shipped model but `kv`: drawn freely, simulated, and mutated."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from linearizability import Model, Operation
from linearizability.inputs import (
    Acquire,
    Add,
    Append,
    Cas,
    Contains,
    DeleteMin,
    Dequeue,
    Enqueue,
    Get,
    Increment,
    Insert,
    Pop,
    Push,
    Put,
    Read,
    Release,
    Remove,
    Transaction,
    Write,
)
from linearizability.models import (
    cas_register,
    counter,
    kv_append,
    mutex,
    priority_queue,
    queue,
    register,
    set_,
    stack,
    txn,
)

Random = random.Random


@dataclass(frozen=True)
class Subject:
    """A model, what its clients ask, and what a correct object, or a liar, would answer."""

    model: Model
    ask: Callable[[Random, int, int], Any]  # (rng, number of the operation, client)
    answer: Callable[[Any, Any], Any]  # (state, input), right
    guess: Callable[[Random, Any, list[Any]], Any]  # (rng, input, all inputs), right or not


def _ask_register(rng: Random, number: int, client: int) -> Any:
    return Read("x") if rng.random() < 0.6 else Write("x", f"w{number}")


def _ask_register_repeated(rng: Random, number: int, client: int) -> Any:
    return Read("x") if rng.random() < 0.6 else Write("x", rng.choice(("w1", "w2", f"w{number}")))


def _answer_register(state: Any, input: Any) -> Any:
    return state if isinstance(input, Read) else None


def _guess_register(rng: Random, input: Any, inputs: list[Any]) -> Any:
    if isinstance(input, Write):
        return None if rng.random() < 0.98 else "ErrWrongLeader"
    values: list[Any] = [other.value for other in inputs if isinstance(other, Write)]
    return rng.choice([*values, *values, ""] if rng.random() < 0.97 else ["?", []])


def _ask_cas(rng: Random, number: int, client: int) -> Any:
    kind = rng.random()
    if kind < 0.4:
        return Read("x")
    if kind < 0.6:
        return Write("x", rng.choice("ab"))
    return Cas("x", rng.choice(["", "a", "b"]), rng.choice("ab"))


def _answer_cas(state: Any, input: Any) -> Any:
    return input.old == state if isinstance(input, Cas) else _answer_register(state, input)


def _guess_cas(rng: Random, input: Any, inputs: list[Any]) -> Any:
    if isinstance(input, Write):
        return None
    return (
        rng.choice((True, False, None)) if isinstance(input, Cas) else rng.choice(("", "a", "b"))
    )


def _ask_append(alphabet: int | None) -> Callable[[Random, int, int], Any]:
    def ask(rng: Random, number: int, client: int) -> Any:
        if rng.random() < 0.5:
            return Get("x")
        token = f"{number};" if alphabet is None else "abcde"[rng.randrange(alphabet)]
        return Put("x", token) if rng.random() < 0.4 else Append("x", token)

    return ask


def _answer_append(state: Any, input: Any) -> Any:
    if isinstance(input, Append):
        return state if len(input.value) == 3 or input.value in "02468" else None
    return state if isinstance(input, Get) else None


def _guess_append(rng: Random, input: Any, inputs: list[Any]) -> Any:
    if isinstance(input, Put) or (isinstance(input, Append) and rng.random() < 0.6):
        return None
    tokens = [other.value for other in inputs if not isinstance(other, Get)]
    if rng.random() < 0.03:
        return rng.choice(("?", 7, "1"))
    return "".join(rng.sample(tokens, rng.randint(0, min(3, len(tokens)))))


def _ask_mutex(rng: Random, number: int, client: int) -> Any:
    return rng.choice((Acquire, Release))("l", client)


def _guess_mutex(rng: Random, input: Any, inputs: list[Any]) -> Any:
    if isinstance(input, Release):
        return None if rng.random() < 0.98 else False
    return rng.choices((None, True, False, "?"), (60, 10, 25, 1))[0]


def _answer_mutex(state: Any, input: Any) -> Any:
    return None


def _ask_counter(rng: Random, number: int, client: int) -> Any:
    return Read("c") if rng.random() < 0.5 else Increment("c", rng.choice((1, 1, 2, -1)))


def _answer_counter(state: Any, input: Any) -> Any:
    return state if isinstance(input, Read) else state + input.by


def _guess_counter(rng: Random, input: Any, inputs: list[Any]) -> Any:
    return rng.choice((0, 1, 1, 2, 3)) if isinstance(input, Read) else rng.choice((None, 1, 2))


def _ask_store(insert: Any, remove: Any, *, repeated: bool) -> Callable[[Random, int, int], Any]:
    """Ask a queue, stack or priority queue; values come in no order, so that ranks differ."""

    def ask(rng: Random, number: int, client: int) -> Any:
        if rng.random() < 0.5:
            return remove("q")
        value = 37 * number % 64
        return insert("q", rng.choice((value, 1)) if repeated else value)

    return ask


def _answer_first(state: Any, input: Any) -> Any:
    return None if len(input) > 1 or not state else state[0]


def _answer_last(state: Any, input: Any) -> Any:
    return None if len(input) > 1 or not state else state[-1]


def _guess_store(rng: Random, input: Any, inputs: list[Any]) -> Any:
    values = [other.value for other in inputs if len(other) > 1]
    if len(input) > 1:
        return None if rng.random() < 0.99 else "ErrWrongLeader"
    return rng.choice([*values, *values, None]) if rng.random() < 0.99 else rng.choice([77, []])


def _ask_unique_set(rng: Random, number: int, client: int) -> Any:
    """Each element is added once, and asked after and removed as often as it comes."""
    value = rng.randint(0, number)
    if rng.random() < 0.4:
        return Add("s", number)
    return rng.choice((Remove("s", value), Contains("s", value), Contains("s", value)))


def _ask_growing_set(rng: Random, number: int, client: int) -> Any:
    return Add("s", number) if rng.random() < 0.6 else Read("s")


def _guess_growing_set(rng: Random, input: Any, inputs: list[Any]) -> Any:
    if isinstance(input, Add):
        return None
    added = [other.value for other in inputs if isinstance(other, Add)]
    seen = added[: rng.randint(0, len(added))]
    if rng.random() < 0.3:
        seen = rng.sample(added, rng.randint(0, len(added)))
    return [*seen, 99] if rng.random() < 0.03 else seen


def _ask_set(rng: Random, number: int, client: int) -> Any:
    value = rng.randrange(3)
    return rng.choice(
        (Read("s"), Add("s", value), Add("s", value), Remove("s", value), Contains("s", value))
    )


def _answer_set(state: Any, input: Any) -> Any:
    match input:
        case Read():
            return set(state)
        case Add(_, value):
            return value not in state
    return input.value in state


def _guess_set(rng: Random, input: Any, inputs: list[Any]) -> Any:
    if isinstance(input, Read):
        return rng.choice([set(rng.sample(range(3), rng.randint(0, 3))), 7, [[]]][:1])
    return rng.choice((True, False, None) if not isinstance(input, Contains) else (True, False))


def _ask_transaction(rng: Random, number: int, client: int) -> Transaction:
    steps: list[tuple[str, str, Any]] = []
    for _ in range(rng.randint(1, 3)):
        key = rng.choice("xxy")
        steps.append(("w", key, rng.randint(1, 2)) if rng.random() < 0.4 else ("r", key, None))
    return Transaction(tuple(steps))


def _answer_transaction(state: Any, input: Transaction) -> tuple[Any, ...]:
    values = dict(state)
    replies: list[Any] = []
    for kind, key, value in input.steps:
        replies.append(values.get(key, "") if kind == "r" else None)
        if kind == "w":
            values[key] = value
    return tuple(replies)


def _guess_transaction(rng: Random, input: Transaction, inputs: list[Any]) -> Any:
    if rng.random() < 0.03:
        return rng.choice((None, (), 7))
    return tuple(rng.choice(("", 1, 2)) if kind == "r" else None for kind, _, _ in input.steps)


SUBJECTS = {
    "register": Subject(register, _ask_register, _answer_register, _guess_register),
    "register-repeated": Subject(
        register, _ask_register_repeated, _answer_register, _guess_register
    ),
    "cas-register": Subject(cas_register, _ask_cas, _answer_cas, _guess_cas),
    "kv-append": Subject(kv_append, _ask_append(None), _answer_append, _guess_append),
    "kv-append-repeated": Subject(kv_append, _ask_append(3), _answer_append, _guess_append),
    "mutex": Subject(mutex, _ask_mutex, _answer_mutex, _guess_mutex),
    "counter": Subject(counter, _ask_counter, _answer_counter, _guess_counter),
    **{
        f"{model.name}{'-repeated' if repeated else ''}": Subject(
            model, _ask_store(insert, remove, repeated=repeated), answer, _guess_store
        )
        for model, insert, remove, answer in (
            (queue, Enqueue, Dequeue, _answer_first),
            (stack, Push, Pop, _answer_last),
            (priority_queue, Insert, DeleteMin, _answer_first),
        )
        for repeated in (False, True)
    },
    "txn": Subject(txn, _ask_transaction, _answer_transaction, _guess_transaction),
    "set-unique": Subject(set_, _ask_unique_set, _answer_set, _guess_set),
    "set-growing": Subject(set_, _ask_growing_set, _answer_set, _guess_growing_set),
    "set": Subject(set_, _ask_set, _answer_set, _guess_set),
}


def random_history(rng: Random, subject: Subject, most: int = 7) -> list[Operation]:
    """Answers without any regard for what a correct object could say."""
    stamps = rng.choice((6, 12, 30))
    inputs = [subject.ask(rng, n, rng.randrange(3)) for n in range(rng.randint(2, most))]
    history = []
    for client, asked in enumerate(inputs):
        call, ret = sorted((rng.randrange(stamps), rng.randrange(stamps)))
        output = subject.guess(rng, asked, inputs)
        history.append(
            Operation(client, asked, output, call, None if rng.random() < 0.08 else ret)
        )
    return history


def simulated_history(rng: Random, subject: Subject, most: int = 8) -> list[Operation]:
    """What clients of a correct object record; some never hear the answer."""
    clients = rng.randint(2, 4)
    latency, think = rng.choice((2, 10, 40)), rng.choice((1, 3, 20))
    free = [rng.randrange(latency + 1) for _ in range(clients)]
    plans = []
    for number in range(rng.randint(2, most)):
        client = min(range(clients), key=free.__getitem__)
        call = free[client] + rng.randint(0, think)
        ret = call + rng.randint(0, latency)
        plans.append((rng.randint(call, ret), number, client, call, ret))
        free[client] = ret + (0 if rng.random() < 0.2 else 1)
    state = subject.model.init()
    history = []
    for _, number, client, call, ret in sorted(plans):
        asked = subject.ask(rng, number, client)
        is_open = rng.random() < 0.08
        if is_open and rng.random() < 0.5:
            history.append(Operation(client, asked, None, call, None))
            continue
        output = subject.answer(state, asked)
        legal, after = subject.model.step(state, asked, output)
        if legal:  # a lock may refuse what a client would do
            state = after
            history.append(Operation(client, asked, output, call, None if is_open else ret))
    return history


def mutated_history(rng: Random, subject: Subject, most: int = 8) -> list[Operation]:
    """A simulated history with up to three small lies."""
    history = [replace(op) for op in simulated_history(rng, subject, most)]
    inputs = [op.input for op in history]
    for _ in range(rng.randint(0, 3) if history else 0):
        op, other = rng.choice(history), rng.choice(history)
        kind = rng.randrange(5)
        if kind == 0 and type(op.input) is type(other.input):
            op.output = other.output
        elif kind == 1:
            op.output = subject.guess(rng, op.input, inputs)
        elif kind == 2 and op.ret is not None:
            op.ret = rng.randint(op.call, op.ret)
        elif kind == 3 and op.ret is not None:
            op.call = rng.randint(op.call, op.ret)
        elif kind == 4:
            op.ret = None
    return history


def draw(rng: Random, subject: Subject) -> list[Operation]:
    """One history of any of the three kinds."""
    return rng.choice((random_history, simulated_history, mutated_history))(rng, subject)


def random_holdings(rng: Random, most: int = 3) -> list[Operation]:
    """Owners of a lock that acquire and release in turn, at random times."""
    history = []
    stamps = rng.choice((12, 30, 60))
    for owner in range(rng.randint(2, 3)):
        times = sorted(rng.sample(range(stamps), 2 * rng.randint(1, most)))
        for number, (call, ret) in enumerate(zip(times[::2], times[1::2], strict=True)):
            asked = Release("l", owner) if number % 2 else Acquire("l", owner)
            is_last = number == len(times) // 2 - 1
            is_open = is_last and rng.random() < 0.2
            history.append(Operation(owner, asked, None, call, None if is_open else ret))
    rng.shuffle(history)
    return history
