"""Long histories of correct objects under concurrent clients, lost replies and crashes."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from linearizability import Operation
from linearizability.models import (
    Acquire,
    Add,
    Append,
    Contains,
    DeleteMin,
    Dequeue,
    Enqueue,
    Get,
    Insert,
    Pop,
    Push,
    Put,
    Read,
    Release,
    Remove,
    Write,
)

THINK, SERVE = 20, 100  # most microseconds between calls, and inside one
STORES: dict[str, tuple[Any, Any]] = {
    "queue": (Enqueue, Dequeue),
    "stack": (Push, Pop),
    "priority-queue": (Insert, DeleteMin),
}


def run_clients(
    count: int,
    clients: int,
    seed: int,
    ask: Callable[[random.Random, int], Any],
    serve: Callable[[random.Random, int, Any], Any],
    *,
    lost: int = 100,
    crashes: int = 5,
) -> list[Operation]:
    """`count` operations whose `serve` happens at one instant between call and return.

    One call in `lost` is told that its reply was lost (serve gets -1 as client), and `crashes`
    clients stop in the middle of a call, each replaced by a new one. Stamps are event numbers.
    """
    rng = random.Random(seed)
    history: list[Operation] = []
    events: list[tuple[int, int, int, Operation | None, int]] = []
    for client in range(clients):
        heapq.heappush(events, (rng.randrange(THINK), client, 0, None, client))
    stamp, serial, names = 0, clients, clients
    crash_at = {rng.randrange(count) for _ in range(crashes)} if count > 100 else set()
    while events:
        now, _, stage, op, client = heapq.heappop(events)
        stamp += 1
        serial += 1
        if stage == 0:
            if len(history) == count:
                continue
            op = Operation(client, ask(rng, client), None, stamp, None)
            history.append(op)
            if len(history) in crash_at:  # half of them after the server has seen the call
                if rng.random() < 0.5:
                    serve(rng, -1, op.input)
                client, names, stage = names, names + 1, -1
            delay = rng.randrange(SERVE // 2)
        elif stage == 1:
            assert op is not None
            op.output = serve(rng, client if rng.randrange(lost) else -1, op.input)
            delay = rng.randrange(SERVE // 2)
        else:
            assert op is not None
            op.ret = stamp
            stage, delay = -1, rng.randrange(THINK)
        heapq.heappush(events, (now + delay, serial, stage + 1, op, client))
    return history


def versioned(count: int, clients: int, keys: int, seed: int = 1) -> list[Operation]:
    """Half Gets, half Puts with the version their client saw last; 2 % of Puts end as ErrMaybe."""
    state: dict[str, tuple[str, int]] = {}
    names = [f"key{i}" for i in range(keys)]
    seen: dict[tuple[int, str], int] = {}
    written = 0

    def ask(rng: random.Random, client: int) -> Get | Put:
        nonlocal written
        key = names[rng.randrange(keys)]
        if rng.random() < 0.5:
            return Get(key)
        written += 1
        return Put(key, f"v{written}", seen.get((client, key), 0))

    def serve(rng: random.Random, client: int, input: Get | Put) -> Any:
        value, version = state.get(input.key, ("", 0))
        if isinstance(input, Get):
            seen[client, input.key] = version
            return (value, version, "OK" if version else "ErrNoKey")
        if input.version == version:
            state[input.key] = (input.value, version + 1)
            seen[client, input.key] = version + 1
            return "OK" if client >= 0 else "ErrMaybe"
        seen[client, input.key] = version
        return "ErrMaybe" if client < 0 and version else "ErrVersion" if version else "ErrNoKey"

    return run_clients(count, clients, seed, ask, serve, lost=50)


def blind(count: int, clients: int, keys: int = 1, seed: int = 1) -> list[Operation]:
    """Half reads, half writes of values never written before, on registers."""
    state: dict[str, str] = {}
    names = [f"key{i}" for i in range(keys)]
    written = 0

    def ask(rng: random.Random, client: int) -> Read | Write:
        nonlocal written
        key = names[rng.randrange(keys)]
        if rng.random() < 0.5:
            return Read(key)
        written += 1
        return Write(key, f"v{written}")

    def serve(rng: random.Random, client: int, input: Read | Write) -> Any:
        if isinstance(input, Read):
            return state.get(input.key, "")
        state[input.key] = str(input.value)
        return None

    return run_clients(count, clients, seed, ask, serve)


def appended(count: int, clients: int, keys: int = 1, seed: int = 1) -> list[Operation]:
    """Gets, Appends and now and then a Put, every token written once."""
    state: dict[str, str] = {}
    names = [f"key{i}" for i in range(keys)]
    written = 0

    def ask(rng: random.Random, client: int) -> Get | Put | Append:
        nonlocal written
        key = names[rng.randrange(keys)]
        if rng.random() < 0.5:
            return Get(key)
        written += 1
        kind = Put if rng.random() < 0.1 else Append
        return kind(key, f"x {client} {written} y")

    def serve(rng: random.Random, client: int, input: Get | Put | Append) -> Any:
        if isinstance(input, Get):
            return state.get(input.key, "")
        before = "" if isinstance(input, Put) else state.get(input.key, "")
        state[input.key] = before + input.value
        return None

    return run_clients(count, clients, seed, ask, serve)


def make_stale(history: list[Operation], where: float) -> Operation:
    """Let a Get, called at `where` (0..1) of the history or later, return what is outdated.

    It gets the answer of an earlier Get that had returned, although a newer version had been read
    before it was called.
    """
    seen: dict[str, list[Operation]] = {}
    reads = sorted(
        (op for op in history if isinstance(op.input, Get) and op.ret is not None),
        key=lambda op: op.call,
    )
    for op in reads[int(len(reads) * where) :]:
        before = [old for old in seen.setdefault(op.input.key, []) if (old.ret or 0) < op.call]
        if before and before[-1].output[1] > before[0].output[1] > 0:
            op.output = before[0].output
            return op
        seen[op.input.key].append(op)
    raise ValueError("no Get of this history can be made stale")


def stored(
    kind: str, count: int, clients: int, seed: int = 1, *, crashes: int = 0
) -> list[Operation]:
    """Half insertions of values never inserted before, half removals, on one collection.

    `kind` is "queue", "stack" or "priority-queue"; the values of the last come in no order.
    """
    insert, remove = STORES[kind]
    values = random.Random(seed).sample(range(count), count)
    held: list[int] = []
    inserted = 0

    def ask(rng: random.Random, client: int) -> Any:
        nonlocal inserted
        if rng.random() < 0.5:
            return remove("c")
        inserted += 1
        return insert("c", values[inserted - 1])

    def serve(rng: random.Random, client: int, input: Any) -> Any:
        if isinstance(input, Insert):
            heapq.heappush(held, input.value)
        elif len(input) > 1:
            held.append(input.value)
        elif held:
            if isinstance(input, DeleteMin):
                return heapq.heappop(held)
            return held.pop(0 if isinstance(input, Dequeue) else -1)
        return None

    return run_clients(count, clients, seed, ask, serve, crashes=crashes)


def elements(count: int, clients: int, seed: int = 1) -> list[Operation]:
    """Adds of elements never added before, Removes and Contains of recent ones, on one set."""
    held: set[Any] = set()
    added = 0

    def ask(rng: random.Random, client: int) -> Add | Remove | Contains:
        nonlocal added
        if rng.random() < 0.34:
            added += 1
            return Add("s", added)
        kind = Remove if rng.random() < 0.4 else Contains
        return kind("s", max(1, added - rng.randrange(30)))

    def serve(rng: random.Random, client: int, input: Add | Remove | Contains) -> bool:
        was_there = input.value in held
        if isinstance(input, Add):
            held.add(input.value)
            return not was_there
        if isinstance(input, Remove):
            held.discard(input.value)
        return was_there

    return run_clients(count, clients, seed, ask, serve, crashes=0)


def locked(count: int, clients: int, seed: int = 1) -> list[Operation]:
    """Clients that acquire and release one lock; as many as can be wait for it."""
    rng = random.Random(seed)
    history: list[Operation] = []
    idle = list(range(clients))
    waiting: list[Operation] = []
    holder: int | None = None
    stamp = 0
    while len(history) < count:
        stamp += 1
        if idle and rng.random() < 0.5:
            client = idle.pop(rng.randrange(len(idle)))
            waiting.append(Operation(client, Acquire("l", client), None, stamp, None))
            history.append(waiting[-1])
        elif holder is not None:
            history.append(Operation(holder, Release("l", holder), None, stamp, stamp + 1))
            stamp += 1
            idle.append(holder)
            holder = None
        elif waiting:
            granted = waiting.pop(rng.randrange(len(waiting)))
            granted.ret = stamp
            holder = granted.input.owner
    return history


def grown(count: int, clients: int, seed: int = 1) -> list[Operation]:
    """A set that is only added to, and read whole a hundred times."""
    held: list[int] = []
    added = 0

    def ask(rng: random.Random, client: int) -> Any:
        nonlocal added
        if rng.random() < 100 / count:
            return Read("s")
        added += 1
        return Add("s", added)

    def serve(rng: random.Random, client: int, input: Any) -> Any:
        if isinstance(input, Read):
            return list(held)
        held.append(input.value)
        return None

    return run_clients(count, clients, seed, ask, serve, crashes=0)
