"""The sweep over the versions of one key, and the proof or the conflict it ends in."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from linearizability.decision import Case, Conflict, Core, Proof, in_order
from linearizability.methods.kv.intervals import (
    Interval,
    intersection,
    next_transition,
    union,
)
from linearizability.methods.kv.table import (
    NO_KEY,
    VERSION,
    Clash,
    Dialect,
    Table,
    end,
    tabulate,
)
from linearizability.operation import Operation, in_call_order


def cases(dialect: Dialect, history: Iterable[Operation]) -> list[Case]:
    """A case for each key. Inputs are `Get` and `Put`."""
    tables = tabulate(history, dialect)
    return [
        Case(key, tables[key].operations, partial(_decide, dialect, tables[key]))
        for key in in_order(tables)
    ]


def _decide(dialect: Dialect, table: Table) -> Proof | Conflict:
    clash = table.find_clash()
    if clash is not None:
        return VersionedConflict(clash)
    if not dialect.version_error_without_key:
        table.note_existence()
    feasible = Feasible()
    failed = _sweep(table, feasible)
    if failed is None:
        return VersionedProof(dialect, table, feasible)
    return VersionedConflict((table, failed))


@dataclass(frozen=True)
class VersionedConflict(Conflict):
    """Two operations that clash, or a table and the first transition that has no instant."""

    reason: Clash | tuple[Table, int]

    def core(self) -> Core:
        from linearizability.explanation.kv import clash_words, contradiction_words
        from linearizability.methods.kv.facts import proof_of, smallest_contradiction

        owners: Sequence[Operation]
        if isinstance(self.reason, Clash):
            owners = self.reason.operations
            why, missing = clash_words(self.reason)
        else:
            table, failed = self.reason
            facts = smallest_contradiction(table, failed)
            proof = proof_of(table, min(table.needed, failed + 1), facts)
            owners = (*(op for fact in facts for op in fact.owners), *proof)
            why, missing = contradiction_words(table, failed, facts, proof)
        return Core(in_call_order(owners), why, missing)


@dataclass(slots=True)
class Feasible:
    """For each transition the instants it may take, seen from the left.

    Nearly always one interval; `several` has the others.
    """

    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    several: dict[int, list[Interval]] = field(default_factory=dict)

    def at(self, v: int) -> Sequence[Interval]:
        """The set for transition v; nothing has happened at transition -1."""
        if v < 0:
            return ((-math.inf, -math.inf),)
        return self.several.get(v) or ((self.lows[v], self.highs[v]),)


def _sweep(table: Table, feasible: Feasible) -> int | None:
    """Push the feasible instants through all transitions; the first that has none, if any."""
    first_get, last_get, ok = table.first_get, table.last_get, table.ok
    refused, maybe, needed = table.refused, table.maybe, table.needed
    refused_call, refused_end = table.refused_call, table.refused_end
    add_low, add_high, several = feasible.lows.append, feasible.highs.append, feasible.several
    low = high = -math.inf  # the hull of the instants of the transition before
    v = 0
    while True:
        if v >= needed:  # version v may be the last
            group = refused.get(v)
            if group is None or max([op.call for op in group]) <= high:
                return None
            if v not in maybe:
                return v
        seen = first_get.get(v + 1)
        writer = ok.get(v)
        windows: list[Interval] = []
        if writer is None:
            windows = _windows(maybe.get(v, ()), seen)
            if not windows:
                return v
            begin, last = windows[0][0], windows[-1][1]
        else:
            if seen is not None and seen.output[0] != writer.input[1]:
                return v
            begin, last = writer.call, math.inf if writer.ret is None else writer.ret
        get = last_get.get(v) if v else table.lower(0)
        earliest = low if get is None or get.call < low else get.call
        latest = math.inf if seen is None else end(seen)
        if v < 2 and (implied := table.exists[v]) is not None:
            latest = min(latest, end(implied))
        first_refused = refused_call.get(v) if refused_call else None
        if first_refused is not None:
            if first_refused > high:  # all were called after version v had begun
                latest = min(latest, refused_end[v])
            else:
                # The transition before may be at any instant from low to high. A refusal [c, r]
                # with c in there forbids nothing: instants up to r go with an earlier one before,
                # instants from c on with one at c, and c <= r. Only later calls bind.
                late = [end(op) for op in refused[v] if op.call > high]
                latest = min(latest, *late) if late else latest
        new_low, new_high = max(begin, earliest), min(last, latest)
        if len(windows) > 1 or (v - 1) in several:
            calls = sorted((op.call, end(op)) for op in refused.get(v, ()))
            reach = next_transition(feasible.at(v - 1), earliest, latest, calls)
            found = intersection(windows or [(begin, last)], reach)
            if not found:
                return v
            if len(found) > 1:
                several[v] = found
            new_low, new_high = found[0][0], found[-1][1]
        if new_low > new_high:
            return v
        low, high = new_low, new_high
        add_low(low)
        add_high(high)
        v += 1


def _windows(candidates: Sequence[Operation], seen: Operation | None) -> list[Interval]:
    """When one of the ambiguous Puts may have been applied, given who read what it wrote."""
    return union(
        (op.call, end(op)) for op in candidates if seen is None or op.input[1] == seen.output[0]
    )


@dataclass(frozen=True)
class VersionedProof(Proof):
    """The sets of feasible instants, from which the earliest solution is read off."""

    dialect: Dialect
    table: Table
    feasible: Feasible

    def transitions(self) -> list[tuple[float, Operation]]:
        """For each version but the last: when it ended, and the Put that ended it.

        The earliest solution there is, pointwise.
        """
        table, feasible = self.table, self.feasible
        ended = table.refused_end
        last = len(feasible.lows)
        bound = max((op.call for op in table.refused.get(last, ())), default=-math.inf)
        found: list[tuple[float, Operation]] = []
        for v in range(last - 1, -1, -1):
            instant = next(max(low, bound) for low, high in feasible.at(v) if high >= bound)
            found.append((instant, self._writer(v, instant)))
            bound = -math.inf
            if v in ended and ended[v] < instant:
                bound = max([op.call for op in table.refused[v] if end(op) < instant])
        found.reverse()
        return found

    def _writer(self, v: int, instant: float) -> Operation:
        if v in self.table.ok:
            return self.table.ok[v]
        seen = self.table.first_get.get(v + 1)
        return min(
            (
                op
                for op in self.table.maybe[v]
                if op.call <= instant <= end(op)
                and (seen is None or op.input[1] == seen.output[0])
            ),
            key=lambda op: op.call,
        )

    def order(self) -> list[int]:
        transitions = self.transitions()
        instants = [instant for instant, _ in transitions]
        # For each position its instant, and twice the version that holds then, as one number:
        # instants are calls and returns, and numbers are compared faster than tuples.
        placed: dict[int, float] = {}
        refused, span = self._refused(instants), 2 * len(instants) + 2
        applied = {id(op): version for version, (_, op) in enumerate(transitions)}
        last = len(instants)
        for position, op in enumerate(self.table.operations):
            if len(op.input) == 1:  # a Get; most of an order is this
                if op.ret is not None:
                    call: float = op.call
                    version = op.output[1]
                    if version and instants[version - 1] > call:
                        call = instants[version - 1]
                    placed[position] = call * span + 2 * version
                continue
            version = applied.get(id(op), -1)
            if version >= 0:
                placed[position] = instants[version] * span + 2 * version + 1
            elif (ret := op.ret) is not None:
                version = op.input[2]
                if (
                    op.output == VERSION
                    and type(version) is int
                    and 0 <= version <= last
                    and (version == 0 or instants[version - 1] < op.call)
                ):  # refused after its version had ended, as nearly all are: without a call
                    placed[position] = ret * span + 2 * bisect_right(instants, ret)
                else:
                    instant, place = refused(op)
                    placed[position] = instant * span + place
        return sorted(placed, key=placed.__getitem__)

    def _refused(self, instants: list[float]) -> Callable[[Operation], tuple[float, int]]:
        """Of a Put that changed nothing: (instant, twice the version that holds then)."""
        last = len(instants)
        versions = range(last + 1)
        exists = not self.dialect.version_error_without_key
        first = instants[0] if exists and instants else -math.inf
        after_its_end = (0, 1) if exists else (0,)
        loose = self.dialect.loose_maybe

        def refused(op: Operation) -> tuple[float, int]:
            version, output = op.input[2], op.output
            at: float = op.call
            if output != VERSION:
                if output == NO_KEY:
                    return at, 0
                if loose:  # ErrMaybe: it did nothing, at no special time
                    return at, 2 * bisect_right(instants, at)
            # Refused: before epoch `version` if that began late enough, else after its end. What
            # is no version, or never reached, counts as one beyond the last.
            if first > at:
                at = first
            if version not in versions:
                return at, 2 * min(last, bisect_right(instants, at))
            version = int(version)
            if version in after_its_end or at > instants[version - 1]:
                return end(op), 2 * bisect_right(instants, end(op))
            return at, 2 * min(version - 1, bisect_right(instants, at))

        return refused
