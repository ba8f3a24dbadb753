"""The three verdicts, and what each knows about every partition.

    Ok       every partition is linearizable
    Illegal  at least one is not, even if others are undecided
    Unknown  none refuted, at least one undecided when the budget was spent; never a pass

Orders, cores and sentences are worked out when asked for, always from the history alone, so they
are the same in every run.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from linearizability.collector import collector_paused
from linearizability.comparison import comparing
from linearizability.decision import Conflict, Core, Element, Proof
from linearizability.model import Model, State, replay
from linearizability.operation import Annotation, Operation, client_name

if TYPE_CHECKING:  # most histories are linearizable, and nobody asks for a prefix of them
    from linearizability.explanation.prefix import Prefix

DEFAULT_BUDGET = 500_000


def name_of(key: Hashable) -> str:
    """A partition in a text."""
    return "the history" if key is None or key == "" else f"key {key!r}"


def counted(number: int, noun: str, several: str = "") -> str:
    """As "1 key" or "2 keys"; `several` is the plural, if it takes more than an s."""
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"


class Candidate(NamedTuple):
    """An operation that could have been next after a prefix, and why it could not."""

    operation: Operation
    why: str


class Step(NamedTuple):
    """One operation of a witness and the state it leaves behind."""

    operation: Operation
    state: State


@dataclass(frozen=True)
class Linearized:
    """A partition that is linearizable. `key` is None if the model has no partitions."""

    model: Model
    key: Hashable
    operations: Sequence[Operation]
    configurations: int
    proof: Proof

    def witness(self) -> list[Operation]:
        """A legal order; open operations that never took effect are left out."""
        return [self.operations[position] for position in self.proof.order()]

    def steps(self) -> list[Step]:
        """The witness with the state after each operation."""
        order = self.witness()
        states = replay(self.model, order)
        assert states is not None, "a witness replays"
        return [Step(op, state) for op, state in zip(order, states[1:], strict=True)]


@dataclass(frozen=True)
class Refuted:
    """A partition that is not linearizable, and why."""

    model: Model
    key: Hashable
    operations: Sequence[Operation]
    configurations: int
    conflict: Conflict

    @cached_property
    def _core(self) -> Core:
        with collector_paused(), comparing(self.operations):
            return self.conflict.core()

    @property
    def core(self) -> tuple[Operation, ...]:
        """The few operations that prove it, in call order."""
        return self._core.operations

    @property
    def why(self) -> str:
        """One or two sentences about the core."""
        return self._core.why

    @property
    def missing(self) -> str:
        """What cannot exist, as "no moment exists at which version 6 became 7"."""
        return self._core.missing

    @property
    def minimised(self) -> bool:
        """Whether no operation of the core can be relaxed too, as far as was looked for."""
        return self._core.minimised

    @cached_property
    def _prefix(self) -> Prefix:
        from linearizability.explanation.prefix import complete, prefix_by_cuts

        core = self._core
        with collector_paused(), comparing(self.operations):
            found = self.conflict.prefix()
            if found is not None:
                return complete(self.model, self.operations, found, len(found))
            order, certain = prefix_by_cuts(
                self.model,
                self.operations,
                core,
                proves=self.conflict.proves,
                stuck=self.conflict.stuck(),
            )
            return complete(self.model, self.operations, order, certain)

    @cached_property
    def prefix(self) -> tuple[Operation, ...]:
        """The longest linearizable prefix found, in its order."""
        return tuple(map(self.operations.__getitem__, self._prefix.order))

    @property
    def state(self) -> State:
        """What the object holds after the prefix."""
        return self._prefix.state

    @property
    def following(self) -> tuple[Operation, ...]:
        """Every operation that could come next after the prefix, though none can."""
        return tuple(map(self.operations.__getitem__, self._prefix.nexts))

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The same, each with the reason why it cannot."""
        return tuple(Candidate(op, self.reason(op)) for op in self.following)

    def reason(self, operation: Operation) -> str:
        """Why an operation cannot come next after the prefix."""
        with comparing(self.operations):
            return self.model.reason(self.state, operation)

    @property
    def complete_at(self) -> int:
        """The stamp by which the whole core was known."""
        return max(op.call if op.ret is None else op.ret for op in self.core)


@dataclass(frozen=True)
class Undecided:
    """A partition on which the budget ended, or that nobody needed to look at."""

    key: Hashable
    operations: Sequence[Operation]
    configurations: int
    deepest: Operation | None
    returns_left: int

    def __str__(self) -> str:
        text = (
            f"{name_of(self.key)}: {counted(self.configurations, 'configuration')},"
            f" {counted(self.returns_left, 'return')} left"
        )
        if self.deepest is not None:
            who = client_name(self.deepest.client)
            text += f", stuck before the return of {who}'s operation at {self.deepest.ret}"
        return text


@dataclass(frozen=True)
class Ok:
    """Every partition is linearizable."""

    model: Model
    partitions: tuple[Linearized, ...]
    annotations: tuple[Annotation, ...] = ()

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"linearizable: {_size(self.partitions)}"

    @property
    def configurations(self) -> int:
        return sum(partition.configurations for partition in self.partitions)

    def witness(self) -> list[Operation]:
        """One legal order of the whole history: the partitions' witnesses, merged in real time."""
        merged: list[tuple[int, int, int, Operation]] = []
        for number, partition in enumerate(self.partitions):
            instant: int | None = None
            for position, op in enumerate(partition.witness()):
                instant = op.call if instant is None else max(instant, op.call)
                merged.append((instant, number, position, op))
        merged.sort(key=lambda entry: entry[:3])
        return [op for _, _, _, op in merged]


@dataclass(frozen=True)
class Illegal:
    """At least one partition is not linearizable; `undecided` are those without a verdict."""

    model: Model
    partitions: tuple[Refuted, ...]
    undecided: tuple[Undecided, ...]
    annotations: tuple[Annotation, ...] = ()

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        refuted = self.headline
        return f"not linearizable: {name_of(refuted.key)}: {refuted.why}"

    @cached_property
    def headline(self) -> Refuted:
        """The refuted partition whose core was complete earliest."""
        return min(self.partitions, key=lambda partition: partition.complete_at)


@dataclass(frozen=True)
class Unknown:
    """The budget of configurations was spent before every partition was decided."""

    model: Model
    undecided: tuple[Undecided, ...]
    budget: int
    annotations: tuple[Annotation, ...] = ()

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        parts = "; ".join(map(str, self.undecided))
        return (
            f"unknown: the budget of {counted(self.budget, 'configuration')} was spent ({parts});"
            f" check(..., budget={max(1, 2 * self.budget)}) searches further"
        )


Verdict = Ok | Illegal | Unknown


def _size(partitions: Sequence[Linearized]) -> str:
    size = counted(sum(len(partition.operations) for partition in partitions), "operation")
    if [partition.key for partition in partitions] == [None]:
        return size
    keys = {key.key if isinstance(key, Element) else key for key in (p.key for p in partitions)}
    return f"{size}, {counted(len(keys), 'key')}"
