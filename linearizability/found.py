"""A conflict whose core was at hand when it was found."""

from __future__ import annotations

from dataclasses import dataclass

from linearizability.decision import Conflict, Core


@dataclass(frozen=True)
class FoundConflict(Conflict):
    """Nothing is left to work out."""

    found: Core

    def core(self) -> Core:
        return self.found
