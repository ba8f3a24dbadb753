"""The checker's figures beside its targets: time, time per operation, memory.

    python -m bench.checker [--quick]

Times are processor time of the check alone, best of several, so that other load on the machine
matters little; reading files is not part of them. Memory is what a fresh process needed beyond the
history. Go means Porcupine v1.3.0 with hash functions, measured on an idle machine of two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.histories import appended, blind, elements, make_stale, stored, versioned
from linearizability import Illegal, Model, Operation, Verdict, check
from linearizability.explanation.text import explain
from linearizability.formats import read_history
from linearizability.models import (
    Read,
    Write,
    cas_register,
    kv,
    kv_append,
    priority_queue,
    queue,
    register,
    set_,
    stack,
)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "porcupine"
GO_MS = {"c01-ok": 0.18, "c01-bad": 0.07, "c10-ok": 0.69, "c10-bad": 0.53, "c50-ok": 69.0}
GO_ETCD_MS = 159.0
STORES = {"queue": queue, "stack": stack, "priority-queue": priority_queue}
BLIND_REGISTER = dataclasses.replace(register, method=None)
HEADER = f"{'history':<34}{'ops':>9}  {'verdict':<10}{'ms':>9}{'us/op':>8}{'MB':>7}  note"


Note = Callable[[float, int], str]


@dataclasses.dataclass(frozen=True)
class Row:
    """One measurement, to be made in a process of its own."""

    name: str
    make: Callable[[], list[list[Operation]]]
    model: Model
    repeat: int = 5
    budget: int = 500_000
    note: Note | None = None  # of milliseconds and number of operations


def measure(row: Row) -> str:
    """The line of the table."""
    histories = row.make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    verdicts: list[Verdict] = []
    for _ in range(row.repeat):
        verdicts.clear()
        start = time.process_time()
        verdicts = [check(row.model, history, budget=row.budget) for history in histories]
        times.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(map(len, histories))
    ms = min(times) * 1e3
    names = "+".join(dict.fromkeys(type(verdict).__name__ for verdict in verdicts))
    notes = [row.note(ms, count)] if row.note is not None else []
    notes += _core_note(verdicts, ms)
    return (
        f"{row.name:<34}{count:>9}  {names:<10}{ms:>9.2f}{ms * 1e3 / max(count, 1):>8.2f}"
        f"{(peak - before) / 1024:>7.0f}  {', '.join(notes)}"
    )


def _core_note(verdicts: list[Verdict], ms: float) -> list[str]:
    """What explaining costs on top, where there is one verdict and it is Illegal."""
    if len(verdicts) != 1 or not isinstance(verdicts[0], Illegal):
        return []
    start = time.process_time()
    explain(verdicts[0])
    more = (time.process_time() - start) * 1e3
    size = len(verdicts[0].headline.core)
    return [f"core of {size}, explained in {more:.1f} ms more: {more / ms:.1f}x"]


def at_most(limit_ms: float) -> Note:
    """Compares with a limit in milliseconds."""
    return lambda ms, count: f"{'within' if ms <= limit_ms else 'OVER'} {limit_ms:.0f} ms"


def per_operation(ms: float, count: int) -> str:
    """Compares with the target of one microsecond per operation."""
    return f"{'within' if ms * 1e3 <= count else 'OVER'} 1 us/op"


def against_go(go_ms: float) -> Note:
    """The ratio to Go."""
    return lambda ms, count: f"{ms / go_ms:.2f}x Go's {go_ms:g} ms"


def one(
    make: Callable[..., list[Operation]], *arguments: int
) -> Callable[[], list[list[Operation]]]:
    """Makes a single history, later."""
    return lambda: [make(*arguments)]


def within_ten(ms: float, count: int) -> str:
    """Compares with the target of ten microseconds per operation."""
    return f"{'within' if ms * 1e3 <= 10 * count else 'OVER'} 10 us/op"


def store(kind: str, count: int) -> list[list[Operation]]:
    """One collection with ten clients."""
    return [stored(kind, count, 10)]


def swapped(kind: str, count: int) -> list[list[Operation]]:
    """The same; two removals in the middle got each other's answer."""
    history = sorted(stored(kind, count, 10), key=lambda op: op.call)
    removals = [
        op
        for op in history[count // 2 :]
        if len(op.input) == 1 and op.output is not None and op.ret is not None
    ]
    one = removals[0]
    other = next(op for op in removals if op.call > (one.ret or 0) + 100)
    one.output, other.output = other.output, one.output
    return [history]


def stale_read(count: int) -> list[list[Operation]]:
    """A register one of whose reads returns what an earlier one did."""
    history = blind(count, 10)
    reads = sorted(
        (op for op in history if isinstance(op.input, Read) and op.ret is not None),
        key=lambda op: op.call,
    )
    old = reads[len(reads) // 2]
    new = next(op for op in reads[len(reads) // 2 + 40 :] if op.output != old.output)
    new.output = old.output
    return [history]


def overwritten(count: int) -> list[list[Operation]]:
    """Two values written in turn, then a third, then a read of the first."""
    history = [Operation(0, Write("x", "ab"[i % 2]), None, 2 * i, 2 * i + 1) for i in range(count)]
    history.append(Operation(0, Write("x", "c"), None, 2 * count, 2 * count + 1))
    history.append(Operation(1, Read("x"), "a", 2 * count + 2, 2 * count + 3))
    return [history]


def stale(count: int, clients: int) -> list[Operation]:
    """A versioned history with one stale read in the middle."""
    history = versioned(count, clients, 1)
    make_stale(history, 0.5)
    return history


def special(sizes: list[int]) -> Iterator[Row]:
    """Histories of simulated servers, by the special methods."""
    for clients, keys in ((5, 1), (50, 1), (50, 10), (50, 100)):
        name = f"kv, {clients} clients, {keys} key{'s' if keys > 1 else ''}"
        for size in sizes:
            contended = (clients, keys, size) == (50, 1, 10**6)
            note = at_most(1500) if contended else per_operation
            repeat = 20 if size < 10**5 else 5
            yield Row(name, one(versioned, size, clients, keys), kv, repeat, note=note)
    for size in sizes:
        name = "kv, 50 clients, 1 key, stale read"
        yield Row(name, one(stale, size, 50), kv, note=per_operation)
    yield Row("register, 50 clients", one(blind, 10**5, 50), register)
    yield Row("kv-append, 50 clients, 50 keys", one(appended, 10**5, 50, 50), kv_append)
    for size in sizes[:3]:
        for kind, model in STORES.items():
            yield Row(f"{kind}, 10 clients", partial(store, kind, size), model, note=within_ten)
        yield Row("set, 10 clients", one(elements, size, 10), set_, note=within_ten)


def explained(sizes: list[int]) -> Iterator[Row]:
    """Histories with one fault: what the explanation costs beside the verdict of a legal one."""
    for size in sizes[:3]:
        for kind, model in STORES.items():
            yield Row(f"{kind}, two answers swapped", partial(swapped, kind, size), model)
        yield Row("register, stale read", partial(stale_read, size), register)
        yield Row("register, a b a b ..., search", partial(overwritten, size), BLIND_REGISTER)


def searched(budget: int) -> Iterator[Row]:
    """The same, left to the generic search; the last one is poison."""
    kv_search = dataclasses.replace(kv, method=None)
    yield Row("kv, 50 clients, 1 key, search", one(versioned, 1_000, 50, 1), kv_search, 20)
    yield Row("kv, 5 clients, 1 key, search", one(versioned, 10_000, 5, 1), kv_search)
    register_search = dataclasses.replace(register, method=None)
    note = f"poison: ends at {budget} configurations"
    yield Row(
        "register, 50 clients, search",
        one(blind, 1_000, 50),
        register_search,
        repeat=1,
        budget=budget,
        note=lambda ms, count: note,
    )


def recorded() -> Iterator[Row]:
    """Porcupine's own data, if it is there."""
    if not DATA.is_dir():
        print("(Porcupine's test data is not beside this repository: its rows are left out)")
        return
    for name, go_ms in GO_MS.items():
        make = one(porcupine, list(GO_MS).index(name))
        yield Row(f"porcupine {name}", make, kv_append, repeat=20, note=against_go(go_ms))
    yield Row("porcupine etcd, 52 logs", etcd, cas_register, 20, note=against_go(GO_ETCD_MS))


def porcupine(number: int) -> list[Operation]:
    """One key/value log."""
    path = DATA / "kv" / f"{list(GO_MS)[number]}.txt"
    return read_history(path, "kv-append", "porcupine-kv").operations


def etcd() -> list[list[Operation]]:
    """All etcd logs."""
    paths = sorted((DATA / "jepsen").glob("*.log"))
    return [read_history(path, "cas-register", "jepsen-etcd").operations for path in paths]


def _child(row: Row, out: multiprocessing.Queue[str]) -> None:
    out.put(measure(row))


def main(*, quick: bool = False) -> None:
    """Print the table, each row from a process of its own."""
    print(HEADER)
    fork = multiprocessing.get_context("fork")
    sizes = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6]
    searches = searched(50_000 if quick else 500_000)
    rows = [*recorded(), *special(sizes), *explained(sizes), *searches]
    for row in rows:
        out: multiprocessing.Queue[str] = fork.Queue()
        child = fork.Process(target=_child, args=(row, out))
        child.start()
        print(out.get(), flush=True)
        child.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.checker")
    parser.add_argument("--quick", action="store_true", help="no history above 1e5 operations")
    main(quick=parser.parse_args().quick)
