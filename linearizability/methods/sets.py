"""The special methods for sets: each element alone; and sets that only grow and are read whole.

Add, Remove and Contains speak of one element, and a set is the product of its elements: without
whole reads each element is decided alone (Horn, Kroening 2015), also by the search, whose states
are then two.

*An element that was added once*, by an Add that returned None or True or is open, is in the set
from an instant x in the interval of that Add to an instant y in that of a Remove, or for ever.

    Contains -> True, Add -> False    x <= ret and call <= y
    Remove -> True                    is the one at y
    Contains -> False, Remove -> False, Remove -> None    call <= x or y <= ret
    Remove -> None or open            may be the one at y

Only the first instant of the Add, and the calls of those that saw it absent, can be best for x.
For each there is a least and a greatest y. O(n log n).

*A set that is only added to and read whole*, each element added once: the sets that were read must
be a chain, each a part of the next. The reads of a set come after the Adds of its elements and
before all others, which puts reads and Adds in blocks, one after the other. It is enough that no
operation of a block returned before one of an earlier block was called. O(n + all elements read).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from linearizability.decision import (
    Case,
    Conflict,
    Core,
    Element,
    FoundConflict,
    Inapplicable,
    Proof,
    in_order,
    partition,
)
from linearizability.explanation import sets as words
from linearizability.inputs import Add, Contains, Read, Remove
from linearizability.methods.lives import fewest
from linearizability.methods.trees import INFINITY, Stamp
from linearizability.models.collection import elements_of
from linearizability.operation import Operation


def cases(history: Iterable[Operation]) -> list[Case]:
    """A case for each element, or for a whole set where it was read whole."""
    found: list[Case] = []
    for case in partition(_key, None, history):
        if any(isinstance(op.input, Read) and op.ret is not None for op in case.operations):
            found.append(case._replace(decide=partial(decide_growing, case.operations)))
            continue
        elements: dict[Hashable, list[Operation]] = {}
        for op in case.operations:
            if isinstance(op.input, Read):
                continue  # open: nobody saw anything
            elements.setdefault(op.input.value, []).append(op)
        if not elements:
            found.append(case)
        found += [
            Case(
                Element(case.key, element),
                elements[element],
                partial(decide_element, elements[element]),
            )
            for element in in_order(elements)
        ]
    return found


def _key(input: Any) -> Hashable:
    return input[0]  # type: ignore[no-any-return]


class Life(NamedTuple):
    """When an element came, infinity if never, when it left, and the Remove that did it."""

    came: Stamp
    left: Stamp
    remove: Operation | None


@dataclass(slots=True)
class Facts:
    """What the operations on one element say of its life."""

    add: Operation | None = None
    present: list[Operation] = field(default_factory=list)
    absent: list[Operation] = field(default_factory=list)
    removed: list[Operation] = field(default_factory=list)  # returned True
    may_remove: list[Operation] = field(default_factory=list)

    def life(self) -> Life | None:
        """A life that agrees with all facts; None if there is none."""
        add = self.add
        needed = bool(self.present or self.removed)
        if add is None or (add.ret is None and not needed):
            return None if needed else Life(INFINITY, INFINITY, None)
        if len(self.removed) > 1:
            return None
        latest = min([_end(add), *map(_end, self.present), *map(_end, self.removed)])
        if latest < add.call:
            return None
        stays_until = max((op.call for op in self.present), default=-INFINITY)
        absent = sorted(self.absent, key=lambda op: op.call)
        calls = [op.call for op in absent]
        gone_by: list[Stamp] = [INFINITY] * (len(absent) + 1)  # least return from each one on
        for index in range(len(absent) - 1, -1, -1):
            gone_by[index] = min(gone_by[index + 1], _end(absent[index]))
        leaving = _Leaving(self.removed or self.may_remove)
        came: Stamp = add.call
        while True:
            index = bisect_left(calls, came + 1)
            left, remove = leaving.first(max(came, stays_until))
            if remove is not None and left <= gone_by[index]:
                return Life(came, left, remove)
            if not self.removed and gone_by[index] == INFINITY:
                return Life(came, INFINITY, None)
            if index == len(calls) or calls[index] > latest:
                return None
            came = calls[index]


class _Leaving:
    """When an element may be removed, and by whom."""

    def __init__(self, removes: Sequence[Operation]) -> None:
        # Those that returned later than all called before them: others are never needed.
        self._removes: list[Operation] = []
        for op in sorted(removes, key=lambda op: op.call):
            if not self._removes or _end(op) > _end(self._removes[-1]):
                self._removes.append(op)
        self._ends = [_end(op) for op in self._removes]

    def first(self, stamp: Stamp) -> tuple[Stamp, Operation | None]:
        """The first instant from a stamp on; infinity and nobody if there is none."""
        index = bisect_left(self._ends, stamp)
        if index == len(self._ends):
            return INFINITY, None
        return max(stamp, self._removes[index].call), self._removes[index]


def _end(op: Operation) -> Stamp:
    return INFINITY if op.ret is None else op.ret


def decide_element(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one element; declines if it was added more than once, or answered nonsense."""
    facts = Facts()
    for op in operations:
        problem = _enter(facts, op)
        if problem is not None:
            return Inapplicable(problem)
    life = facts.life()
    if life is None:
        return ElementConflict(facts)
    return ElementProof(operations, facts, life)


