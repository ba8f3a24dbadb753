"""Finds what a user's module took from the standard library by name, before any run patched it.

`from time import time` keeps the real function, wherever the module then holds it: in a global, a
class attribute, a default argument, a container, a partial, an object of its own, or the closure
that `dataclass` makes for a default factory.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import gc
import operator
import sys
from collections.abc import Callable, Sequence
from enum import EnumType
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any, Final

from tester.engine.errors import OutsideWorld
from tester.guard.fingerprint import CACHED
from tester.guard.patches import Added, Attribute, Bound, Items, Names, Patch, Slot, held_in

Stand = Callable[[object], Any]  # the stand-in for a value, or the value itself

_LARGEST: Final = 10_000
"""Containers with more items are taken for tables of data, which hold no clock."""
_DEEPEST: Final = 30
_PLAIN: Final = frozenset({str, bytes, int, float, bool, type(None), ModuleType})
"""Kinds of values that have no stand-in, and hold nothing that has one."""
_ITERATORS: Final = ("builtins", "itertools", "functools", "operator")


def find(
    modules: Sequence[ModuleType], stand: Stand, methods: Callable[[type], dict[str, Any]]
) -> tuple[list[Patch], list[OutsideWorld]]:
    """List the patches that let the modules see the stand-ins for what they took by name.

    `methods` lists the class methods that a class has in a run besides its own. What cannot be
    patched is refused.
    """
    finder = _Finder(modules, stand, methods)
    for module in modules:
        finder.module(module)
    return finder.patches, finder.refusals


def changed(namespace: dict[str, Any], stand: Stand) -> dict[str, Any]:
    """Return the names of a namespace whose values have stand-ins, and these."""
    held = list(namespace.items())
    return {name: fake for name, value in held if (fake := stand(value)) is not value}


class _Finder:
    """A walk through what some modules hold; everything is looked at once."""

    def __init__(
        self,
        modules: Sequence[ModuleType],
        stand: Stand,
        methods: Callable[[type], dict[str, Any]],
    ) -> None:
        self.patches: list[Patch] = []
        self.refusals: list[OutsideWorld] = []
        self._own = {module.__name__: vars(module) for module in modules}
        self._stand = stand
        self._methods = methods
        self._seen: dict[int, tuple[Any, Any]] = {}  # by identity: a value, and how it is seen
        self._depth = 0
        self._where = ""

    def module(self, module: ModuleType) -> None:
        self._where = module.__name__
        mine = {n: v for n, v in vars(module).items() if n[:2] != "__"}  # not its builtins
        if names := changed(mine, self._look):
            self.patches.append(Bound(vars(module), names))

    def _look(self, value: Any) -> Any:
        """Return what a value is during a run; what it holds is patched where it can be."""
        if type(value) in _PLAIN:
            return value
        fake = self._stand(value)
        if fake is not value:
            return fake
        if id(value) in self._seen:
            return self._seen[id(value)][1]
        self._seen[id(value)] = value, value
        kind = type(value)  # isinstance would ask a user's object
        look = _EXACTLY.get(kind) or _look_of(kind)
        if self._depth < _DEEPEST:
            self._depth += 1
            try:
                self._seen[id(value)] = value, look(self, value)
            finally:
                self._depth -= 1
        return self._seen[id(value)][1]

    # -- what can be changed in place ---------------------------------------------------------

    def _names(self, namespace: dict[str, Any]) -> None:
        if names := changed(namespace, self._look):
            self.patches.append(Names(namespace, names))

    def _items(self, value: Any) -> Any:
        if len(value) <= _LARGEST and not _is_namespace(value):
            values = list(value.values() if isinstance(value, dict) else value)
            fakes = [(v, fake) for v in values if (fake := self._look(v)) is not v]
            if fakes:
                self.patches.append(Items(value, fakes))
        return value

    def _class(self, cls: type) -> Any:
        if cls.__module__ not in self._own:
            return cls
        if isinstance(cls, EnumType):
            members: list[Any] = list(cls.__members__.values())
            for member in members:
                self._object(member)
            return cls
        if added := self._methods(cls):
            self.patches.append(Added(cls, added))
        for name, value in list(vars(cls).items()):
            held = value.__func__ if isinstance(value, staticmethod) else value
            fake = self._look(held)
            if fake is held:
                continue
            if isinstance(value, staticmethod | BuiltinFunctionType | MethodWrapperType):
                fake = staticmethod(fake)  # C's functions are no methods: their stand-ins neither
            self.patches.append(Attribute(cls, name, fake))
        return cls

    def _function(self, function: FunctionType) -> Any:
        if str(function.__globals__.get("__name__")).startswith("tester.guard."):
            return function  # a stand-in, which holds what it stands for
        for cell, held in _cells(function):
            if (fake := self._look(held)) is not held:
                self.patches.append(Attribute(cell, "cell_contents", fake))
        if function.__globals__ is self._own.get(function.__globals__.get("__name__", "")):
            defaults = function.__defaults__ or ()
            fakes = tuple(map(self._look, defaults))
            if any(map(operator.is_not, defaults, fakes)):
                self.patches.append(Attribute(function, "__defaults__", fakes))
            if function.__kwdefaults__:
                self._names(function.__kwdefaults__)
        if vars(function):
            self._names(vars(function))
        return function

    def _object(self, value: Any) -> Any:
        """Look into an object of the modules' own classes, and at what an iterator holds."""
        kind = type(value)
        if hasattr(kind, "__next__") and kind.__module__ in _ITERATORS:
            for held in gc.get_referents(value):
                if self._stand(held) is not held:
                    name = f"{getattr(held, '__module__', '')}.{getattr(held, '__name__', held)}"
                    sentence = (
                        f"{self._where} keeps {name} in a {kind.__name__} made before the run, "
                        "where the simulator cannot replace it; make it where it is used"
                    )
                    self.refusals.append(OutsideWorld(sentence))
        if kind.__module__ in self._own or kind is SimpleNamespace:
            with contextlib.suppress(AttributeError):  # an object may have slots alone
                self._items(object.__getattribute__(value, "__dict__"))
            for slot in [slot for base in kind.__mro__ for slot in vars(base).values()]:
                if type(slot) is MemberDescriptorType:
                    held = held_in(slot, value)
                    if (fake := self._look(held)) is not held:
                        self.patches.append(Slot(slot, value, held, fake))
        return value

    # -- what must be made anew ---------------------------------------------------------------

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        if len(value) > _LARGEST:
            return value
        fakes = [self._look(item) for item in value]
        if not any(map(operator.is_not, value, fakes)):
            return value
        return tuple.__new__(type(value), fakes)

    def _frozenset(self, value: frozenset[Any]) -> Any:
        if len(value) > _LARGEST:
            return value
        fakes = {item: fake for item in value if (fake := self._look(item)) is not item}
        return frozenset(fakes.get(item, item) for item in value) if fakes else value

    def _partial(self, value: functools.partial[Any]) -> Any:
        function, args = self._look(value.func), self._tuple(value.args)
        self._items(value.keywords)
        self._items(vars(value))
        if function is value.func and args is value.args:
            return value
        return type(value)(function, *args, **value.keywords)

    def _wrapper(self, value: Any) -> Any:
        """Look into `time.time.__call__`, and into a method of an object."""
        held = value.__self__
        fake = self._look(held)
        return value if fake is held else getattr(fake, value.__name__)

    def _proxy(self, value: MappingProxyType[Any, Any]) -> Any:
        for held in gc.get_referents(value):
            self._look(held)
        return value

    def _within(self, value: Any) -> Any:
        """Look into what wraps a function, such as a class method, a property or a cache."""
        for name in ("__func__", "__wrapped__", "fget", "fset", "fdel", "func"):
            held = getattr(value, name, None)
            fake = self._look(held)
            if fake is not held and name == "func":  # of a cached_property
                self.patches.append(Attribute(value, name, fake))
        return value


