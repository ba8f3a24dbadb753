"""The special method for registers: every value is written once, so each read names its write."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.inputs import Read, Write
from linearizability.methods.zones import Cluster, Placed, arrange, bounds, overlap, overlap_words
from linearizability.operation import Operation, client_name, in_call_order


def is_read(input: Any, output: Any) -> bool:
    """Reads are read-only, whatever they returned."""
    return isinstance(input, Read)


def decide(initial: Hashable, operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one register by its zones; declines if some value was written twice."""
    writes: dict[Hashable, Operation] = {}
    for op in operations:
        if isinstance(op.input, Write):
            if op.input.value in writes or op.input.value == initial:
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
