"""What deciding and explaining a history takes of memory, per operation and at several sizes.

    python -m bench.memory

The most that Python has allocated at a time beyond the history itself, by tracemalloc. Where
memory is linear, the bytes of an operation are the same at every size, or fall. `witness` is to
spell out the order that proves a legal history, `explain` the text about an illegal one; both
include the verdict.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

from bench.checker import STORES, explained, one, store
from bench.histories import appended, blind, elements, grown, locked, versioned
from linearizability import Illegal, Model, Ok, Operation, Verdict, check, explain
from linearizability.models import kv, kv_append, mutex, register, set_

SIZES = [10**3, 10**4, 10**5]


def legal(size: int) -> Iterator[tuple[str, Callable[[], list[list[Operation]]], Model]]:
    """Histories of simulated servers, one for each special method."""
    yield "kv", one(versioned, size, 50, 1), kv
    yield "register", one(blind, size, 50), register
    yield "kv-append", one(appended, size, 10, max(1, size // 1000)), kv_append
    yield "mutex", one(locked, size, 10), mutex
    for kind, model in STORES.items():
        yield kind, partial(store, kind, size), model
    yield "set, element by element", one(elements, size, 10), set_
    yield "set, read whole", one(grown, size, 10), set_


def measure(make: Callable[[], list[list[Operation]]], model: Model) -> tuple[float, float]:
    """Bytes of each operation: to decide it, and to give the reasons as well."""
    [history] = make()
    _spell_out(check(model, history))  # so that what is imported then is not counted
    tracemalloc.start()
    verdict = check(model, history)
    _, decided = tracemalloc.get_traced_memory()
    _spell_out(verdict)
    _, spelled = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return decided / len(history), spelled / len(history)


def _spell_out(verdict: Verdict) -> None:
    if isinstance(verdict, Illegal):
        explain(verdict)
    else:
        assert isinstance(verdict, Ok)
        verdict.witness()


def main() -> None:
    """Print the table."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for size in SIZES:
        for name, make, model in legal(size):
            rows.setdefault(f"{name} (witness)", []).append(measure(make, model))
        for row in explained([size]):
            rows.setdefault(f"{row.name} (explain)", []).append(measure(row.make, row.model))
    at = " / ".join(f"{size:,}" for size in SIZES)
    print(f"bytes an operation in histories of {at} operations")
    print(f"{'':<44}{'deciding':>28}{'with reasons':>28}")
    for name, found in rows.items():
        columns = [" / ".join(f"{pair[i]:,.0f}" for pair in found) for i in range(2)]
        print(f"{name:<44}{columns[0]:>28}{columns[1]:>28}", flush=True)


if __name__ == "__main__":
    main()
