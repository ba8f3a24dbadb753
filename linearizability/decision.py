"""What a method can say about one partition: a proof, a conflict, or that it does not apply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from linearizability.operation import Operation, returned_early


class Proof(ABC):
    """The partition is linearizable; kept compact, spelled out on request."""

    @abstractmethod
    def order(self) -> list[int]:
        """A legal order that respects real time, as positions in the sequence that was decided.

        Every operation that returned is in it; open ones only if they took effect.
        """


@dataclass(frozen=True, slots=True)
class Core:
    """A few operations that contradict each other, whatever all other operations did.

    Precisely: drop every other read-only operation, let every other one have been answered
    anything, or have done nothing, in its interval, and the history is still not linearizable.
    A core that is illegal `alone` speaks of whole holdings of a lock, or of whole lives of values
    in a collection, instead: taking others out of a legal history leaves it legal.

    `why` is one or two sentences; `missing` says what cannot exist ("no moment exists at which
    version 6 became 7"). Not `minimised`: there may be a smaller one, which was too expensive to
    look for.
    """

    operations: tuple[Operation, ...]
    why: str
    missing: str
    minimised: bool = True
    alone: bool = False


class Conflict(ABC):
    """The partition is not linearizable; the reasons are worked out on request."""

    proves = True
    """Whether the method that found it can also prove a history like this one, or only refute."""

    @abstractmethod
    def core(self) -> Core:
        """The operations that prove it."""

    def prefix(self) -> list[int] | None:
        """A long legal order of some operations, as positions in the sequence that was decided.

        It respects real time and leaves none out that returned before one of them was called.
        None: nothing is known yet, it has to be looked for.
        """
        return None

    def stuck(self) -> int | None:
        """About when things went wrong, if that is known better than from the core: a return."""
        return None


@dataclass(frozen=True)
class FoundConflict(Conflict):
    """A conflict whose core was at hand when it was found."""

    found: Core
    proves: bool = True
    stuck_at: int | None = None

    def core(self) -> Core:
        return self.found

    def stuck(self) -> int | None:
        return self.stuck_at


class Stepwise(Protocol):
    """A search that goes on for as long as somebody pays for it in configurations."""

    linearizable: bool | None

    @property
    def configurations(self) -> int:
        """How many were visited; the unit of every budget."""

    @property
    def blocked(self) -> int:
        """The position of the operation whose return no order got past so far."""

    @property
    def returns_left(self) -> int:
        """How many returns the furthest configuration has before it."""

    def advance(self, limit: int) -> None:
        """Visit up to `limit` further configurations, or fewer if that decides it."""

    def decision(self) -> Proof | Conflict:
        """What was found, once `linearizable` is not None."""

    def forget(self) -> None:
        """Drop what only the search itself needs, which is nearly all of its memory."""


Decide = Callable[[Sequence[Operation]], "Proof | Conflict | Inapplicable"]


class Element(NamedTuple):
    """One element of one set, which is decided alone."""

    key: Hashable
    element: Hashable

    def __repr__(self) -> str:
        return f"{self.key!r}, element {self.element!r}"


class Case(NamedTuple):
    """One partition of a history, and what can decide it without a search, if anything can."""

    key: Hashable
    operations: Sequence[Operation]
    decide: Callable[[], Proof | Conflict | Inapplicable] | None = None
    search: Callable[[], Stepwise] | None = None  # instead of the generic one


def partition(
    key_of: Callable[[Any], Hashable] | None,
    decide: Decide | None,
    history: Iterable[Operation],
    search: Callable[[Sequence[Operation]], Stepwise] | None = None,
) -> list[Case]:
    """A case for each independent object that `key_of` finds in the inputs, in order of the keys.

    Raises ValueError for an operation that returns before its call.
    """
    parts: dict[Hashable, list[Operation]] = {}
    for op in history:
        ret = op.ret
        if ret is not None and ret < op.call:
            raise returned_early(op)
        key = None if key_of is None else key_of(op.input)
        if key in parts:
            parts[key].append(op)
        else:
            parts[key] = [op]
    return [
        Case(
            key,
            parts[key],
            None if decide is None else partial(decide, parts[key]),
            None if search is None else partial(search, parts[key]),
        )
        for key in in_order(parts)
    ]


def in_order(keys: Iterable[Hashable]) -> list[Hashable]:
    """Keys in an order that does not depend on who came first: sorted, by type where they mix."""
    keys = list(keys)
    try:
        return sorted(keys)  # type: ignore[type-var]
    except TypeError:
        return sorted(keys, key=lambda key: (type(key).__name__, repr(key)))


@dataclass(frozen=True, slots=True)
class Inapplicable:
    """The method's precondition does not hold here; `reason` is a clause without a full stop."""

    reason: str
