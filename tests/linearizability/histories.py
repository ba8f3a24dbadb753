"""Random histories of versioned KV: drawn freely, hemmed in, simulated, and mutated."""

from __future__ import annotations

import random
from dataclasses import replace

from linearizability import Operation
from linearizability.models import Get, Put

Random = random.Random


def fully_random(rng: Random) -> list[Operation]:
    """Two to eight operations without any regard for what a server could answer."""
    stamps = rng.choice((6, 12, 30))
    versions = rng.randint(1, 4)
    shared = rng.random() < 0.5
    return [
        _random_operation(rng, client, stamps, versions, shared)
        for client in range(rng.randint(2, 8))
    ]


def _random_operation(
    rng: Random, client: int, stamps: int, versions: int, shared: bool
) -> Operation:
    call, ret = sorted((rng.randrange(stamps), rng.randrange(stamps)))
    version = rng.randrange(versions)
    value = rng.choice("ab") if shared else f"v{version + 1}"
    if rng.random() < 0.45:
        read = version if rng.random() < 0.8 else version + 1
        seen = (rng.choice("ab") if shared else f"v{read}") if read else ""
        err = "OK" if read else "ErrNoKey"
        if rng.random() < 0.03:
            seen, err = rng.choice(("", "a")), rng.choice(("OK", "ErrNoKey", "ErrMaybe"))
        output = (seen, read, err)
        return Operation(client, Get("k"), output, call, None if rng.random() < 0.03 else ret)
    err = rng.choice(
        ("OK", "OK", "ErrVersion", "ErrVersion", "ErrVersion", "ErrMaybe", "ErrMaybe")
    )
    if rng.random() < 0.08:
        err = rng.choice(("ErrNoKey", "ErrNoKey", "ErrNoKey", "ErrWrongLeader"))
    is_open = rng.random() < (0.3 if err == "ErrMaybe" else 0.02)
    return Operation(client, Put("k", value, version), err, call, None if is_open else ret)


def contended(rng: Random) -> list[Operation]:
    """Puts that succeed one after the other in wide intervals, and refusals that hem them in.

    Whether a refusal was too early or too late for its version is what these are about.
    """
    stamps = rng.choice((8, 14, 24))
    history = []
    start = 0
    versions = rng.randint(2, 3)
    for version in range(versions):
        call = min(stamps, rng.randint(start, start + stamps // 4))
        ret = rng.randint(call, stamps)
        put = Put("k", f"v{version + 1}", version)
        if rng.random() < 0.6:
            history.append(Operation(version, put, "OK", call, ret))
        else:  # one of several may have done it, with gaps between them
            for _ in range(rng.randint(1, 2)):
                begun = rng.randint(call, ret)
                done = min(ret, begun + rng.randint(0, 2))
                history.append(Operation(version, put, "ErrMaybe", begun, done))
        start = min(stamps, rng.randint(start, call + 2))
    for client in range(rng.randint(1, 4)):
        call = rng.randint(0, stamps)
        ret = min(stamps, call + rng.randint(0, 3))
        version = rng.randint(1, versions)
        if rng.random() < 0.75:
            put = Put("k", "z", version)
            history.append(Operation(9 + client, put, "ErrVersion", call, ret))
        else:
            output = (f"v{version}", version, "OK")
            history.append(Operation(9 + client, Get("k"), output, call, ret))
    return history


def simulated(
    rng: Random, *, operations: int = 0, clients: int = 0, keys: int = 1, unique: bool = False
) -> list[Operation]:
    """What clients of a correct server record, requests and replies lost, clients crashed.

    Stamps are made to tie now and then. Each client works in turn on the whole: it reads or puts
    with a version it may have seen, its operation applied at a random instant of the interval.
    """
    count = operations or rng.randint(3, 12)
    clients = clients or rng.randint(2, 5)
    latency = rng.choice((2, 10, 40))
    think = rng.choice((0, 3, 20))
    free = [rng.randrange(latency + 1) for _ in range(clients)]
    plans: list[tuple[int, int, int, int]] = []
    for _ in range(count):
        client = min(range(clients), key=free.__getitem__)
        call = free[client] + rng.randint(0, think)
        ret = call + rng.randint(0, latency)
        plans.append((rng.randint(call, ret), client, call, ret))
        free[client] = ret + (0 if rng.random() < 0.2 else 1)
    plans.sort()
    return _serve(rng, plans, keys, unique)


def _serve(
    rng: Random, plans: list[tuple[int, int, int, int]], keys: int, unique: bool
) -> list[Operation]:
    """Let a server answer the planned calls at their instants; every reply is right."""
    state: dict[str, tuple[str, int]] = {}
    history = []
    for number, (_, client, call, ret) in enumerate(plans):
        key = str(rng.randrange(keys))
        value, version = state.get(key, ("", 0))
        if rng.random() < 0.5:
            output = (value, version, "OK" if version else "ErrNoKey")
            history.append(Operation(client, Get(key), output, call, ret))
            continue
        asked = max(0, version - rng.choice((0, 0, 0, 1, 2)))
        if rng.random() < 0.03:
            asked = version + 1
        put = Put(key, f"w{number}" if unique else rng.choice("abc"), asked)
        err = "OK" if asked == version else "ErrVersion" if version else "ErrNoKey"
        crashed, lost = rng.random() < 0.05, rng.random() < 0.15
        if crashed and rng.random() < 0.5:  # it never arrived
            history.append(Operation(client, put, None, call, None))
            continue
        if err == "OK":
            state[key] = (put.value, version + 1)
        if lost and err != "ErrNoKey":
            err = "ErrMaybe"
        history.append(Operation(client, put, err, call, None if crashed else ret))
    return history


def mutated(rng: Random, *, operations: int = 0) -> list[Operation]:
    """A simulated history with up to three small lies."""
    history = [replace(op) for op in simulated(rng, operations=operations)]
    for _ in range(rng.randint(0, 3)):
        _mutate(rng, history)
    return history


def _mutate(rng: Random, history: list[Operation]) -> None:
    op = rng.choice(history)
    kind = rng.randrange(6)
    is_put = isinstance(op.input, Put)
    if kind == 0 and not is_put:
        reads = [other.output for other in history if isinstance(other.input, Get)]
        op.output = rng.choice(reads)
    elif kind == 1 and is_put:
        op.output = rng.choice(("OK", "ErrVersion", "ErrMaybe"))
    elif kind == 2 and op.ret is not None:
        op.ret = rng.randint(op.call, op.ret)
    elif kind == 3 and op.ret is not None:
        op.call = rng.randint(op.call, op.ret)
    elif kind == 4 and is_put:
        op.input = op.input._replace(version=max(0, op.input.version + rng.choice((-1, 1))))
    elif kind == 5 and is_put:
        op.ret = None
