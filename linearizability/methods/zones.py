"""Registers whose written values are all different: zones, after Gibbons and Korach.

A *cluster* is a write with the reads of its value; the initial value is a write before all time.
With f the smallest return and s the greatest call of a cluster,

    f <  s   its zone is [f, s], forward: the register certainly holds this value from f to s
    f >= s   its zone is [s, f], backward: all overlap, it can happen at one instant in [s, f]

A history is linearizable iff every value read was written, not after the read had returned, no two
forward zones overlap in more than a point, and no backward zone lies strictly inside a forward
one. O(n log n). Gibbons, Korach 1997.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from linearizability.operation import Operation, client_name


@dataclass(slots=True)
class Cluster:
    """Operations that belong to one uninterrupted stay of a value."""

    name: str
    first: Operation | None = None  # the one with the smallest return
    last: Operation | None = None  # the one with the greatest call
    f: float = math.inf
    s: float = -math.inf

    def add(self, op: Operation) -> None:
        if op.call > self.s:
            self.last, self.s = op, op.call
        if op.ret is not None and op.ret < self.f:
            self.first, self.f = op, op.ret

    @property
    def forward(self) -> bool:
        return self.f < self.s


def overlap(clusters: Sequence[Cluster]) -> tuple[Cluster, Cluster] | None:
    """Two clusters whose zones exclude each other, the first of them forward."""
    forward = sorted((c for c in clusters if c.forward), key=lambda c: (c.f, c.s))
    for one, other in pairwise(forward):
        if other.f < one.s:
            return one, other
    starts = [cluster.f for cluster in forward]
    for cluster in clusters:
        if not cluster.forward:
            around = bisect_left(starts, cluster.s) - 1
            if around >= 0 and cluster.f < forward[around].s:
                return forward[around], cluster
    return None


def arrange(clusters: Sequence[Cluster], placed: Iterable[Placed]) -> list[int]:
    """The positions of operations whose clusters do not exclude each other, in a legal order.

    At the border of two zones the ending cluster goes first, then those that happen at this one
    instant, then the starting one.
    """
    forward = sorted((c for c in clusters if c.forward), key=lambda c: c.f)
    starts = [cluster.f for cluster in forward]
    points = []
    for cluster in clusters:
        around = bisect_left(starts, cluster.s) - 1
        points.append(max(cluster.s, forward[around].s) if around >= 0 else cluster.s)
    keyed: list[tuple[float, int, int, float, int, int]] = []
    for number, instant, rank, position in placed:
        cluster = clusters[number]
        if cluster.forward:
            at = min(max(instant, cluster.f), cluster.s)
            phase = 0 if at == cluster.s else 2
        else:
            at, phase = points[number], 1
        keyed.append((at, phase, number, instant, rank, position))
    keyed.sort()
    return [entry[-1] for entry in keyed]


# cluster, instant at which it may happen, order within the cluster at equal instants, position
Placed = tuple[int, float, int, int]


def overlap_words(one: Cluster, other: Cluster) -> str:
    """Why two clusters exclude each other; the first is forward."""
    if one.first is None:
        held = f"It held {one.name} from the start to {one.s} ({_began(one)})"
    else:
        held = f"It held {one.name} from {one.f} ({_returned(one)}) to {one.s} ({_began(one)})"
    if other.forward:
        return (
            f"{held}, and {other.name} from {other.f} ({_returned(other)}) to {other.s}"
            f" ({_began(other)}), but it holds one value at a time."
        )
    return (
        f"{held}, but {other.name} had to come at some moment from {other.s}"
        f" ({_began(other)}) to {other.f} ({_returned(other)})."
    )


def _began(cluster: Cluster) -> str:
    assert cluster.last is not None
    return f"{client_name(cluster.last.client)}'s {_kind(cluster.last)} began"


def _returned(cluster: Cluster) -> str:
    assert cluster.first is not None
    return f"{client_name(cluster.first.client)}'s {_kind(cluster.first)} returned"


def _kind(op: Operation) -> str:
    return type(op.input).__name__


def bounds(*clusters: Cluster) -> list[Operation]:
    """The operations that set the zones."""
    ends = [op for cluster in clusters for op in (cluster.first, cluster.last)]
    return [op for op in ends if op is not None]
