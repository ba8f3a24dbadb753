"""Events on their way to a node in another process and back: written as plain data, and read."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from labrpc.errors import TesterError
from tester.engine.node import Event
from tester.guard.unawaited import Unawaited
from tester.world.arguments import Compound, Data, End, Made, OnDisk, OnFiles, Packed
from tester.world.failure import Failure
from tester.world.probe import OnProbe


def to_wire(event: Event) -> Any:
    """An event to a node, as it is written: classes by their names."""
    if event[0] != "make":
        return event
    _, key, factory, args, like = event
    return (
        "make",
        key,
        _name(factory),
        [_packed_to_wire(arg) for arg in args],
        _name(like),
    )


def _packed_to_wire(arg: Packed) -> Any:
    if isinstance(arg, Compound):
        return ("compound", _name(arg.cls), [_packed_to_wire(part) for part in arg.parts])
    return (_MARKS[type(arg)], *arg)


def _packed_from_wire(arg: Any) -> Packed:
    mark, *rest = arg
    if mark == "compound":
        cls, parts = rest
        return Compound(_named(cls), tuple(map(_packed_from_wire, parts)))
    made: Packed = _MARKED[mark](*rest)
    return made


_MARKS: Final[dict[type, str]] = {
    End: "end",
    Made: "made",
    OnDisk: "disk",
    OnFiles: "files",
    OnProbe: "probe",
    Data: "data",
}
_REPORTS: Final = {"fail": Failure, "refused": Failure, "unawaited": Unawaited}
_MARKED: Final = {mark: cls for cls, mark in _MARKS.items()}


def from_pipe(event: list[Any]) -> Event:
    """What `to_wire` has made, on the node."""
    if event[0] != "make":
        return tuple(event)
    _, key, factory, args, like = event
    return ("make", key, _named(factory), tuple(map(_packed_from_wire, args)), _named(like))


def from_wire(event: list[Any]) -> Event:
    """An event from a node, as the run takes it. Raises ValidationError for a bad report."""
    if event[0] in _REPORTS:
        return (event[0], msgspec.convert(event[1], _REPORTS[event[0]]))
    return tuple(event)


def _name(thing: Callable[..., Any]) -> str:
    name = f"{thing.__module__}:{getattr(thing, '__qualname__', repr(thing))}"
    if "<" in name:
        raise TesterError(
            f"{name} cannot be built in a child process, which finds a class by its name: define "
            "it at the top of its module"
        )
    return name


def _named(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
