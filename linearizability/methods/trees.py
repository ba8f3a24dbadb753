"""Trees over stamps, in which the methods for collections look things up in O(log n)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import sub

INFINITY = math.inf
Stamp = float  # an integer, or infinity; never rounded


class Earliest:
    """The least end of those entered with at least some key: a Fenwick tree from the right."""

    def __init__(self, keys: Iterable[Stamp]) -> None:
        self._keys = sorted(set(keys))
        self._ends: list[tuple[Stamp, tuple[int, ...]] | None] = [None] * (len(self._keys) + 1)

    def put(self, key: Stamp, end: Stamp, proofs: tuple[int, ...]) -> None:
        place = len(self._keys) - bisect_left(self._keys, key)
        while place <= len(self._keys):
            known = self._ends[place]
            if known is not None and known[0] <= end:
                return  # and what comes after in the tree is about more keys
            self._ends[place] = end, proofs
            place += place & -place

    def above(self, key: Stamp) -> tuple[Stamp, tuple[int, ...]]:
        """The least end of those with a greater key, and its proofs; infinity if there is none."""
        place = len(self._keys) - bisect_right(self._keys, key)
        best: tuple[Stamp, tuple[int, ...]] = (INFINITY, ())
        while place:
            known = self._ends[place]
            if known is not None and known[0] < best[0]:
                best = known
            place -= place & -place
        return best


class Depth:
    """How many covers lie over each of some points: take one away, find the first point with none.

    A tree whose nodes hold the least depth of their points; a cover is a range of points.
    """

    def __init__(self, points: int, covers: Sequence[tuple[int, int]]) -> None:
        self._size = 1 << max(1, (points - 1).bit_length())
        changes = [0] * (self._size + 1)
        for start, end in covers:
            changes[start] += 1
            changes[end] -= 1
        levels = [list(accumulate(changes[: self._size]))]
        while len(levels[-1]) > 1:
            below = levels[-1]
            pairs = zip(below[::2], below[1::2], strict=True)
            levels.append([one if one < other else other for one, other in pairs])
        # The depth of a point is the sum over its ancestors: each node keeps what is its own.
        own = [0, *levels[-1]]
        for below, above in zip(levels[-2::-1], levels[:0:-1], strict=True):
            own += map(sub, below, chain.from_iterable(zip(above, above, strict=True)))
        self._own = own

    def uncover(self, start: int, end: int) -> None:
        """Take one cover away from the points from start to before end."""
        if start >= end:
            return
        own = self._own
        left, right = start + self._size, end - 1 + self._size
        own[left] -= 1
        if left != right:
            own[right] -= 1
        while left >> 1 != right >> 1:
            if not left & 1:
                own[left ^ 1] -= 1
            if right & 1:
                own[right ^ 1] -= 1
            for node in (left, right):
                least, other = own[node], own[node ^ 1]
                if other < least:
                    least = other
                if least:
                    own[node] -= least
                    own[node ^ 1] -= least
                    own[node >> 1] += least
            left >>= 1
            right >>= 1
        while left > 1:
            least, other = own[left], own[left ^ 1]
            if other < least:
                least = other
            if not least:
                return  # nothing changes above
            own[left] -= least
            own[left ^ 1] -= least
            left >>= 1
            own[left] += least

    def first_zero(self, start: int) -> int:
        """The first point from `start` on that nothing covers; there is one."""
        own = self._own
        # Climb from the start: the sum over the ancestors, and the subtrees to its right.
        node = start + self._size
        path = 0
        above = node
        while above:
            path += own[above]
            above >>= 1
        if path == 0:
            return start
        while True:
            path -= own[node]
            if not node & 1 and path + own[node + 1] == 0:
                node += 1
                break
            node >>= 1
        while node < self._size:
            node *= 2
            if own[node]:
                node += 1
        return node - self._size


class Latest:
    """Values by their number: the latest end among the first so many, in O(log n)."""

    def __init__(self, count: int) -> None:
        self._size = 1 << max(1, (count - 1).bit_length())
        self._ends: list[Stamp] = [-INFINITY] * (2 * self._size)

    def put(self, number: int, end: Stamp) -> None:
        ends = self._ends
        node = number + self._size
        ends[node] = end
        while node > 1:
            other = ends[node ^ 1]
            node >>= 1
            if other > end:
                end = other
            if ends[node] == end:
                return
            ends[node] = end

    def latest(self, count: int) -> tuple[int, Stamp]:
        """The number with the latest end among the first `count`, and that end."""
        ends = self._ends
        left, right = self._size, self._size + count
        best, end = left, -INFINITY
        while left < right:
            if left & 1:
                if ends[left] > end:
                    best, end = left, ends[left]
                left += 1
            if right & 1:
                right -= 1
                if ends[right] > end:
                    best, end = right, ends[right]
            left >>= 1
            right >>= 1
        while best < self._size:
            best *= 2
            if ends[best] != end:
                best += 1
        return best - self._size, end
