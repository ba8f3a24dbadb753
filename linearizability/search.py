"""The generic search: Wing and Gong's, with Lowe's memo, over windowed configurations.

Levels are the returns of a partition in real-time order. A *configuration* (level r, mask, used,
state) says: the first r returned operations are linearized; `mask` tells which of the operations
in progress at return r are linearized too, `used` which of the open ones. Nothing called after
return r can be linearized before the operation of return r, so this is as much as Lowe's (set of
all linearized operations, state), in a few machine words instead of one bit per operation.

What keeps it small:

1. An operation in progress that is *declared* read-only and legal now is linearized now, without
   a branch. Any completion that does it later stays legal if it is moved here.
2. Of several equal open operations only the earliest called is tried; one that changes nothing
   here is not tried at all; and of two configurations that differ only in the open operations
   they used, one that used a superset is dropped. All of it because an open operation may also
   never happen; none of it is sound for an operation that must be linearized.
3. States are numbered and transitions remembered: `step` runs once per (state, kind of operation).

References: Wing, Gong 1993; Lowe 2017; Athalye, Porcupine.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from linearizability.model import Model, State
from linearizability.operation import Operation
from linearizability.window import Row, Window

# level, mask, used, state, index of the configuration it comes from, rank of the operation moved
_Branch = tuple[int, int, int, int, int, int]


class Search:
    """The search through one partition: `advance` it until `linearizable` is not None."""

    def __init__(
        self,
        model: Model,
        operations: Sequence[Operation],
        states: Sequence[State] | None = None,
    ) -> None:
        """`states` are those it may begin in, if not the model's."""
        self._window = Window(model, operations)
        self._table = self._window.table
        self.level_count = self._window.level_count
        self.linearizable: bool | None = None if self.level_count else True
        # Per level: (mask, state) -> the used-sets it was met with, none a subset of another.
        self._memo: list[dict[tuple[int, int], tuple[int, ...]]] = []
        # One entry per accepted configuration: where it came from, by which move, to which state.
        self._parents = array("q")
        self._moves = array("q")
        self._states = array("q")
        self._end = (-1, -1, -1)
        self._longest = (0, 0, -1)
        self._deepest = (0, 0, -1)
        self._stack: list[_Branch] = [
            (0, 0, 0, self._table.number(state), -1, -1)
            for state in reversed(model.first_states() if states is None else states)
        ]

    @property
    def configurations(self) -> int:
        """How many configurations were accepted; the unit of every budget."""
        return len(self._parents)

    @property
    def blocked(self) -> int:
        """The position of the operation whose return no order got past so far."""
        return self._window.positions[self._window.returns[self._deepest[0]]]

    @property
    def returns_left(self) -> int:
        """How many returns the furthest configuration has before it."""
        return self.level_count - self._deepest[0]

    def advance(self, limit: int) -> None:
        """Visit up to `limit` further configurations."""
        window, memo, stack = self._window, self._memo, self._stack
        levels, opens, open_ranks = window.levels, window.opens, window.open_ranks
        rows, read_only = self._table.rows, self._table.read_only
        parents, moves, states = self._parents, self._moves, self._states
        longest, deepest = self._longest, self._deepest
        built, last = len(levels), self.level_count
        index = len(self._parents)
        stop = index + limit
        while index < stop and self.linearizable is None:
            if not stack:
                self.linearizable = False
                break
            r, mask, used, s, parent, move = stack.pop()
            row = rows[s]
            while r < last:  # forced moves
                if r == built:
                    window.build_level()
                    memo.append({})
                    built += 1
                bit, kind, rank, reads, writes, called = levels[r]
                if mask & bit:
                    mask ^= bit
                elif not (read_only[kind] and row[kind]):
                    break
                r += 1
            else:
                self._end = (parent, move, s)
                self.linearizable = True
                break
            for b, k, _ in reads:
                if not mask & b and row[k]:
                    mask |= b
            key = (mask, s)
            known = memo[r].get(key)
            if known is None:
                memo[r][key] = (used,) if used else _NONE_USED
            elif _dominated(known, used):
                continue
            else:
                memo[r][key] = (*[x for x in known if x & used != used], used)
            parents.append(parent)
            moves.append(move)
            states.append(s)
            length = r + mask.bit_count()
            if length > longest[0] or (length == longest[0] and r > longest[1]):
                longest = (length, r, index)
            if r > deepest[0] or (r == deepest[0] and length > deepest[1]):
                deepest = (r, length, index)
            # Branches. What is pushed last is tried first.
            for k, serials in opens.items():
                for serial in serials:
                    if serial >= called:
                        break
                    if not used >> serial & 1:
                        use = used | 1 << serial
                        for t in row[k]:
                            if t != s:
                                stack.append((r, mask, use, t, index, open_ranks[serial]))
                        break
            for b, k, other in writes:
                if not mask & b:
                    for t in row[k]:
                        stack.append((r, mask | b, used, t, index, other))
            for t in row[kind]:
                stack.append((r, mask | bit, used, t, index, rank))
            index += 1
        self._longest, self._deepest = longest, deepest

    def forget(self) -> None:
        """Drop what only the search itself needs, which is nearly all of its memory.

        Rows refer to their table and the table to its rows: taken apart, they need no collector.
        """
        self._memo.clear()
        self._stack.clear()
        for row in self._table.rows:
            del row.table

    def order(self) -> list[int]:
        """The linearization that was found, as positions."""
        parent, *last = self._end
        return self._walk([*self._path(parent), (last[0], last[1])])

    def longest_prefix(self) -> list[int]:
        """The longest partial linearization met; of equal ones that which got furthest in time."""
        return self._walk(self._path(self._longest[2]))

    def deepest_prefix(self) -> list[int]:
        """The longest partial linearization of those that got furthest in time."""
        return self._walk(self._path(self._deepest[2]))

    def _path(self, index: int) -> list[tuple[int, int]]:
        """The moves to a configuration, each with the state it leads to."""
        path = []
        while index >= 0:
            path.append((self._moves[index], self._states[index]))
            index = self._parents[index]
        path.reverse()
        return path

    def _walk(self, path: list[tuple[int, int]]) -> list[int]:
        """Positions of the operations linearized along a path, forced moves made again."""
        order: list[int] = []
        level = mask = 0
        for move, state in path:
            if move >= 0:
                order.append(move)
                mask |= self._window.bits[move]
            level, mask = self._settle(level, mask, self._table.rows[state], order)
        return [self._window.positions[rank] for rank in order]

    def _settle(self, level: int, mask: int, row: Row, order: list[int]) -> tuple[int, int]:
        """The forced moves of `advance`, writing down what they linearize."""
        while level < self.level_count:
            bit, kind, rank, reads, _, _ = self._window.levels[level]
            if mask & bit:
                mask ^= bit
            elif self._table.read_only[kind] and row[kind]:
                order.append(rank)
            else:
                for b, k, other in reads:
                    if not mask & b and row[k]:
                        mask |= b
                        order.append(other)
                break
            level += 1
        return level, mask


_NONE_USED = (0,)


def _dominated(known: tuple[int, ...], used: int) -> bool:
    """Whether some set in `known` is a subset of `used`."""
    return any(x & used == x for x in known)
