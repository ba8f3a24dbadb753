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
import importlib.util
import logging
import random
import sys
import time
from _thread import get_ident
from collections.abc import Callable, Sequence
from itertools import islice
from types import BuiltinFunctionType, ModuleType
from typing import Any, Final, Self

from labrpc.errors import TesterError
from tester.engine import current
from tester.engine.current import CurrentNode
from tester.engine.errors import OutsideWorld
from tester.guard import audited, caller, clock, outside, recursion
from tester.guard.blocking import OBJECTS, WAITS
from tester.guard.caller import node
from tester.guard.clock import CLOCKS
from tester.guard.entropy import ENTROPY, GENERATOR
from tester.guard.outside import OUTSIDE, TWINS
from tester.guard.patches import Attribute, Names, Namespaces, Patch
from tester.guard.prebound import find
from tester.guard.recursion import RECURSION


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
        if caller.thread is not None:
            raise TesterError(
                "a run is active in this process: runs take turns, one after another"
            )
        self._patches = _patches_for(self._modules)
        recursion.bound()
        caller.thread = get_ident()
        current.refusals[:] = _unpatchable
        try:
            _stand()
            for patch in self._patches:
                patch.apply()
        except BaseException:
            self.__exit__()
            raise
        return current.refusals

    def __exit__(self, *error: object) -> None:
        current.node = None
        for patch in reversed([*self._patches, *_during]):
            patch.undo()
        _during.clear()
        if not _standing:
            _put_back()
        caller.thread = None


class standing:
    """Between runs, what is rebound outside the user's modules stays so: to rebind takes a while.

    For a process that makes one run after another; only code on nodes sees a difference.
    """

    def __enter__(self) -> None:
        _standing.append(self)

    def __exit__(self, *error: object) -> None:
        _standing.remove(self)
        if not _standing and caller.thread is None:
            _put_back()


class collector_off:
    """The garbage collector off, so that finalizers never run at a moment that memory decides."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *error: object) -> None:
        if self._was_on:
            gc.enable()


class _Class:
    """A class of C's whose making is answered by the node: everything but that is the class."""

    def __init__(self, real: type, make: Callable[..., Any]) -> None:
        functools.update_wrapper(self, real, updated=())
        self._real, self._make = real, make

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._make(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __getitem__(self, parameters: Any) -> Self:
        return self

    def __or__(self, other: Any) -> Any:
        return self._real | other

    def __ror__(self, other: Any) -> Any:
        return other | self._real

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self._real,)

    def __instancecheck__(self, instance: object) -> bool:
        real = instance._real if type(instance) in OBJECTS.values() else instance  # type: ignore[attr-defined]
        return isinstance(real, self._real)


def _dispatch(real: Callable[..., Any], fake: Callable[..., Any]) -> Callable[..., Any]:
    if isinstance(real, type):
        return _Class(real, _asking(real, fake))
    return _reading(real, fake) if fake in _clocks else _asking(real, fake)


