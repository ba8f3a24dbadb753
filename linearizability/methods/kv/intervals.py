"""Sets of instants as sorted, disjoint, closed intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Interval = tuple[float, float]

LINE: Sequence[Interval] = ((-math.inf, math.inf),)
BEGINNING: Sequence[Interval] = ((-math.inf, -math.inf),)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants, overlapping and touching intervals merged."""
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def intersection(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """The instants that are in both sets."""
    common: list[Interval] = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            common.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return common


def next_transition(
    before: Sequence[Interval], low: float, high: float, refused: Sequence[Interval]
) -> list[Interval]:
    """Where t_v may be: at or after a t_{v-1} in `before`, in [low, high], and such that each
    refused call [c, r], sorted, has c <= t_{v-1} or t_v <= r.

    Given t_{v-1} = a, the refusals with c > a force t_v <= min of their r: a step function of a
    that grows. Inside one step only the smallest a counts.
    """
    bounds = [high] * (len(refused) + 1)
    for i in range(len(refused) - 1, -1, -1):
        bounds[i] = min(bounds[i + 1], refused[i][1])
    found: list[Interval] = []
    start, i = -math.inf, 0
    for step, bound in enumerate(bounds):
        stop = refused[step][0] if step < len(refused) else math.inf
        while i < len(before) and before[i][1] < start:
            i += 1
        if i == len(before):
            break
        first = max(before[i][0], start)
        if first < stop or stop == math.inf:
            earliest = max(first, low)
            if earliest <= bound:
                found.append((earliest, bound))
        start = stop
    return union(found)
