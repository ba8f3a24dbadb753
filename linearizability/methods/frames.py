"""Searching stacks whose values repeat: what happened on top of a value, whatever lies below it.

A stack's state remembers the order of concurrent Pushes until their values are popped, and the
generic search keeps each whole content apart. But what happens while a value lies on the stack,
between its Push and its Pop, depends on nothing that lies below. So this remembers *frames*: the
operations linearized when a value was pushed (a *cut*), and that value. A configuration is a frame
and a later cut at which the value of the frame is on top again. A Push leads into a frame, which
may be there already; a Pop of its value leads from there back to every frame that it was pushed
from. That is reachability in a pushdown system, with summaries: all contents below are one.

A cut is a level of the returns and a mask of the operations in progress: with k clients there
are at most n 2^k. Frames are cuts with a value, and configurations are pairs of both, most of
which are never reached: polynomial for a bounded number of clients. After Lee, Mathur, "Fixed
parameter tractable linearizability monitoring" (2026), which treats stacks by grammars.

Open operations may never have happened. Of equal ones only the earliest called that is unused is
tried, and an open Pop of the empty stack never.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

from linearizability.decision import Conflict, Core, Proof
from linearizability.explanation import lives as words
from linearizability.inputs import Push
from linearizability.methods.lives import fewest_values
from linearizability.methods.pairs import Side
from linearizability.operation import Operation

Cut = tuple[int, int]  # a level, and the operations used from there on

_OPEN = object()  # what an open Pop takes: anything
_EMPTY = object()  # what lies at the bottom


@dataclass(slots=True)
class Frame:
    """A value on the stack: where its Push came from, and where its Pops led to."""

    value: Hashable
    pushes: list[tuple[int, int]] = field(default_factory=list)  # configuration, operation
    pops: list[tuple[int, int, Cut]] = field(default_factory=list)  # likewise, and the cut after
    cuts: set[Cut] = field(default_factory=set)  # at which its value was on top


# The frame and the cut, then how it came about: after a Push (-1, -1, -1, -1) or, by numbers, the
# configuration before and an operation, and those of the Pop that came back, if that is how.
Configuration = tuple[int, Cut, int, int, int, int]


class FrameSearch:
    """The search through one stack: `advance` it until `linearizable` is not None.

    With `anything_below` the stack may have held any values before, so a Pop may have taken one of
    them whenever none of those pushed since lies on top.
    """

    def __init__(self, operations: Sequence[Operation], *, anything_below: bool = False) -> None:
        self._anything_below = anything_below
        self.operations = operations
        self.side = Side(operations, range(len(operations)))
        self._returns = sum(op.ret is not None for op in operations)
        self._pushed: list[Hashable] = []
        self._popped: list[Hashable] = []
        for position in self.side.positions:
            op = operations[position]
            is_push = isinstance(op.input, Push)
            self._pushed.append(op.input.value if is_push else _EMPTY)
            taken = _OPEN if op.ret is None else _EMPTY if op.output is None else op.output
            self._popped.append(_EMPTY if is_push else taken)
        self._is_push = [isinstance(operations[p].input, Push) for p in self.side.positions]
        self._kinds = list(zip(self._is_push, self._pushed, strict=True))
        self.linearizable: bool | None = None if self._returns else True
        self.frames = [Frame(_EMPTY)]
        self.steps: list[Configuration] = []
        self._numbers: dict[tuple[Cut, Hashable], int] = {}
        self._stack: list[Configuration] = []
        self._furthest: Cut = (0, 0)
        self._furthest_index = -1
        self.end = -1
        self._add(0, (0, 0), -1, -1)

    @property
    def configurations(self) -> int:
        return len(self.steps)

    @property
    def returns_left(self) -> int:
        """How many returns the furthest configuration has before it."""
        return self._returns - self._furthest[0]

    @property
    def blocked(self) -> int:
        """The position of the operation whose return no order got past so far."""
        return self.side.positions[min(self._furthest[0], self.side.count - 1)]

    def forget(self) -> None:
        """Drop what only the search itself needs."""
        self._numbers.clear()
        self._stack.clear()
        for frame in self.frames:
            frame.cuts.clear()
            frame.pops.clear()

    def advance(self, limit: int) -> None:
        """Visit up to `limit` further configurations."""
        stop = len(self.steps) + limit
        while len(self.steps) < stop and self.linearizable is None:
            if not self._stack:
                self.linearizable = False
                return
            step = self._stack.pop()
            index = len(self.steps)
            self.steps.append(step)
            frame, cut, *_ = step
            if cut[0] > self._furthest[0] or index == 0:
                self._furthest, self._furthest_index = cut, index
            if cut[0] >= self._returns:
                self.end = index
                self.linearizable = True
                return
            self._branch(frame, cut, index)

    def _add(
        self, frame: int, cut: Cut, before: int, op: int, popped: int = -1, pop: int = -1
    ) -> None:
        """Enter a configuration that was not met before."""
        cuts = self.frames[frame].cuts
        if cut not in cuts:
            cuts.add(cut)
            self._stack.append((frame, cut, before, op, popped, pop))

    def _branch(self, number: int, cut: Cut, index: int) -> None:
        """Enter all that may be next, what returns first last, so that it is tried first."""
        level, mask = cut
        side, frame = self.side, self.frames[number]
        nexts = side.nexts(level, mask, self._kinds)
        if number == 0:
            for op in nexts:
                if self._popped[op] is _EMPTY and not self._is_push[op]:
                    self._add(0, side.use(level, mask, op), index, op)
                    return  # it changes nothing, so it may as well be now
        for op in reversed(nexts):
            if self._is_push[op]:
                self._push(op, side.use(level, mask, op), index)
            elif number and (self._popped[op] is _OPEN or self._popped[op] == frame.value):
                after = side.use(level, mask, op)
                frame.pops.append((index, op, after))
                for before, push in list(frame.pushes):
                    self._add(self.steps[before][0], after, before, push, index, op)
            elif self._anything_below and not number:
                self._add(0, side.use(level, mask, op), index, op)

    def _push(self, op: int, after: Cut, index: int) -> None:
        """Lead into the frame of a Push, and out of it wherever that was possible before."""
        key = (after, self._pushed[op])
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.frames)
            self.frames.append(Frame(self._pushed[op]))
            self._add(number, after, -1, -1)
        frame = self.frames[number]
        frame.pushes.append((index, op))
        for popped, pop, out in list(frame.pops):
            self._add(self.steps[index][0], out, index, op, popped, pop)

    def order(self) -> list[int]:
        """The operations, as positions, in the order that was found; what is open may be missing.

        A configuration stands for the order since its frame began; those of the frames around it
        come first.
        """
        return self._order_to(self.end)

    def prefix(self) -> list[int]:
        """The order that got furthest in time."""
        return self._order_to(self._furthest_index)

    def _order_to(self, end: int) -> list[int]:
        # What is left to write down, the last first: a configuration, or an operation as ~number.
        todo = [end]
        frame = self.steps[end][0]
        while frame:
            before, push = self.frames[frame].pushes[0]
            todo += [~push, before]
            frame = self.steps[before][0]
        order: list[int] = []
        while todo:
            entry = todo.pop()
            if entry < 0:
                order.append(self.side.positions[~entry])
                continue
            _, _, before, op, popped, pop = self.steps[entry]
            if before < 0:
                continue
            todo += [~op, before] if popped < 0 else [~pop, popped, ~op, before]
        return order

    def decision(self) -> Proof | Conflict:
        """What was found."""
        self.forget()
        return FrameProof(self) if self.linearizable else FrameConflict(self)


@dataclass(frozen=True)
class FrameProof(Proof):
    """A way through the frames."""

    search: FrameSearch

    def order(self) -> list[int]:
        return self.search.order() if self.search.end >= 0 else []


class FrameConflict(Conflict):
    """No way through the frames."""

    def __init__(self, search: FrameSearch) -> None:
        self._operations = search.operations
        self._search = search
        self._spent = search.configurations

    def prefix(self) -> list[int]:
        return self._search.prefix()

    def core(self) -> Core:
        recent = partial(FrameSearch, anything_below=True)
        found = fewest_values(
            self._operations, self._search.blocked, FrameSearch, self._spent, recent
        )
        return words.no_order(
            found.operations, minimised=found.minimised, anything_before=found.anything_before
        )
