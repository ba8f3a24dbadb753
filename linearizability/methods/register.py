"""The special methods for registers: exact if every value is written once, else they may refute.

Where every value is written once, each read names its write, and zones decide (`zones`).

Where values repeat, deciding is NP-complete (Gibbons, Korach 1997), but what most often goes wrong
shows before any search, in O(n log n):

1. *Overwritten.* A read of v is wrong if every write of v either began after the read had
   returned, or had returned before another write began that had itself returned before the read
   began. Of those other writes only the one that began last matters.
2. *Zones* of the values that are written once, as far as they go: between two moments at which the
   register certainly held such a value nothing else may have been written or read.

A compare-and-set that succeeded is a read of one value and a write of the other; an open one may
be a write.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.inputs import Read, Write
from linearizability.methods.zones import Cluster, Placed, arrange, bounds, overlap, overlap_words
from linearizability.operation import Operation, client_name, in_call_order


def decide(initial: Hashable, operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one register by its zones; declines if some value was written twice."""
    writes: dict[Hashable, Operation] = {}
    for op in operations:
        if isinstance(op.input, Write):
            if op.input.value in writes or op.input.value == initial:
                wrong = refute(initial, operations)
                if wrong is not None:
                    return FoundConflict(wrong, proves=False)
                return Inapplicable(f"{op.input.value!r} was written more than once")
            writes[op.input.value] = op
    numbers: dict[Hashable, int] = {initial: 0}
    clusters = [Cluster(repr(initial), f=-math.inf)]
    for value, write in writes.items():
        numbers[value] = len(clusters)
        clusters.append(Cluster(repr(value)))
        if write.ret is not None:
            clusters[-1].add(write)
    for op in operations:
        if op.ret is None or (isinstance(op.input, Write) and op.output is None):
            continue
        conflict = _enter_read(op, writes, numbers, clusters)
        if conflict is not None:
            return FoundConflict(conflict)
    clash = overlap([c for c in clusters if c.last is not None])
    if clash is not None:
        why = overlap_words(*clash)
        core = in_call_order(bounds(*clash))
        missing = "the register holds one value at a time"
        return FoundConflict(Core(core, why, missing))
    return ZoneProof(operations, numbers, clusters)


def _enter_read(
    op: Operation,
    writes: dict[Hashable, Operation],
    numbers: dict[Hashable, int],
    clusters: list[Cluster],
) -> Core | None:
    """Put a read into the cluster of its value, unless that is impossible by itself."""
    if isinstance(op.input, Write):
        why = f"{client_name(op.client)}'s Write was answered {op.output!r}."
        return Core((op,), why, "no register gives this answer")
    who = f"{client_name(op.client)}'s Read"
    try:
        number = numbers.get(op.output)
    except TypeError:  # unhashable: certainly not what somebody wrote
        number = None
    if number is None:
        missing = f"nobody wrote {op.output!r}"
        return Core((op,), f"{who} returned {op.output!r}, which nobody wrote.", missing)
    write = writes.get(op.output)
    if write is not None:
        assert op.ret is not None
        if op.ret < write.call:
            why = (
                f"{who} returned {op.output!r} at {op.ret}, but its only Write, by"
                f" {client_name(write.client)}, began at {write.call}."
            )
            return Core(in_call_order((op, write)), why, "a Read cannot see what comes later")
        if write.ret is None:
            clusters[number].add(write)
    clusters[number].add(op)
    return None


@dataclass(frozen=True)
class ZoneProof(Proof):
    """Zones that do not exclude each other."""

    operations: Sequence[Operation]
    numbers: dict[Hashable, int]
    clusters: Sequence[Cluster]

    def order(self) -> list[int]:
        placed: list[Placed] = []
        for position, op in enumerate(self.operations):
            if isinstance(op.input, Write):
                number = self.numbers[op.input.value]
                if self.clusters[number].last is not None:
                    placed.append((number, -math.inf, 0, position))
            elif op.ret is not None:
                placed.append((self.numbers[op.output], op.call, 1, position))
        return arrange(self.clusters, placed)


def decide_cas(
    initial: Hashable, operations: Sequence[Operation]
) -> Proof | Conflict | Inapplicable:
    """Refute a register with compare-and-set before the search, or decline."""
    core = refute(initial, operations)
    if core is not None:
        return FoundConflict(core, proves=False)
    return Inapplicable("compare-and-set is left to the search")


class Writer(NamedTuple):
    """Something that may have put a value into the register."""

    call: float
    ret: float
    value: Hashable
    op: Operation


def refute(initial: Hashable, operations: Sequence[Operation]) -> Core | None:
    """What is certainly wrong, whether or not values repeat; None if nothing is found."""
    writers: dict[Hashable, list[Writer]] = {}
    readers: list[tuple[Operation, Hashable]] = []
    for op in operations:
        asked, ret = op.input, math.inf if op.ret is None else op.ret
        if isinstance(asked, Write):
            if op.ret is not None and op.output is not None:
                why = f"{client_name(op.client)}'s Write was answered {op.output!r}."
                return Core((op,), why, "no register gives this answer")
            written = asked.value
        elif isinstance(asked, Read):
            if op.ret is not None:
                readers.append((op, op.output))
            continue
        elif op.ret is None or op.output is True:
            if op.ret is not None:
                readers.append((op, asked.old))
            if asked.old == asked.new:
                continue
            written = asked.new
        else:
            continue
        writers.setdefault(written, []).append(Writer(op.call, ret, written, op))
    core = _unwritten(initial, writers, readers) or _overwritten(initial, writers, readers)
    return core or _zones_of_some(initial, writers, readers)