def _asking(real: Callable[..., Any], fake: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def ask(*args: Any, **kwargs: Any) -> Any:
        machine = current.node
        if machine is None or get_ident() != caller.thread:
            return real(*args, **kwargs)
        return fake(machine, real, *args, **kwargs)

    return ask


def _reading(real: Callable[..., Any], fake: Callable[..., Any]) -> Callable[..., Any]:
    """As `_asking`, of a clock."""

    @functools.wraps(real)
    def read(*args: Any, **kwargs: Any) -> Any:
        machine: CurrentNode | clock.Stopped | None = current.node
        if machine is None or get_ident() != caller.thread:
            machine = clock.stopped
            if machine is None:
                return real(*args, **kwargs)
        return fake(machine, real, *args, **kwargs)

    return read


_clocks: Final = frozenset(fake for fakes in CLOCKS.values() for fake in fakes.values())
_during: list[Patch] = []  # of modules that the active run has imported


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
        record.thread = 1
    return record


def _import(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Import a module for node code, as if no node ran.

    A process runs a module's code once. Run as the node's, it would draw from the node's
    randomness in the first run that imports it, and in no later one.
    """
    current.node = None
    try:
        return real(*args, **kwargs)
    finally:
        for patch in _late_comers():
            patch.apply()
            _during.append(patch)
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


# What logging.setLogRecordFactory sets.
_log_factory = Attribute(logging, "_logRecordFactory", _log_record)
_stdin_stand_in = outside.Stdin(_real_stdin)
_stdin = Attribute(sys, "stdin", _stdin_stand_in)

_date, _datetime = datetime.date, datetime.datetime
_dates: dict[type, type] = dict(zip((_date, _datetime), clock.stand_ins(), strict=True))

# The stand-in of every replaced function and class, by the identity of the real one.
_stand_ins: dict[int, Any] = {id(real): fake for real, fake in _dates.items()}
_stand_ins[id(vars(random)["_inst"])] = GENERATOR

_fixed: list[Patch] = [
    _log_factory,
    _stdin,
    *(
        Names(vars(sys.modules[name]), {real.__name__: fake for real, fake in _dates.items()})
        for name in ("datetime", "_datetime")
        if name in sys.modules
    ),
    *(_Pickled(real, fake) for real, fake in _dates.items()),
    Names(vars(random), {"_inst": GENERATOR}),
    Names(vars(time), clock.ZONE),
]


def _stand_in(value: object) -> Any:
    """Return what a value bound before the run means during it: mostly, itself."""
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, type):
        return _date_method(value, value.__self__)
    made = OBJECTS.get(type(value))
    return _stand_ins.get(id(value), value) if made is None else made(value)


def _date_method(method: BuiltinFunctionType, cls: type) -> Any:
    """Return the stand-in for such as `datetime.now`, which is a new object at every look."""
    if cls in _dates:
        return getattr(_dates[cls], method.__name__)
    fake = _methods(cls).get(method.__name__)
    return method if fake is None else fake.__get__(None, cls)


def _methods(cls: type) -> dict[str, Any]:
    """The class methods that a user's class has in a run: those of dates, if it is of dates."""
    real = next((base for base in cls.__mro__ if base in _dates), None)
    return {} if real is None or clock.is_stand_in(cls) else clock.methods(_dates[real])


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
    imported = sys.modules.get(module) or importlib.import_module(module)
    found = getattr(imported, cls, None) if cls else imported  # some systems lack some classes
    if found is not None:
        _fixed.extend(_patch(found, fakes))


IMPORTS: dict[str, dict[str, Callable[..., Any]]] = {
    "builtins": {"__import__": _import},
    "importlib": {"import_module": _import},
}

# Modules worth no import of ours: they are patched from the first run that finds them imported.
_late: dict[str, dict[str, Callable[..., Any]]] = {}
audited.listen()
for _table in (CLOCKS, ENTROPY, OUTSIDE, WAITS, RECURSION, IMPORTS):
    for _owner, _fakes in _table.items():
        for _twin in (_owner, *TWINS.get(_owner, ())):
            _late[_twin] = _late.get(_twin, {}) | _fakes
for _owner in [owner for owner in _late if owner.partition(":")[0] not in outside.LATE]:
    if importlib.util.find_spec(_owner.partition(":")[0]) is not None:
        _load(_owner, _late[_owner])
    del _late[_owner]
_module_of: Final = {_owner: _owner.partition(":")[0] for _owner in _late}  # asked in every run

# Stand-ins for what tells the time or draws, which no audit hook hears of.
_time_and_chance: dict[int, Any] = {
    id(real): _stand_ins[id(real)]
    for _table in (CLOCKS, ENTROPY)
    for _owner in _table.keys() & sys.modules.keys() - {"asyncio"}
    for _name in _table[_owner]
    if id(real := vars(sys.modules[_owner]).get(_name)) in _stand_ins
}

# Whose names stay as they are: the harness asks the real world on purpose.
_HARNESS: Final = frozenset(
    {"tester", "labrpc", "linearizability", "pytest", "_pytest", "pluggy", "xdist", "execnet"}
    | {"coverage", "hypothesis", "importlib", "builtins"}
)

_found: tuple[tuple[ModuleType, ...] | None, list[Patch]] = None, []  # in those of the last run
_unpatchable: list[OutsideWorld] = []  # in them
_everybodys: list[Patch] = []  # in all other modules
_modules_known = 0  # how many there were when they were looked through
_fixed_known = 0  # how many of _fixed are among them
_in_force: list[Patch] = []
_standing: list[standing] = []


def _patches_for(modules: tuple[ModuleType, ...]) -> list[Patch]:
    global _found, _everybodys, _modules_known, _fixed_known
    _late_comers()
    # Some may have been prepared by the import of a run, which has put them back at its end.
    late, added = len(_fixed) > _fixed_known, len(sys.modules) - _modules_known
    if _in_force and not late and added > 0:
        # Only the new ones are looked through: in a copy of a process, a look at the others would
        # copy the memory that holds them.
        _modules_known += added
        patches = _elsewhere(modules, [*islice(reversed(sys.modules), added)])
        for patch in patches:
            patch.apply()
        _everybodys += patches
        _in_force.extend(patches)
        _found = None, []
    elif late or added:
        _put_back()
        _modules_known, _fixed_known = len(sys.modules), len(_fixed)
        patches = [*_fixed, *_elsewhere(modules, [*sys.modules])]
        names = [patch for patch in patches if isinstance(patch, Names)]
        others = [patch for patch in patches if not isinstance(patch, Names)]
        _everybodys = [Namespaces(names), *others]
        _found = None, []
    if _found[0] != modules:
        patches, _unpatchable[:] = find(modules, _stand_in, _methods)
        _found = (modules, patches)
    return _found[1]


def _stand() -> None:
    """Put what is everybody's into force, unless it is so still."""
    if not _in_force:
        for patch in _everybodys:
            _in_force.append(patch)
            patch.apply()


def _put_back() -> None:
    for patch in reversed(_in_force):
        patch.undo()
    _in_force.clear()


def _late_comers() -> list[Patch]:
    """Prepare the patches of modules that have been imported since."""
    known = len(_fixed)
    for owner in [owner for owner in _late if _module_of[owner] in sys.modules]:
        _load(owner, _late.pop(owner))
    return _fixed[known:]


def _elsewhere(modules: tuple[ModuleType, ...], among: Sequence[str]) -> list[Patch]:
    """Find the functions that modules of others took by name: `timeit.default_timer` for one."""
    others = [
        module
        for name in among
        if (module := sys.modules[name]) not in modules
        and name.partition(".")[0] not in _HARNESS
        and not caller.is_debuggers(name)
    ]
    if not others:
        return []
    patched = {id(patch.namespace) for patch in _fixed if isinstance(patch, Names)}
    patches: list[Patch] = []
    for module in others:
        names = getattr(module, "__dict__", None)
        if type(names) is not dict or id(names) in patched:
            continue
        fakes = zip(names, map(_time_and_chance.get, map(id, names.values())), strict=True)
        if functions := {name: fake for name, fake in fakes if fake is not None}:
            patches.append(Names(names, functions))
    return patches