def _enter(facts: Facts, op: Operation) -> str | None:
    kind, output = type(op.input), op.output
    if op.ret is None:
        if kind is Contains:
            return None
        output = None
    elif output is not None and output is not True and output is not False:
        return f"{output!r} is neither true nor false"
    if kind is Add and output is not False:
        if facts.add is not None:
            return f"{op.input.value!r} was added more than once"
        facts.add = op
    elif kind is Remove and output is not False:
        if output:
            facts.removed.append(op)
        else:
            facts.may_remove.append(op)
            if op.ret is not None:
                facts.absent.append(op)
    elif output is None:
        return "a Contains was not answered"
    elif kind is Add or (kind is Contains and output):
        facts.present.append(op)
    else:
        facts.absent.append(op)
    return None


@dataclass(frozen=True)
class ElementProof(Proof):
    """A life that agrees with all operations."""

    operations: Sequence[Operation]
    facts: Facts
    life: Life

    def order(self) -> list[int]:
        came, left, remove = self.life
        present = {id(op) for op in self.facts.present}
        keyed: list[tuple[int, Stamp, int]] = []
        for position, op in enumerate(self.operations):
            if op is self.facts.add:
                if came < INFINITY:
                    keyed.append((1, came, position))
            elif op is remove:
                keyed.append((3, left, position))
            elif id(op) in present:
                keyed.append((2, max(op.call, came), position))
            elif op.ret is not None:
                before = op.call <= came
                keyed.append(
                    (0, op.call, position) if before else (4, max(op.call, left), position)
                )
        keyed.sort()
        return [position for _, _, position in keyed]


class ElementConflict(Conflict):
    """An element that cannot have been in the set, and out of it, as its operations say."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def core(self) -> Core:
        facts = self._facts
        if len(facts.removed) > 1:
            return words.removed_twice(facts.add, facts.removed[:2])
        if facts.add is None:
            return words.never_added([*facts.present, *facts.removed][0])
        present: list[Operation] = []
        if facts.present:
            first = min(facts.present, key=_end)
            last = max(facts.present, key=lambda op: op.call)
            present = [first] if first is last else [first, last]

        def without(some: Sequence[Operation]) -> Facts:
            seen = {id(op) for op in some}
            return Facts(
                facts.add,
                [op for op in present if id(op) in seen],
                [op for op in facts.absent if id(op) in seen],
                facts.removed,
                facts.may_remove,
            )

        work = 4 * len(facts.absent) + 1_000
        few = fewest([*facts.absent, *present], lambda some: without(some).life() is None, work)
        if without([]).life() is None:
            few = []
        rest = without(few)
        return words.no_life(rest.add, rest.present, rest.absent, rest.removed, rest.may_remove)


def decide_growing(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide a set that was read whole; declines unless it only grew, each element added once."""
    whole = {
        position: elements_of(op.output)
        for position, op in enumerate(operations)
        if op.ret is not None and isinstance(op.input, Read)
    }
    for position, found in whole.items():
        if found is None:
            return _seen_by(words.no_set(operations[position]))
    adds: dict[Hashable, int] = {}
    reads: dict[frozenset[Any], list[int]] = {}
    for position, op in enumerate(operations):
        if isinstance(op.input, Add) and (op.ret is None or op.output in (None, True)):
            if op.input.value in adds:
                return Inapplicable(f"{op.input.value!r} was added more than once")
            adds[op.input.value] = position
        elif not isinstance(op.input, Read):
            return Inapplicable("the set was not only added to and read whole")
        elif op.ret is not None:
            reads.setdefault(whole[position] or frozenset(), []).append(position)
    chain = sorted(reads, key=len)
    smaller: frozenset[Any] = frozenset()
    blocks: list[list[int]] = []
    for seen in chain:
        new = seen - smaller
        if len(new) != len(seen) - len(smaller):
            one, other = reads[smaller][0], reads[seen][0]
            return _seen_by(words.no_chain(operations[one], operations[other]))
        unknown = [element for element in new if element not in adds]
        if unknown:
            reader = operations[reads[seen][0]]
            first = next(element for element in reader.output if element in unknown)
            return _seen_by(words.never_added(reader, first))
        blocks += [sorted(adds[element] for element in new), reads[seen]]
        smaller = seen
    blocks.append(
        [p for e, p in adds.items() if e not in smaller and operations[p].ret is not None]
    )
    last: Operation | None = None
    for number, block in enumerate(blocks):
        for position in block:
            op = operations[position]
            if last is not None and op.ret is not None and op.ret < last.call:
                evidence = [operations[b[0]] for b in blocks[1:number:2][-1:]]
                return _seen_by(words.wrong_block(last, op, evidence))
        for position in block:
            if last is None or operations[position].call > last.call:
                last = operations[position]
    return BlockProof(operations, blocks)


def _seen_by(core: Core) -> Conflict:
    """A conflict that was there once the last operation of its core had returned, not before.

    Without the Adds of what they saw, reads say nothing about when it began.
    """
    returns = [op.ret for op in core.operations if op.ret is not None]
    return FoundConflict(core, stuck_at=max(returns))


@dataclass(frozen=True)
class BlockProof(Proof):
    """Blocks of Adds and of reads, one after the other."""

    operations: Sequence[Operation]
    blocks: Sequence[Sequence[int]]

    def order(self) -> list[int]:
        call: Callable[[int], int] = lambda position: self.operations[position].call
        return [position for block in self.blocks for position in sorted(block, key=call)]
