"""What drains of a queue say, against trying all orders of their dequeues."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

from linearizability import check
from linearizability.formats.jepsen_edn import read_jepsen_edn
from linearizability.models import queue

Call = tuple[str, tuple[int, ...], int, float]
"""Function, values, and the stamps of call and return."""


def possible(calls: list[Call]) -> bool:
    """Whether some order fits in which the values of a drain come one after the other."""

    @cache
    def reachable(done: tuple[int, ...], state: tuple[int, ...]) -> bool:
        if all(n == len(values) for n, (_, values, _, _) in zip(done, calls, strict=True)):
            return True
        first_end = min(
            ret for n, (_, values, _, ret) in zip(done, calls, strict=True) if n < len(values)
        )
        for index, (function, values, call, _) in enumerate(calls):
            n = done[index]
            if n == len(values) or call > first_end:
                continue
            after = (*state, values[n]) if function == "enqueue" else state[1:]
            legal = function == "enqueue" or state[:1] == values[n : n + 1]
            following = (*done[:index], n + 1, *done[index + 1 :])
            if legal and reachable(following, after):
                return True
        return False

    return reachable((0,) * len(calls), ())


def drawn(rng: random.Random) -> tuple[list[str], list[Call]]:
    """Events of two processes that enqueue 1, 2, 3 and drain, and the calls in them."""
    values = [1, 2, 3]
    todo: list[tuple[str, tuple[int, ...]]] = [("enqueue", (value,)) for value in values]
    rng.shuffle(values)
    cut = rng.randint(0, 3)
    todo += [("drain", tuple(values[:cut])), ("drain", tuple(values[cut:]))]
    lines: list[str] = []
    calls: list[Call] = []
    busy: dict[int, tuple[str, tuple[int, ...], int]] = {}
    while todo or busy:
        process = rng.choice([0, 0, 1])
        if process in busy:
            function, found, call = busy.pop(process)
            calls.append((function, found, call, len(lines)))
            value = f"[{' '.join(map(str, found))}]" if function == "drain" else str(found[0])
            kind = "ok"
        elif todo:
            function, found = todo.pop(0)
            busy[process] = (function, found, len(lines))
            value = "nil" if function == "drain" else str(found[0])
            kind = "invoke"
        else:
            continue
        lines.append(f"{{:process {process} :type :{kind} :f :{function} :value {value}}}")
    return lines, calls


def test_drains_against_all_orders() -> None:
    seen = Counter[tuple[bool, bool, bool]]()
    for seed in range(600):
        lines, calls = drawn(random.Random(seed))
        verdict = bool(check(queue, read_jepsen_edn(lines, "h", "queue").operations))
        truth = possible(calls)
        alone = all(
            ret == call + 1 or len(values) < 2
            for function, values, call, ret in calls
            if function == "drain"
        )
        assert verdict == truth or (verdict and not alone), (seed, lines)
        seen[alone, truth, verdict] += 1
    assert min(seen[True, True, True], seen[True, False, False], seen[False, True, True]) > 20
