"""`check`: partition the history, let the special method speak, search what is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from linearizability.collector import collector_paused
from linearizability.comparison import comparing
from linearizability.decision import Case, Conflict, Inapplicable, Proof, Stepwise, partition
from linearizability.model import Model
from linearizability.operation import Annotation, Event, Operation, check_stamps, from_events
from linearizability.verdict import (
    DEFAULT_BUDGET,
    Illegal,
    Linearized,
    Ok,
    Refuted,
    Undecided,
    Unknown,
    Verdict,
)

_UNHASHABLE = ("unhashable", "cannot use")
"""How Python begins to say that something is not hashable, before 3.14 and since."""

SLICE = 200
"""Configurations after which a search lets the next partition go on."""


def check(
    model: Model,
    history: Iterable[Operation] | Iterable[Event],
    *,
    budget: int = DEFAULT_BUDGET,
    all_partitions: bool = False,
    annotations: Iterable[Annotation] = (),
) -> Verdict:
    """Decide whether a history is linearizable for a model.

    The operations may come in any order. `budget` bounds the configurations that searches may
    visit, summed over partitions; there is no other limit, so the same input gives the same
    verdict on any machine. With `all_partitions` the check goes on after the first partition that
    is not linearizable. Raises ValueError for an operation that returns before its call, and
    TypeError for stamps that are no integers and a model whose functions do not keep their word.
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"model is {model!r}: expected a Model, as linearizability.models has them"
        )
    if not isinstance(budget, int):
        raise TypeError(f"budget is {budget!r}: expected a number of configurations")
    if budget < 0:
        raise ValueError(f"budget is a number of configurations, not {budget}")
    with collector_paused():
        method = model.method or partial(partition, model.partition, None)
        operations = _operations(history)
        check_stamps(operations)
        model.check_inputs(operations)
        operations = model.settle(operations)
        try:
            with comparing(operations):
                tasks = [_Task(model, case) for case in _cases(model, method(operations))]
                _decide(tasks, budget, all_partitions)
        except TypeError as error:
            if not str(error).startswith(_UNHASHABLE):
                raise
            strange = _unhashable(model, operations)
            if strange is None:
                raise
            raise strange from error
    notes = tuple(annotations)
    for number, note in enumerate(notes):
        if not isinstance(note, Annotation):
            raise TypeError(f"annotation {number} is {note!r}: expected an Annotation")
    undecided = tuple(task.undecided() for task in tasks if task.decision is None)
    refuted = tuple(task.refuted() for task in tasks if isinstance(task.decision, Conflict))
    if refuted:
        return Illegal(model, refuted, undecided, notes)
    if undecided:
        return Unknown(model, undecided, budget, notes)
    return Ok(model, tuple(task.linearized() for task in tasks), notes)


def _cases(model: Model, found: Any) -> list[Case]:
    """What a method of a model returned, if it can be that."""
    if not isinstance(found, list) or not all(isinstance(case, Case) for case in found):
        raise TypeError(
            f"model {model.name!r}: method returned {found!r}: expected a list with a Case for"
            " each independent part of the history"
        )
    return found


@dataclass(slots=True)
class _Task:
    """One partition on its way to a decision."""

    model: Model
    case: Case
    decision: Proof | Conflict | None = None
    search: Stepwise | None = None
    configurations: int = 0

    def decide(self) -> None:
        """Ask the model's special method, which may decline."""
        if self.case.decide is not None:
            decision = self.case.decide()
            if not isinstance(decision, Inapplicable):
                self.decision = decision

    def advance(self, limit: int) -> int:
        """Search up to `limit` further configurations; how many it took."""
        search = self.search or self._begin()
        self.search = search
        search.advance(limit)
        if search.linearizable is not None:
            self.search = None  # its memory is needed elsewhere
            self.decision = search.decision()
        spent = search.configurations - self.configurations
        self.configurations = search.configurations
        return spent

    def _begin(self) -> Stepwise:
        if self.case.search is not None:
            return self.case.search()
        from linearizability.explanation.relax import GenericSearch

        return GenericSearch(self.model, self.case.operations)

    def linearized(self) -> Linearized:
        proof = cast(Proof, self.decision)
        return Linearized(self.model, *self.case[:2], self.configurations, proof)

    def refuted(self) -> Refuted:
        conflict = cast(Conflict, self.decision)
        return Refuted(self.model, *self.case[:2], self.configurations, conflict)

    def undecided(self) -> Undecided:
        if self.search is None:
            returns = sum(op.ret is not None for op in self.case.operations)
            return Undecided(*self.case[:2], 0, None, returns)
        left = self.search.returns_left
        stuck = self.case.operations[self.search.blocked]
        self.search.forget()
        return Undecided(*self.case[:2], self.configurations, stuck, left)


def _decide(tasks: list[_Task], budget: int, all_partitions: bool) -> None:
    """Decide as many tasks as the budget allows; stop at the first refuted one unless told not to.

    Searches take turns, in slices: one partition that explodes must not keep the others from
    being refuted.
    """
    for task in tasks:
        task.decide()
        if isinstance(task.decision, Conflict) and not all_partitions:
            return
    live = [task for task in tasks if task.decision is None]
    while live:
        for task in live:
            if budget == 0:
                return
            budget -= task.advance(min(SLICE, budget))
            if isinstance(task.decision, Conflict) and not all_partitions:
                return
        live = [task for task in live if task.decision is None]


def _unhashable(model: Model, operations: Iterable[Operation]) -> TypeError | None:
    """The error for an input or key that cannot be told from others, if that was the cause."""
    for number, op in enumerate(operations):
        try:
            hash(op.input)
        except TypeError as error:
            return TypeError(
                f"entry {number} of the history has the input {op.input!r}, which cannot be"
                f" hashed ({error}): use immutable values, such as tuples instead of lists"
            )
        key = None if model.partition is None else model.partition(op.input)
        try:
            hash(key)
        except TypeError as error:
            return TypeError(
                f"model {model.name!r}: partition returned {key!r} for {op.input!r}: expected"
                f" something that can be hashed ({error})"
            )
    return None


def _operations(history: Iterable[Operation] | Iterable[Event]) -> list[Operation]:
    if not isinstance(history, Iterable):
        raise TypeError(f"history is {history!r}: expected operations, or events")
    entries = list(history)
    if entries and isinstance(entries[0], Event):
        return from_events(cast(list[Event], entries))
    return cast(list[Operation], entries)
