"""labtester: a simulator in which distributed systems are written, broken and explained.

    from tester import Simulation, simulate

Everything is imported on first use: pytest loads this package in every project that has the
distribution installed, and most of its runs simulate nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labrpc.errors import NotAMessage, TesterError, UnknownMethod
    from tester.engine.errors import Deadlock, LimitReached, Livelock, OutsideWorld, SharedState
    from tester.world import faults
    from tester.world.annotations import annotate
    from tester.world.disk import Disk
    from tester.world.failure import (
        HandlerCrashed,
        InvariantViolated,
        MutualExclusionViolated,
        NeverReached,
        NodeDown,
        NonDeterministic,
        NotLinearizable,
        TooManyRpcs,
        Undecided,
        Verdict,
    )
    from tester.world.faults import maybe
    from tester.world.files import Files
    from tester.world.group import Group
    from tester.world.handles import KV, LockHandle
    from tester.world.history import Op
    from tester.world.invariants import Monitor
    from tester.world.limits import Limits
    from tester.world.nemesis import Strike, Undo
    from tester.world.probe import Probe
    from tester.world.simulate import recorded, run_once, simulate
    from tester.world.simulation import Simulation

_HOMES = {
    "labrpc.errors": ("NotAMessage", "TesterError", "UnknownMethod"),
    "tester.engine.errors": (
        "Deadlock",
        "LimitReached",
        "Livelock",
        "OutsideWorld",
        "SharedState",
    ),
    "tester.world.failure": (
        "HandlerCrashed",
        "InvariantViolated",
        "MutualExclusionViolated",
        "NeverReached",
        "NodeDown",
        "NonDeterministic",
        "NotLinearizable",
        "TooManyRpcs",
        "Undecided",
        "Verdict",
    ),
    "tester.world.annotations": ("annotate",),
    "tester.world.disk": ("Disk",),
    "tester.world.faults": ("faults", "maybe"),
    "tester.world.files": ("Files",),
    "tester.world.group": ("Group",),
    "tester.world.simulate": ("recorded", "run_once", "simulate"),
    "tester.world.handles": ("KV", "LockHandle"),
    "tester.world.history": ("Op",),
    "tester.world.invariants": ("Monitor",),
    "tester.world.limits": ("Limits",),
    "tester.world.nemesis": ("Strike", "Undo"),
    "tester.world.probe": ("Probe",),
    "tester.world.simulation": ("Simulation",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "KV",
    "Deadlock",
    "Disk",
    "Files",
    "Group",
    "HandlerCrashed",
    "InvariantViolated",
    "LimitReached",
    "Limits",
    "Livelock",
    "LockHandle",
    "Monitor",
    "MutualExclusionViolated",
    "NeverReached",
    "NodeDown",
    "NonDeterministic",
    "NotAMessage",
    "NotLinearizable",
    "Op",
    "OutsideWorld",
    "Probe",
    "SharedState",
    "Simulation",
    "Strike",
    "TesterError",
    "TooManyRpcs",
    "Undecided",
    "Undo",
    "UnknownMethod",
    "Verdict",
    "annotate",
    "faults",
    "maybe",
    "recorded",
    "run_once",
    "simulate",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(home)
    except ImportError as error:
        from labtester import hidden

        said = hidden.sentence(error)
        raise (hidden.Hidden(said, name=error.name) if said else error) from None
    return module if name == "faults" else getattr(module, name)
