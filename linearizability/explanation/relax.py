"""Small proofs from big ones: relax operations, never delete them.

Deleting is not monotone: without a write, reads of its value become illegal by themselves.
Relaxing is. A read-only operation is dropped; any other keeps its interval, but it may have been
answered anything, and it may also have done nothing. Every linearization of a history is one of
the relaxed history too, so if the relaxed one has none, the operations left as they were are
enough to prove it: a core.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from linearizability.decision import Conflict, Core, Proof
from linearizability.model import Model, State, last_states
from linearizability.operation import OPEN, Operation, client_name
from linearizability.search import Search

PROBE_CONFIGURATIONS = 1_000
STATES = 60
"""The most states that are tried as the beginning of a shorter history."""


class Relaxed(NamedTuple):
    """The input of an operation of which only the interval is known."""

    input: Any


def relaxed(model: Model) -> Model:
    """The model of histories in which some operations are relaxed. It has no partitions."""

    def step(state: State, input: Any, output: Any) -> list[State]:
        if type(input) is Relaxed:
            return [state, *outcomes(model, state, input.input, OPEN)]
        return list(outcomes(model, state, input, output))

    def read_only(input: Any, output: Any) -> bool:
        return type(input) is not Relaxed and model.read_only(input, output)

    return Model(
        name=f"relaxed {model.name}",
        init=model.first_states,
        step=step,
        nondeterministic=True,
        key=model.key,
        read_only=read_only,
    )


def outcomes(model: Model, state: State, input: Any, output: Any) -> tuple[State, ...]:
    """All states that an operation may leave behind."""
    result = model.stepped(model.step(state, input, output))
    if model.nondeterministic:
        return tuple(result)
    legal, after = result
    return (after,) if legal else ()


def relax(model: Model, operations: Sequence[Operation], keep: Collection[int]) -> list[Operation]:
    """The history for `relaxed(model)` in which only the operations at `keep` are as they were."""
    history = []
    for position, op in enumerate(operations):
        if position in keep or op.ret is None:
            history.append(op)
        elif not model.read_only(op.input, op.output):
            history.append(_relaxed(op))
    return history


def _relaxed(op: Operation) -> Operation:
    return Operation(op.client, Relaxed(op.input), None, op.call, op.ret, op.metadata)


class GenericSearch(Search):
    """The generic search, with what it finds as a decision."""

    def __init__(self, model: Model, operations: Sequence[Operation]) -> None:
        super().__init__(model, operations)
        self._model = model
        self._operations = operations

    def decision(self) -> Proof | Conflict:
        if self.linearizable:
            return SearchProof(self)
        return SearchConflict(self._model, self._operations, self)


class SearchProof(Proof):
    """What the generic search found: an order."""

    def __init__(self, search: Search) -> None:
        search.forget()
        self._search = search

    def order(self) -> list[int]:
        return self._search.order()


class SearchConflict(Conflict):
    """What the generic search found: no order gets past the return of one operation."""

    def __init__(self, model: Model, operations: Sequence[Operation], search: Search) -> None:
        self._model = model
        self._operations = operations
        search.forget()
        self._search = search

    def prefix(self) -> list[int]:
        return self._search.longest_prefix()

    def core(self) -> Core:
        blocked, before = self._search.blocked, self._search.deepest_prefix()
        op = self._operations[blocked]
        cores = Cores(self._model, self._operations, blocked, self._search.configurations)
        positions = cores.smallest()
        states = last_states(self._model, (self._operations[i] for i in before))
        reason = self._model.reason(states[0], op)
        text = self._model.describe(op)
        why = (
            f"No order gets past the return of {client_name(op.client)}'s {text} (at {op.ret})."
            f" After the longest order before it: {reason}."
        )
        return Core(
            tuple(self._operations[i] for i in positions),
            why,
            f"no order gets past {text}",
            minimised=cores.minimised,
        )


class Cores:
    """Looks for a small core of a history that the search refuted, at a bounded expense.

    The work is counted in operations prepared and configurations visited, and bounded by a few
    times what it took to refute the history. What cannot be refuted within it counts as needed.

    A probe keeps some operations and looks only at the time from the first call to the last return
    of them. What had returned before is forgotten: the state at the beginning may be any that the
    object can get into by these inputs, in any order and number, where those are few. So a probe
    costs as much as its stretch of time is long, not as the history.
    """

    def __init__(
        self, model: Model, operations: Sequence[Operation], blocked: int, spent: int
    ) -> None:
        self._model = model
        self._relaxed = relaxed(model)
        self._operations = operations
        stamp = operations[blocked].ret
        assert stamp is not None
        self._stamp = stamp
        # What is kept was called by then, so what was called after its last return never matters.
        last = max(op.ret for op in operations if op.ret is not None and op.call <= stamp)
        called = [position for position, op in enumerate(operations) if op.call <= last]
        called.sort(key=lambda position: _end(operations[position]))
        self._called = called
        self._ends = [_end(operations[position]) for position in called]
        self._work = 3 * (len(operations) + spent) + 20_000
        self._any_state = self._closure(called)
        self.minimised = True

    def smallest(self) -> list[int]:
        """Positions, in call order, of a core; minimal under relaxing one more, if `minimised`.

        Starts from the last few returns before the one that blocks, doubling until they suffice.
        """
        operations = self._operations
        returned = [p for p in self._called if _end(operations[p]) <= self._stamp]
        size = 1
        core = returned[-size:]
        while not self._refuted(core):
            if size >= len(returned) or self._work <= 0:
                # Operations in progress may have had answers that matter, too.
                core = [
                    p
                    for p in self._called
                    if operations[p].ret is not None and operations[p].call <= self._stamp
                ]
                break
            size *= 2 if self._any_state else 16
            core = returned[-size:]
        # Reads first: relaxed writes make the search harder.
        read_only = self._model.read_only
        core.sort(key=lambda p: not read_only(operations[p].input, operations[p].output))
        core = self._shrink(core, len(core))
        if self._any_state:
            self._any_state = None  # from the very beginning, what is left may be less
            core = self._shrink(core, 1)
        return sorted(core, key=lambda position: (operations[position].call, position))

    def _shrink(self, core: list[int], size: int) -> list[int]:
        """Take away halves, quarters, ..., single entries, as long as the rest is refuted."""
        while True:
            size = (size + 1) // 2
            start = 0
            while start < len(core) and len(core) > 1:
                if self._work <= 0:
                    self.minimised = False
                    return core
                rest = core[:start] + core[start + size :]
                if rest and self._refuted(rest):
                    core = rest
                else:
                    start += size
            if size <= 1:
                return core

    def _refuted(self, keep: Collection[int]) -> bool:
        operations = self._operations
        kept = set(keep)
        begin = min(operations[position].call for position in kept)
        end = max(_end(operations[position]) for position in kept)
        first = bisect_left(self._ends, begin) if self._any_state else 0
        stretch = [p for p in self._called[first:] if operations[p].call <= end]
        history = [
            op if position in kept or op.ret is None else _relaxed(op)
            for position, op in ((p, operations[p]) for p in stretch)
            if position in kept or self._may_change(op)
        ]
        states = self._any_state if first else None
        search = Search(self._relaxed, history, states)
        search.advance(max(0, min(PROBE_CONFIGURATIONS, self._work)))
        self._work -= len(history) + search.configurations + len(stretch) // 4
        refuted = search.linearizable is False
        search.forget()
        return refuted

    def _may_change(self, op: Operation) -> bool:
        return op.ret is None or not self._model.read_only(op.input, op.output)

    def _closure(self, called: Iterable[int]) -> tuple[State, ...] | None:
        """All states that operations like these can lead to; None if they are many."""
        model, operations = self._model, self._operations
        inputs: dict[Any, Any] = {}
        for position in called:
            op = operations[position]
            if self._may_change(op):
                try:
                    inputs.setdefault((type(op.input), op.input), op.input)
                except TypeError:
                    return None
        if len(inputs) > STATES:
            return None
        found = {model.key(state): state for state in model.first_states()}
        todo = list(found.values())
        while todo:
            state = todo.pop()
            for asked in inputs.values():
                for after in outcomes(model, state, asked, OPEN):
                    key = model.key(after)
                    if key not in found:
                        found[key] = after
                        todo.append(after)
            if len(found) > STATES:
                return None
        return tuple(found.values())


def _end(op: Operation) -> float:
    return float("inf") if op.ret is None else op.ret