# By kind of value, first match first.
_LOOKS: Final[dict[type | tuple[type, ...], Callable[[_Finder, Any], Any]]] = {
    (str, bytes, int, float, ModuleType, type(None)): lambda finder, value: value,
    type: _Finder._class,
    FunctionType: _Finder._function,
    tuple: _Finder._tuple,
    (dict, list, set, collections.deque): _Finder._items,
    frozenset: _Finder._frozenset,
    functools.partial: _Finder._partial,
    MappingProxyType: _Finder._proxy,
    (MethodType, MethodWrapperType, BuiltinFunctionType): _Finder._wrapper,
    (staticmethod, classmethod, property, functools.cached_property): _Finder._within,
    CACHED: _Finder._within,
}


def _is_namespace(value: Any) -> bool:
    """Say whether a value is what a module has its names in, which is everybody's."""
    if type(value) is not dict:
        return False
    name = value.get("__name__")
    return type(name) is str and getattr(sys.modules.get(name), "__dict__", None) is value


def _look_of(kind: type) -> Callable[[_Finder, Any], Any]:
    return next((f for base, f in _LOOKS.items() if issubclass(kind, base)), _Finder._object)


_EXACTLY: Final = {
    kind: _look_of(kind) for kind in (type, FunctionType, BuiltinFunctionType, tuple, dict, list)
}
"""What most values are: it takes no search."""


def _cells(function: Any) -> list[tuple[CellType, Any]]:
    cells: list[tuple[CellType, Any]] = []
    for cell in function.__closure__ or ():
        try:
            cells.append((cell, cell.cell_contents))
        except ValueError:
            continue  # an empty cell: the name is not bound yet
    return cells
