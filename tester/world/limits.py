"""Limits: when a run is called a livelock, or its history undecided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """When a run is called a livelock. Every limit is a count or virtual time."""

    virtual_s: int = 120
    steps: int = 10_000_000
    """Callbacks run, on all nodes together."""
    instant_steps: int = 1_000_000
    """Callbacks run while virtual time stands still."""
    silent_rpcs: int = 50_000
    """RPCs sent without one operation of a client completing."""
    megabytes: int = 4_000
    """The size of all messages together: large ones take long, however few they are."""
    configurations: int = 500_000
    """What the linearizability checker may visit before it says Unknown."""


DEFAULT_LIMITS: Final = Limits()
