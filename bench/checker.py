"""The checker's figures beside its targets: time, time per operation, memory.

    python -m bench.checker [--quick]

Times are processor time of the check alone, best of several, so that other load on the machine
matters little; reading files has rows of its own. Memory is what a fresh process needed beyond the
history. Go means Porcupine v1.3.0 with hash functions, measured on an idle machine of two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.histories import (
    appended,
    blind,
    elements,
    grown,
    locked,
    make_stale,
    stored,
    versioned,
)
from linearizability import Illegal, Model, Operation, Verdict, check
from linearizability.collector import collector_paused
from linearizability.explanation.text import explain
from linearizability.formats import read_history
from linearizability.models import (
    Acquire,
    Add,
    Contains,
    Dequeue,
    Get,
    Put,
    Read,
    Remove,
    Write,
    cas_register,
    kv,
    kv_append,
    mutex,
    priority_queue,
    queue,
    register,
    set_,
    stack,
)
from tester.cli.decoders import DECODERS

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
    times, explanations = [], []
    verdicts: list[Verdict] = []
    for _ in range(row.repeat):
        verdicts.clear()
        start = time.process_time()
        verdicts = [check(row.model, history, budget=row.budget) for history in histories]
        times.append(time.process_time() - start)
        if len(verdicts) == 1 and isinstance(verdicts[0], Illegal):
            start = time.process_time()
            explain(verdicts[0])
            explanations.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(map(len, histories))
    ms = min(times) * 1e3
    names = "+".join(dict.fromkeys(type(verdict).__name__ for verdict in verdicts))
    notes = [row.note(ms, count)] if row.note is not None else []
    if explanations:
        notes.append(_core_note(verdicts[0], min(explanations) * 1e3, ms))
    return (
        f"{row.name:<34}{count:>9}  {names:<10}{ms:>9.2f}{ms * 1e3 / max(count, 1):>8.2f}"
        f"{(peak - before) / 1024:>7.0f}  {', '.join(notes)}"
    )


def _core_note(verdict: Verdict, more: float, ms: float) -> str:
    """What explaining costs on top of the verdict."""
    assert isinstance(verdict, Illegal)
    size = len(verdict.headline.core)
    return f"core of {size}, explained in {more:.1f} ms more: {more / ms:.1f}x"


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
    """A history in which two removals in the middle got each other's answer."""
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


