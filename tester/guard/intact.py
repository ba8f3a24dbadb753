"""Whether the harness is as it was: code that runs in its process may replace parts of it.

A submission that does so could judge itself. What judges is looked at, not locked up: whoever
needs more than that grades in processes apart, as `labtester grade` does.
"""

from __future__ import annotations

import builtins
import functools
import operator
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

_PACKAGES: Final = frozenset(
    {"tester", "labrpc", "linearizability"} | {"json", "heapq", "contextlib", "dataclasses"}
)
"""Those of the harness, and some of Python's that it is built on and that nobody replaces."""
_GUARDED: Final = frozenset({"__import__", "input"})
"""Builtins that the guard replaces."""
_CODE: Final = (
    *(type, FunctionType, BuiltinFunctionType, staticmethod, classmethod, property),
    *(functools.cached_property, type(functools.cache(repr))),
)
_code_of: Final = operator.attrgetter("__code__")
# The code under test may put others in their place.
_all, _map, _is, _call, _flat = all, map, operator.is_, operator.call, chain.from_iterable


class Intact:
    """The functions, classes and methods that the harness has now, to be compared later."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._namespaces: list[Mapping[str, Any]] = []
        self._keys: list[tuple[str, ...]] = []
        self._gets: list[operator.itemgetter[Any]] = []
        self._values: list[Any] = []
        self._functions: list[FunctionType] = []
        for name, namespace in _namespaces():
            self._keep(name, namespace)
        self._codes: list[CodeType] = [*_map(_code_of, self._functions)]

    def changed(self) -> str:
        """Name something that is another one by now; "" if nothing is."""
        try:
            now = _flat(_map(_call, self._gets, self._namespaces))
            names = _all(_map(_is, now, self._values))
        except KeyError:
            names = False
        if names and _all(_map(_is, _map(_code_of, self._functions), self._codes)):
            return ""
        return next(self._found())

    def _keep(self, name: str, namespace: Mapping[str, Any]) -> None:
        held = {
            key: value
            for key, value in namespace.items()
            if isinstance(value, _CODE) and not (name == "builtins" and key in _GUARDED)
        }
        if not held:
            return
        # Naming the first twice makes it a tuple even for one name.
        keys = (*held, next(iter(held)))
        self._names.append(name)
        self._namespaces.append(namespace)
        self._keys.append(keys)
        self._gets.append(operator.itemgetter(*keys))
        self._values += [held[key] for key in keys]
        self._functions += [value for value in held.values() if type(value) is FunctionType]

    def _found(self) -> Iterator[str]:
        values = iter(self._values)
        rows = zip(self._names, self._namespaces, self._keys, strict=True)
        for name, namespace, keys in rows:
            for key in keys:
                if namespace.get(key) is not next(values):
                    yield f"{name}.{key}"
        for function, code in zip(self._functions, self._codes, strict=True):
            if function.__code__ is not code:
                yield f"{function.__module__}.{function.__qualname__}"


def _namespaces() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What the harness has its names in: its modules, their classes, and the builtins."""
    yield "builtins", vars(builtins)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _PACKAGES and isinstance(module, ModuleType):
            yield name, vars(module)
            for label, value in list(vars(module).items()):
                if isinstance(value, type) and value.__module__ == name:
                    yield f"{name}.{label}", vars(value)
