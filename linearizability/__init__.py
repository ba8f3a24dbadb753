"""Decide whether a concurrent history is linearizable, and say why if it is not.

from linearizability import Operation, check
from linearizability.models import Get, Put, kv

verdict = check(kv, [
    Operation(0, Put("x", "a", 0), "OK", call=1, ret=2),
    Operation(1, Get("x"), ("", 0, "ErrNoKey"), call=3, ret=4),
])
"""

from typing import TYPE_CHECKING, Any

from linearizability.checker import check
from linearizability.model import Model, power_set
from linearizability.operation import OPEN, Annotation, Event, Operation, from_events
from linearizability.verdict import Illegal, Linearized, Ok, Refuted, Undecided, Unknown, Verdict

if TYPE_CHECKING:
    from linearizability.explanation.text import explain

__all__ = [
    "OPEN",
    "Annotation",
    "Event",
    "Illegal",
    "Linearized",
    "Model",
    "Ok",
    "Operation",
    "Refuted",
    "Undecided",
    "Unknown",
    "Verdict",
    "check",
    "explain",
    "from_events",
    "power_set",
]


def __getattr__(name: str) -> Any:
    if name != "explain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from linearizability.explanation.text import explain

    globals()[name] = explain
    return explain
