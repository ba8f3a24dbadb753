"""A probe: how the tester's own code on a node reports to the run.

The code of a harness that stands beside the code under test, on the same node, has one. What it
tells is plain data and reaches the listener of the node at once: see `Simulation.listen`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, Protocol

import msgspec

from tester.engine.node import Event

Plain = None | bool | int | str | bytes | Sequence[int] | Sequence[bytes]
"""What can be reported."""


Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An index, a term, or how many there are."""
_words: Final[dict[str, list[Any]]] = {}


def words(shapes: Mapping[str, Any]) -> None:
    """Say what the probes of a harness report: by its name, the data as a tuple of types.

    Where nodes are trusted this is never looked at. Where they are not, the harness on a node may
    have been tampered with, and its listener hears only what is of one of these shapes.
    """
    for what, shape in shapes.items():
        _words.setdefault(what, []).append(shape)


def as_reported(what: str, data: Sequence[Any]) -> tuple[Any, ...] | None:
    """The data of a report, if a harness reports such; None if none does."""
    for shape in _words.get(what, ()):
        try:
            found: tuple[Any, ...] = msgspec.convert(data, shape, strict=True)
        except msgspec.ValidationError:
            continue
        return found
    return None


class OnProbe(NamedTuple):
    """Stands for a probe of the node, in a factory's arguments."""

    node: str


class ProbedNode(Protocol):
    """The node of a probe, as far as the probe must know it."""

    outbox: list[Event]
    looks: list[Callable[[], object]]

    def failed(self, error: BaseException, doing: str) -> None:
        """Tell the run what went wrong here."""


class Probe:
    """Tells the run what happens on a node, and looks at it at the end of each of its steps."""

    def __init__(self, host: ProbedNode) -> None:
        self._host = host

    def report(self, what: str, *data: Plain) -> None:
        """Tell the listener of the node, by whom a run can also be failed."""
        if list in map(type, data):  # it is told as it is now, and arrives at the end of the step
            data = tuple([tuple(part) if type(part) is list else part for part in data])
        self._host.outbox.append(("report", what, *data))

    def fail(self, error: BaseException, doing: str) -> None:
        """Fail the run with what the code under test raised, or made the harness raise."""
        self._host.failed(error, doing)

    def handling(self) -> int | None:
        """The number of the RPC whose handler calls this, in its own task; None for other code."""
        task = asyncio.current_task()
        name = "" if task is None else task.get_name()
        number = name[1:].partition(" ")[0] if name.startswith("#") else ""  # the host named it
        return int(number) if number.isdecimal() else None

    def after_each_step(self, look: Callable[[], object]) -> None:
        """Have `look` called whenever nothing on the node is ready any more."""
        self._host.looks.append(look)
