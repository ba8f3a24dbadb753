"""What a method can say about one partition: a proof, a conflict, or that it does not apply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from linearizability.operation import Operation


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

    Precisely: drop every other read-only operation and treat every other one as open, and the
    history is still not linearizable. `why` is one or two sentences; `missing` says what cannot
    exist ("no moment exists at which version 6 became 7").
    """

    operations: tuple[Operation, ...]
    why: str
    missing: str


class Conflict(ABC):
    """The partition is not linearizable; the reasons are worked out on request."""

    @abstractmethod
    def core(self) -> Core:
        """The operations that prove it."""

    @abstractmethod
    def prefix(self) -> list[int]:
        """A long legal order of some operations, as positions in the sequence that was decided.

        It respects real time and leaves none out that returned before one of them was called.
        """


@dataclass(frozen=True, slots=True)
class Inapplicable:
    """The method's precondition does not hold here; `reason` is a clause without a full stop."""

    reason: str
