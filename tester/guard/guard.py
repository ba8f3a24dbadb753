"""The guard: code on a simulated node sees virtual time and its node's randomness, and no world.

Once per run, names in the standard library and in the user's modules are rebound to functions
that ask who is calling: node code gets the node's answer, everybody else (pytest, a debugger, the
engine itself, another thread) the real one.  The engine says whose code runs next with one plain
assignment, `current.node = node`, and `current.node = None` when it is back.
"""

from __future__ import annotations

import copyreg
import datetime
import functools
import gc
import importlib
import logging
import sys
from _thread import get_ident
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, ModuleType
from typing import Any

from labrpc.errors import TesterError
from tester.engine import current
from tester.engine.current import CurrentNode
from tester.engine.errors import OutsideWorld
from tester.guard import clock, outside
from tester.guard.clock import CLOCKS
from tester.guard.entropy import ENTROPY
from tester.guard.outside import OUTSIDE
from tester.guard.prebound import Attribute, Names, Patch, find

_thread: int | None = None  # the thread of the active run


def node() -> CurrentNode | None:
    """Return the node whose code is running on this thread, if any is."""
    return current.node if get_ident() == _thread else None


class installed:
    """The guard in force, for one run on one thread: `with guard.installed(modules): ...`.

    `modules` are the user's, in which names bound before the run are rebound as well.  Everything
    is put back exactly, however the run ends.  Yields the refusals of the run, in order: those
    that the code under test swallowed too.  One run at a time: a second one is a TesterError.
    """

    __slots__ = ("_modules", "_patches")

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._modules = tuple(modules)

    def __enter__(self) -> list[OutsideWorld]:
        global _thread
        if _thread is not None:
            raise TesterError(
                "a run is active in this process: runs take turns, one after another"
            )
        self._patches = _patches_for(self._modules)
        _thread = get_ident()
        current.refusals.clear()
        try:
            for patch in self._patches:
                patch.apply()
        except BaseException:
            self.__exit__()
            raise
        return current.refusals

    def __exit__(self, *error: object) -> None:
        global _thread
        for patch in reversed(self._patches):
            patch.undo()
        current.node = _thread = None


class collector_off:
    """The garbage collector off, so that finalizers never run at a moment that memory decides."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *error: object) -> None:
        if self._was_on:
            gc.enable()


def _dispatch(real: Callable[..., Any], fake: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def ask(*args: Any, **kwargs: Any) -> Any:
        machine = current.node
        if machine is None or get_ident() != _thread:
            return real(*args, **kwargs)
        return fake(machine, real, *args, **kwargs)

    return ask


def _log_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a log record; one of node code has virtual times, and the node's name as `node`."""
    record: logging.LogRecord = _log_factory.saved(*args, **kwargs)
    machine = node()
    if machine is not None:
        now = machine.time_us()
        record.created = (clock.EPOCH_US + now) / 1_000_000
        record.msecs = float(now // 1000 % 1000)
        record.relativeCreated = now / 1000
        record.node = machine.name
    return record


def _import(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Import a module for node code, as nobody.

    A process runs a module's code once. Run as the node's, it would draw from the node's
    randomness in the first run that imports it, and in no later one.
    """
    current.node = None
    try:
        return real(*args, **kwargs)
    finally:
        current.node = machine


class _Pickled:
    """How a real date is pickled while its class's name means another class: by that name."""

    def __init__(self, real: type, fake: type) -> None:
        self._real, self._fake = real, fake

    def _reduce(self, value: Any) -> tuple[Any, ...]:
        return (self._fake, *value.__reduce_ex__(4)[1:])

    def apply(self) -> None:
        copyreg.dispatch_table.setdefault(self._real, self._reduce)

    def undo(self) -> None:
        if copyreg.dispatch_table.get(self._real) == self._reduce:
            del copyreg.dispatch_table[self._real]


def _real_stdin() -> Any:
    return _stdin.saved if sys.stdin is _stdin_stand_in else sys.stdin


_log_factory = Attribute(logging, "_logRecordFactory", _log_record)
_stdin_stand_in = outside.Stdin(node, _real_stdin)
_stdin = Attribute(sys, "stdin", _stdin_stand_in)

_date, _datetime = datetime.date, datetime.datetime
_dates: dict[type, type] = dict(zip((_date, _datetime), clock.stand_ins(node), strict=True))

# The stand-in of every replaced function and class, by the identity of the real one.
_stand_ins: dict[int, Any] = {id(real): fake for real, fake in _dates.items()}

_fixed: list[Patch] = [
    _log_factory,
    _stdin,
    Names(vars(datetime), {real.__name__: fake for real, fake in _dates.items()}),
    *(_Pickled(real, fake) for real, fake in _dates.items()),
]


def _stand_in(value: object) -> Any:
    """Return what a value bound before the run means during it: mostly, itself."""
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, type):
        fake = _dates.get(value.__self__)  # such as `datetime.now`, a new object at every look
        return value if fake is None else getattr(fake, value.__name__)
    return _stand_ins.get(id(value), value)


def _patch(owner: Any, fakes: dict[str, Callable[..., Any]]) -> list[Patch]:
    reals = vars(owner)
    changed = {name: _dispatch(reals[name], fake) for name, fake in fakes.items() if name in reals}
    if isinstance(owner, type):
        return [Attribute(owner, name, fake) for name, fake in changed.items()]
    # A function known under several names keeps being one function.
    changed = {
        name: _stand_ins.setdefault(id(reals[name]), fake) for name, fake in changed.items()
    }
    return [Names(reals, changed)] if changed else []


def _load(owner: str, fakes: dict[str, Callable[..., Any]]) -> None:
    """Prepare the patches of one owner, `module` or `module:Class`."""
    module, _, cls = owner.partition(":")
    imported = importlib.import_module(module)
    _fixed.extend(_patch(getattr(imported, cls) if cls else imported, fakes))


IMPORTS: dict[str, dict[str, Callable[..., Any]]] = {
    "builtins": {"__import__": _import},
    "importlib": {"import_module": _import},
}

# Modules worth no import of ours: they are patched from the first run that finds them imported.
_late: dict[str, dict[str, Callable[..., Any]]] = {}
for _owner in dict.fromkeys((*CLOCKS, *ENTROPY, *OUTSIDE, *IMPORTS)):
    _fakes = CLOCKS.get(_owner, {}) | ENTROPY.get(_owner, {}) | OUTSIDE.get(_owner, {})
    _fakes |= IMPORTS.get(_owner, {})
    if _owner.partition(":")[0] in outside.LATE:
        _late[_owner] = _fakes
    else:
        _load(_owner, _fakes)

_found: tuple[tuple[ModuleType, ...], list[Patch]] = ((), [])  # in the modules of the last run


def _patches_for(modules: tuple[ModuleType, ...]) -> list[Patch]:
    global _found
    for owner in [owner for owner in _late if owner.partition(":")[0] in sys.modules]:
        _load(owner, _late.pop(owner))
        _found = ((), [])
    if not _found[1] or _found[0] != modules:
        _found = (modules, _fixed + [patch for m in modules for patch in find(m, _stand_in)])
    return _found[1]
