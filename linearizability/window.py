"""A partition prepared for the search: returns as levels, operations as bits of a window."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from linearizability.model import Model, State, _itself
from linearizability.operation import OPEN, Operation

# (bit, kind, rank) of an operation in progress: its bit in the mask, the number of its
# (input, output) pair, and its place in call order.
Active = tuple[int, int, int]
# What a level needs: the returning operation, then the other operations in progress, read-only
# ones and the rest, earliest call first, then how many open operations have been called so far.
Level = tuple[int, int, int, tuple[Active, ...], tuple[Active, ...], int]


class Row(dict[int, tuple[int, ...]]):
    """For one state: kind of operation -> the numbers of the states it may lead to."""

    __slots__ = ("number", "state", "table")

    def __init__(self, state: State, number: int, table: Transitions) -> None:
        self.state = state
        self.number = (number,)
        self.table = table

    def __missing__(self, kind: int) -> tuple[int, ...]:
        # A search spends much of its time here wherever states hardly repeat.
        table, state = self.table, self.state
        asked, output = table.pairs[kind]
        if table.nondeterministic:
            after = table.model.stepped(table.step(state, asked, output))
            outcomes = tuple(dict.fromkeys(map(table.number, after)))
        else:
            result = table.step(state, asked, output)
            if type(result) is not tuple or len(result) != 2 or type(result[0]) is not bool:
                table.model.stepped(result)
            legal, after = result
            if not legal:
                outcomes = ()
            elif after is state:
                outcomes = self.number
            else:
                outcomes = table.rows[table.number(after)].number
        if table.watches:
            table.watch(self.number[0], state, kind)
        if table.read_only[kind] and outcomes and outcomes != self.number:
            table.complain(kind, state)
        self[kind] = outcomes
        return outcomes


class Transitions:
    """The part of the model's transition table that the search has touched."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.step = model.step
        self.nondeterministic = model.nondeterministic
        self.rows: list[Row] = []
        self.pairs: list[tuple[Any, Any]] = []  # of each kind of operation: input and output
        self.read_only: list[bool] = []
        self._key = model.key
        # With a key of its own a state may be mutable, and step may have changed it in place.
        self.watches = model.key is not _itself
        self._numbers: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self._kinds: dict[Any, int] = {}

    def number(self, state: State) -> int:
        """States are numbered as they come up."""
        key = self._key(state)
        try:
            number = self._numbers.get(key)
        except TypeError as error:
            raise TypeError(
                f"model {self.model.name!r}: a state cannot be told from others ({error}): make"
                " states immutable, or give the model a key function, as key=tuple"
            ) from error
        if number is None:
            if type(key).__hash__ is object.__hash__ and hasattr(key, "__dict__"):
                self.refuse_identity(key)
            number = self._numbers[key] = len(self.rows)
            self.rows.append(Row(state, number, self))
            if self.watches:
                self._keys.append(key)
        return number

    def refuse_identity(self, state: State) -> None:
        """An object that is equal to itself alone: nobody would see that step changed it."""
        if not callable(state):
            raise TypeError(
                f"model {self.model.name!r}: a state is of type {type(state).__name__}, of which"
                " no two are equal: give it __eq__ and __hash__, as @dataclass(frozen=True) does,"
                " or give the model a key function"
            )

    def kind(self, operation: Operation) -> int:
        """Operations with equal inputs and outputs are of one kind."""
        output = OPEN if operation.ret is None else operation.output
        # The type too: named tuples of different types are equal when their fields are.
        key = (type(operation.input), operation.input, output)
        try:
            kind = self._kinds.setdefault(key, len(self.pairs))
        except TypeError:  # something unhashable, as a wrong reply may be: a kind of its own
            kind = len(self.pairs)
        if kind == len(self.pairs):
            self.pairs.append((operation.input, output))
            found = self.model.read_only(operation.input, output)
            self.read_only.append(self.model.truth("read_only", found))
        return kind

    def watch(self, number: int, state: State, kind: int) -> None:
        """A state that was changed in place would make every verdict wrong."""
        if self._key(state) != self._keys[number]:
            text = self.model.described(*self.pairs[kind])
            raise ValueError(
                f"model {self.model.name!r}: step changed its state in place when it did {text}:"
                " return a new state and leave the old one alone"
            )

    def complain(self, kind: int, state: State) -> None:
        """A wrong declaration would give wrong verdicts."""
        text = self.model.described(*self.pairs[kind])
        raise ValueError(
            f"model {self.model.name!r} declares {text} read-only, but it changes the state"
            f" {self.model.described_state(state)}: correct its read_only function"
        )


class Window:
    """The levels of a partition, in real-time order; `level_count` of them, built on demand.

    An operation has a bit only while it is in progress, so masks stay as narrow as the history is
    concurrent, and an early refutation does not pay for the tail.
    """

    def __init__(self, model: Model, operations: Sequence[Operation]) -> None:
        self.positions = sorted(
            range(len(operations)), key=[op.call for op in operations].__getitem__
        )
        self.operations = [operations[position] for position in self.positions]
        stamps = [-1 if op.ret is None else op.ret for op in self.operations]
        self.returns = sorted(
            (rank for rank, op in enumerate(self.operations) if op.ret is not None),
            key=stamps.__getitem__,
        )
        self.level_count = len(self.returns)
        self.table = Transitions(model)
        self.levels: list[Level] = []
        self.bits: list[int] = []
        # Open operations by kind: their serial numbers in call order. Serial -> rank.
        self.opens: dict[int, list[int]] = {}
        self.open_ranks: list[int] = []
        self._reads: dict[int, Active] = {}
        self._writes: dict[int, Active] = {}
        self._free: list[int] = []
        self._width = 0

    def build_level(self) -> None:
        """The next level: take in every call up to its return, then take its operation out."""
        rank = self.returns[len(self.levels)]
        operations, called = self.operations, len(self.bits)
        stamp = operations[rank].ret
        assert stamp is not None
        while called < len(operations) and operations[called].call <= stamp:
            self.bits.append(self._call(called, operations[called]))
            called += 1
        bit, kind, _ = (self._reads if rank in self._reads else self._writes).pop(rank)
        self._free.append(bit)
        reads, writes = tuple(self._reads.values()), tuple(self._writes.values())
        self.levels.append((bit, kind, rank, reads, writes, len(self.open_ranks)))

    def _call(self, rank: int, operation: Operation) -> int:
        """Take in an operation; its bit, or 0 if it is open."""
        kind = self.table.kind(operation)
        read_only = self.table.read_only[kind]
        if operation.ret is None:
            if not read_only:  # an open read constrains nothing
                self.opens.setdefault(kind, []).append(len(self.open_ranks))
                self.open_ranks.append(rank)
            return 0
        if not self._free:
            self._free.append(1 << self._width)
            self._width += 1
        bit = self._free.pop()
        (self._reads if read_only else self._writes)[rank] = (bit, kind, rank)
        return bit