def outdated(count: int) -> list[list[Operation]]:
    """Appends, one of whose reads returns what an earlier one did, though more was there."""
    history = appended(count, 10, max(1, count // 1000))
    seen: dict[str, list[Operation]] = {}
    reads = sorted(
        (op for op in history if isinstance(op.input, Get) and op.ret is not None),
        key=lambda op: op.call,
    )
    for op in reads[len(reads) // 2 :]:
        before = [old for old in seen.setdefault(op.input.key, []) if (old.ret or 0) < op.call]
        if before and before[-1].output != before[0].output != "":
            op.output = before[0].output
            return [history]
        seen[op.input.key].append(op)
    raise ValueError("no Get of this history can be made stale")


def shared(count: int) -> list[list[Operation]]:
    """A lock that one client got while another held it."""
    history = locked(count, 10)
    acquired = [op for op in history if isinstance(op.input, Acquire) and op.ret is not None]
    early = next(op for op in acquired[len(acquired) // 2 :] if (op.ret or 0) > op.call + 9)
    early.ret = early.call + 1
    return [history]


def denied(count: int) -> list[list[Operation]]:
    """A set that once said it did not contain what was never removed."""
    history = elements(count, 10)
    removed = {op.input.value for op in history if isinstance(op.input, Remove)}
    asked = sorted(
        (op for op in history if isinstance(op.input, Contains) and op.output is True),
        key=lambda op: op.call,
    )
    added = {op.input.value: op.ret or 0 for op in history if isinstance(op.input, Add)}
    wrong = next(
        op
        for op in asked[len(asked) // 2 :]
        if op.input.value not in removed and added[op.input.value] < op.call
    )
    wrong.output = False
    return [history]


def missing(count: int) -> list[list[Operation]]:
    """A set one of whose whole reads lacks what was there before."""
    history = grown(count, 10)
    reads = [op for op in history if isinstance(op.input, Read) and op.ret is not None]
    reads[len(reads) // 2].output.pop(0)
    return [history]


def repeated(kind: str, count: int) -> list[list[Operation]]:
    """A queue or stack of three clients with few values; two removals got each other's answer."""
    history = sorted(stored(kind, count, 3), key=lambda op: op.call)
    for op in history:
        if len(op.input) > 1:
            op.input = op.input._replace(value=op.input.value % 9)
        elif op.output is not None:
            op.output %= 9
    removals = [op for op in history if len(op.input) == 1 and op.output is not None]
    one = removals[len(removals) // 2]
    late = (op for op in removals[len(removals) // 2 :] if op.call > (one.ret or 0) + 20)
    other = next(op for op in late if op.output != one.output)
    one.output, other.output = other.output, one.output
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


def one_stale(count: int) -> list[list[Operation]]:
    """The same, of fifty clients, as the only history."""
    return [stale(count, 50)]


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
        yield Row("kv, stale read", partial(one_stale, size), kv)
        yield Row("kv-append, stale read", partial(outdated, size), kv_append)
        yield Row("mutex, held twice", partial(shared, size), mutex)
        yield Row("set, element denied", partial(denied, size), set_)
        yield Row("set, element missing", partial(missing, size), set_)
        yield Row("register, stale read", partial(stale_read, size), register)
        yield Row("register, a b a b ...", partial(overwritten, size), register)
        yield Row("register, a b a b ..., search", partial(overwritten, size), BLIND_REGISTER)
    for size in sizes[:2]:
        for kind in ("queue", "stack"):
            yield Row(
                f"{kind}, values repeat, search", partial(repeated, kind, size), STORES[kind]
            )


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


def read_and_check(history: list[Operation], model: Model) -> str:
    """What reading a history from a file costs beside checking it, as `labtester check` does."""
    with tempfile.TemporaryDirectory() as folder, collector_paused():
        path = Path(folder) / "history.jsonl"
        path.write_text("".join(json.dumps(as_row(op)) + "\n" for op in history))
        reads, checks = [], []
        for _ in range(5):
            start = time.process_time()
            read = read_history(path, model.name, decoders=DECODERS).operations
            middle = time.process_time()
            check(model, read)
            reads.append(middle - start)
            checks.append(time.process_time() - middle)
        reading, checking = sorted(reads)[2] * 1e3, sorted(checks)[2] * 1e3
    return (
        f"{f'{model.name}, read from JSON lines':<34}{len(history):>9}  {'':<10}{reading:>9.2f}"
        f"{reading * 1e3 / len(history):>8.2f}{'':>7}  {reading / checking:.2f}x checking it"
    )


def as_row(op: Operation) -> dict[str, Any]:
    """The line of an operation of `kv` or a queue."""
    row = {"c": op.client, "op": type(op.input).__name__.lower(), "k": op.input.key}
    if len(op.input) > 1:
        row["v"] = op.input.value
    if isinstance(op.input, Put):
        row["ver"] = op.input.version
    row |= {"call": op.call, "ret": -1 if op.ret is None else op.ret}
    if isinstance(op.input, Put) and op.ret is not None:
        row["err"] = op.output
    elif isinstance(op.input, Get) and op.ret is not None:
        row["rv"], row["rver"], row["err"] = op.output
    elif isinstance(op.input, Dequeue) and op.ret is not None:
        row["rv"] = op.output
    return row


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
    for size in sizes[2:]:
        print(read_and_check(versioned(size, 50, 1), kv), flush=True)
        print(read_and_check(stored("queue", size, 10), queue), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.checker")
    parser.add_argument("--quick", action="store_true", help="no history above 1e5 operations")
    main(quick=parser.parse_args().quick)