def _unwritten(
    initial: Hashable,
    writers: dict[Hashable, list[Writer]],
    readers: list[tuple[Operation, Hashable]],
) -> Core | None:
    for op, value in readers:
        try:
            if value in writers or value == initial:
                continue
        except TypeError:  # unhashable: certainly not what somebody wrote
            pass
        why = f"{_reading(op)} {value!r}, which nobody wrote."
        return Core((op,), why, f"nobody wrote {value!r}")
    return None


def _overwritten(
    initial: Hashable,
    writers: dict[Hashable, list[Writer]],
    readers: list[tuple[Operation, Hashable]],
) -> Core | None:
    """A read of a value all of whose writes came too late, or had certainly been overwritten."""
    calls: dict[Hashable, list[float]] = {}
    latest: dict[Hashable, list[float]] = {}  # the latest return of the writes up to each
    for value, group in writers.items():
        group.sort(key=lambda writer: writer.call)
        calls[value] = [writer.call for writer in group]
        latest[value] = list(accumulate((writer.ret for writer in group), max))
    over = sorted(
        (writer for group in writers.values() for writer in group if writer.ret < math.inf),
        key=lambda writer: writer.ret,
    )
    best: Writer | None = None  # of those that returned, the one that began last
    second: Writer | None = None  # likewise, of those with another value
    index = 0
    for op, value in sorted(readers, key=lambda reader: reader[0].call):
        while index < len(over) and over[index].ret < op.call:
            writer = over[index]
            if best is None or writer.call > best.call:
                if best is not None and best.value != writer.value:
                    second = best
                best = writer
            elif writer.value != best.value and (second is None or writer.call > second.call):
                second = writer
            index += 1
        other = second if best is not None and best.value == value else best
        assert op.ret is not None
        begun = bisect_right(calls.get(value, []), op.ret)
        if begun:
            if other is None or latest[value][begun - 1] >= other.call:
                continue
        elif value == initial and other is None:
            continue
        return _gone(op, value, begun, other, value == initial, writers.get(value, []))
    return None


def _gone(
    op: Operation,
    value: Hashable,
    begun: int,
    other: Writer | None,
    is_initial: bool,
    group: Sequence[Writer],
) -> Core:
    reading = f"{_reading(op)} {value!r}"
    if not begun and not is_initial:
        first = group[0].op
        who = client_name(first.client)
        which = f"its only write, by {who}," if len(group) == 1 else f"its first write, by {who},"
        why = f"{reading} at {op.ret}, but {which} began at {first.call}."
        return Core(in_call_order((op, group[0].op)), why, "a Read cannot see what comes later")
    assert other is not None
    by = f"{client_name(other.op.client)}'s {type(other.op.input).__name__} of {other.value!r}"
    every = (
        "which it held at first"
        if not begun
        else "whose only write had returned before that"
        if len(group) == 1
        else "each write of which had returned before that, or began too late"
    )
    why = (
        f"{by} (from {other.op.call} to {other.op.ret}) had returned before {reading} (called at"
        f" {op.call}), {every}."
    )
    return Core(in_call_order((op, other.op)), why, f"{value!r} had been overwritten")


def _reading(op: Operation) -> str:
    verb = "returned" if isinstance(op.input, Read) else "found"
    return f"{client_name(op.client)}'s {type(op.input).__name__} {verb}"


def _zones_of_some(
    initial: Hashable,
    writers: dict[Hashable, list[Writer]],
    readers: list[tuple[Operation, Hashable]],
) -> Core | None:
    """Zones of the values that were written once, and everything else as what comes between."""
    clusters: list[Cluster] = []
    named: dict[Hashable, Cluster] = {}
    if initial not in writers:
        named[initial] = Cluster(repr(initial), f=-math.inf)
    for value, group in writers.items():
        if len(group) == 1 and value != initial:
            named[value] = Cluster(repr(value))
            if group[0].op.ret is not None:
                named[value].add(group[0].op)
            continue
        for writer in group:
            old = getattr(writer.op.input, "old", value)
            if writer.op.ret is not None and (old == value or old not in named):
                clusters.append(Cluster(repr(value)))
                clusters[-1].add(writer.op)
    for op, value in readers:
        if value in named:
            named[value].add(op)
            continue
        new = getattr(op.input, "new", None)
        if isinstance(op.input, Read) or new not in named:
            clusters.append(Cluster(repr(value)))
            clusters[-1].add(op)
    clash = overlap([*(c for c in named.values() if c.last is not None), *clusters])
    if clash is None:
        return None
    core = in_call_order(bounds(*clash))
    return Core(core, overlap_words(*clash), "the register holds one value at a time")
