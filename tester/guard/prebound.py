"""Finds what a user's module took from the standard library by name, before any run patched it.

`from time import time` keeps the real function, wherever the module then holds it: in a global, a
class attribute, a default argument, or the closure that `dataclass` makes for a default factory.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any, Protocol


class Patch(Protocol):
    """Something to change when a run begins and to put back exactly when it ends."""

    def apply(self) -> None: ...

    def undo(self) -> None: ...


_NOTHING = object()


class Names:
    """A few names of one namespace, and what they mean during a run."""

    __slots__ = ("_fakes", "_get", "_names", "_namespace", "_saved")

    def __init__(self, namespace: dict[str, Any], fakes: dict[str, Any]) -> None:
        self._namespace, self._fakes, self._names = namespace, fakes, tuple(fakes)
        # One C call reads all values.  Naming the first twice makes it a tuple even for one name.
        self._get = operator.itemgetter(*self._names, self._names[0])
        self._saved: tuple[Any, ...] = ()

    def apply(self) -> None:
        self._saved = self._get(self._namespace)
        self._namespace.update(self._fakes)

    def undo(self) -> None:
        self._namespace.update(zip(self._names, self._saved, strict=False))
        self._saved = ()


class Bound(Names):
    """Names that a user's module bound; one that a test has replaced since stays replaced."""

    __slots__ = ("_reals",)

    def __init__(self, namespace: dict[str, Any], fakes: dict[str, Any]) -> None:
        super().__init__(namespace, fakes)
        self._reals = self._get(namespace)

    def apply(self) -> None:
        super().apply()
        if any(map(operator.is_not, self._saved, self._reals)):
            bound = zip(self._names, self._saved, self._reals, strict=False)
            self._namespace.update({name: now for name, now, real in bound if now is not real})


class Attribute:
    """One attribute of one object (a class, a function, a cell), and its value during a run."""

    __slots__ = ("_fake", "_name", "_owner", "saved")

    def __init__(self, owner: Any, name: str, fake: Any) -> None:
        self._owner, self._name, self._fake = owner, name, fake
        self.saved: Any = _NOTHING

    def apply(self) -> None:
        owner, name = self._owner, self._name
        # A class gives its functions and descriptors changed; its namespace has them as they are.
        self.saved = vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)
        setattr(owner, name, self._fake)

    def undo(self) -> None:
        if self.saved is not _NOTHING:
            setattr(self._owner, self._name, self.saved)
            self.saved = _NOTHING


Stand = Callable[[object], Any]  # the stand-in for a value, or the value itself


def find(module: ModuleType, stand: Stand) -> list[Patch]:
    """List the patches that let `module` see the stand-ins for what it took by name."""
    patches: list[Patch] = []
    if names := _changed(vars(module), stand):
        patches.append(Bound(vars(module), names))
    seen: set[int] = set()
    for value in list(vars(module).values()):
        patches.extend(_inside(value, module, stand, seen))
    return patches


def _changed(namespace: dict[str, Any], stand: Stand) -> dict[str, Any]:
    pairs = ((name, value, stand(value)) for name, value in namespace.items())
    return {name: fake for name, value, fake in pairs if fake is not value}


def _inside(value: Any, module: ModuleType, stand: Stand, seen: set[int]) -> Iterator[Patch]:
    """Yield the patches within a class or a function that this module defines."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, (staticmethod, classmethod)):
        yield from _inside(value.__func__, module, stand, seen)
    elif isinstance(value, property):
        for function in (value.fget, value.fset, value.fdel):
            yield from _inside(function, module, stand, seen)
    elif isinstance(value, type) and value.__module__ == module.__name__:
        yield from _in_class(value, module, stand, seen)
    elif isinstance(value, (FunctionType, functools._lru_cache_wrapper)):
        if isinstance(value, FunctionType) and value.__globals__ is vars(module):
            yield from _in_function(value, stand)
        for inner in _held(value):
            yield from _inside(inner, module, stand, seen)


def _in_class(cls: type, module: ModuleType, stand: Stand, seen: set[int]) -> Iterator[Patch]:
    for name, value in list(vars(cls).items()):
        held = value.__func__ if isinstance(value, staticmethod) else value
        fake = stand(held)
        if fake is held:
            yield from _inside(value, module, stand, seen)
        elif isinstance(fake, type) or isinstance(value, FunctionType):
            yield Attribute(cls, name, fake)
        else:  # a C function is no method: its stand-in must not become one
            yield Attribute(cls, name, staticmethod(fake))


def _in_function(function: FunctionType, stand: Stand) -> Iterator[Patch]:
    defaults = function.__defaults__ or ()
    fakes = tuple(map(stand, defaults))
    if any(map(operator.is_not, defaults, fakes)):
        yield Attribute(function, "__defaults__", fakes)
    keywords = function.__kwdefaults__ or {}
    if names := _changed(keywords, stand):
        yield Names(keywords, names)
    for cell, held in _cells(function):
        if (fake := stand(held)) is not held:
            yield Attribute(cell, "cell_contents", fake)


def _held(function: Any) -> Iterator[Any]:
    """Yield what a function wraps: what its closure holds, and what a decorator recorded."""
    for _, value in _cells(function):
        yield value
    yield vars(function).get("__wrapped__")


def _cells(function: Any) -> Iterator[tuple[CellType, Any]]:
    for cell in getattr(function, "__closure__", None) or ():
        try:
            yield cell, cell.cell_contents
        except ValueError:
            continue  # an empty cell: the name is not bound yet
