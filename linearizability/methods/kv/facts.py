"""What a table says about a few neighbouring transitions, as single facts that can be left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from linearizability.methods.kv.intervals import (
    BEGINNING,
    LINE,
    Interval,
    intersection,
    next_transition,
    union,
)
from linearizability.methods.kv.table import OK, Table, end, is_get
from linearizability.operation import Operation

LOWER, UPPER, WINDOW, APART = "lower", "upper", "window", "apart"


class Fact(NamedTuple):
    """One constraint on transition v, and the operations that say so.

    lower    t_v >= low
    upper    t_v <= high
    window   t_v lies in `span`: one of the owners made it, and nothing else can have
    apart    low <= t_{v-1} or t_v <= high; if v never ends, only the former
    """

    kind: str
    v: int
    low: float
    high: float
    owners: tuple[Operation, ...]
    span: tuple[Interval, ...] = ()


def facts_about(table: Table, v: int) -> Iterator[Fact]:
    """All facts that bind transition v."""
    last = table.lower(v)
    if last is not None:
        yield Fact(LOWER, v, last.call, math.inf, (last,))
    for op in table.uppers(v):
        yield Fact(UPPER, v, -math.inf, end(op), (op,))
    yield _window(table, v)
    for op in table.refused.get(v, ()):
        yield Fact(APART, v, op.call, end(op), (op,))


def _window(table: Table, v: int) -> Fact:
    """Who made transition v: the Put that was acknowledged, or else an ambiguous one that fits."""
    seen = table.first_get.get(v + 1)
    writers = [table.ok[v]] if v in table.ok else table.maybe.get(v, [])
    fitting = [op for op in writers if seen is None or op.input[1] == seen.output[0]]
    owners = (
        [*fitting, seen] if seen is not None and len(fitting) < len(writers) else list(fitting)
    )
    if v in table.ok and not fitting:
        owners.append(table.ok[v])
    span = union((op.call, end(op)) for op in fitting)
    low, high = (span[0][0], span[-1][1]) if span else (math.inf, -math.inf)
    return Fact(WINDOW, v, low, high, tuple(owners), tuple(span))


def contradictory(facts: Sequence[Fact], first: int, last: int, needed: int) -> bool:
    """Whether no instants for the transitions first..last satisfy the facts.

    Version `needed` was reached; from then on the run may stop. Nothing is assumed about the
    transition before `first`, except that before transition 0 there is only the beginning.
    """
    before: Sequence[Interval] = LINE if first else BEGINNING
    by_version: dict[int, list[Fact]] = {}
    for fact in facts:
        if fact.v in by_version:
            by_version[fact.v].append(fact)
        else:
            by_version[fact.v] = [fact]
    for v in range(first, last + 1):
        low, high = -math.inf, math.inf
        refused: list[Interval] = []
        spans: list[Sequence[Interval]] = []
        for fact in by_version.get(v, ()):
            kind = fact.kind
            if kind == APART:
                refused.append((fact.low, fact.high))
            elif kind == WINDOW:
                spans.append(fact.span)
            elif kind == LOWER:
                low = max(low, fact.low)
            else:
                high = min(high, fact.high)
        refused.sort()
        if v >= needed and (not refused or refused[-1][0] <= before[-1][1]):
            return False
        before = next_transition(before, low, high, refused)
        for span in spans:
            before = intersection(before, span)
        if not before:
            return True
    return False


def smallest_contradiction(table: Table, failed: int) -> list[Fact]:
    """Facts around transition `failed`, none of which can be left out."""
    needed = min(table.needed, failed + 1)

    def window_from(first: int) -> list[Fact]:
        return [fact for v in range(first, failed + 1) for fact in facts_about(table, v)]

    def fails_from(first: int) -> bool:
        return contradictory(window_from(first), first, failed, needed)

    # The latest first version from which it is a contradiction already: gallop, then bisect. The
    # run must not have been able to stop before it.
    good = min(failed, needed)
    bad, step = good + 1, 1
    while not fails_from(good):
        assert good > 0, "what the sweep refuted is a contradiction"
        bad, good, step = good, max(0, good - step), step * 2
    while bad - good > 1:
        middle = (good + bad) // 2
        if fails_from(middle):
            good = middle
        else:
            bad = middle
    facts = window_from(good)
    direct = [fact for fact in facts if fact.kind != UPPER or is_get(fact.owners[0])]
    if contradictory(direct, good, failed, needed):
        facts = direct  # what a Get saw is easier to follow than what a refusal implies
    return _without_idle(facts, lambda some: contradictory(some, good, failed, needed))


def _without_idle(facts: list[Fact], fails: Callable[[list[Fact]], bool]) -> list[Fact]:
    """Leave out halves, quarters, ..., single facts, as long as the rest is a contradiction."""
    size = len(facts)
    while size:
        start = 0
        while start < len(facts):
            rest = facts[:start] + facts[start + size :]
            if fails(rest):
                facts = rest
            else:
                start += size
        size //= 2
    return facts


def proof_of(table: Table, version: int, facts: Sequence[Fact]) -> tuple[Operation, ...]:
    """The operation that shows that a version was reached, unless the facts show it anyway."""
    shown = max(
        (
            max(_reaches(op) for op in fact.owners) if fact.kind != UPPER else fact.v + 1
            for fact in facts
            if fact.owners
        ),
        default=0,
    )
    if shown >= version:
        return ()
    candidates = [op for v, op in table.first_get.items() if v >= version]
    candidates += [op for v, op in table.ok.items() if v + 1 >= version]
    candidates += [op for v, op in enumerate(table.exists, 1) if op is not None and v >= version]
    return (min(candidates, key=lambda op: (end(op), op.call)),)


def _reaches(op: Operation) -> int:
    """The version that an operation alone shows to have been reached."""
    if is_get(op):
        return int(op.output[1])
    return int(op.input[2]) + 1 if op.ret is not None and op.output == OK else 0
