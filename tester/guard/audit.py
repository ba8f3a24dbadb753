"""The audit of a run: whether objects of two nodes hold the same Python object.

Nodes must learn of each other through messages alone. If a server and its clients share a dict,
their tests prove nothing.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import gc
import inspect
from collections.abc import Iterable, Iterator, Sequence
from enum import EnumType
from types import (
    CellType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any, Final

import msgspec

from tester.engine.errors import SharedState
from tester.guard.fingerprint import closed_over, contents

_MUTABLE: Final = (
    *(dict, list, set, bytearray, collections.deque, SimpleNamespace),
    *(asyncio.Lock, asyncio.Event, asyncio.Condition, asyncio.Semaphore, asyncio.Queue),
    *(asyncio.Future, CoroutineType, GeneratorType),
)
_FOLLOWED: Final = (tuple, frozenset, MappingProxyType, CellType, MethodType, functools.partial)


def check_sharing(
    hosted: Sequence[tuple[str, Sequence[object]]], modules: Sequence[ModuleType]
) -> None:
    """Raise SharedState if objects of two nodes hold the same mutable object.

    `hosted` lists the objects of each node by the node's name.

    What a module holds as well is left out: the state of modules is looked at by itself, and what
    is never changed is a constant.
    """
    names = frozenset(module.__name__ for module in modules)
    holders: dict[int, tuple[str, str]] = {}
    constants: set[int] | None = None
    for name, objects in hosted:
        for thing, path in _held(objects, names):
            node, earlier = holders.setdefault(id(thing), (name, path))
            if node == name:
                continue
            if constants is None:
                constants = {id(held) for held, _ in _held(_globals(modules), names)}
            if id(thing) not in constants:
                kind = type(thing)
                raise SharedState(
                    f"{_where(kind, names)}{path} on {name} and {earlier} on {node} are or "
                    f"hold the same {kind.__name__}; nodes share nothing but messages"
                )


def _held(roots: Iterable[Any], names: frozenset[str]) -> Iterator[tuple[Any, str]]:
    """The mutable objects that can be reached from these, each with the way there begins."""
    seen: set[int] = set()
    todo: collections.deque[tuple[Any, str]] = collections.deque()
    for root in roots:
        todo.append((root, type(root).__name__))
        while todo:
            thing, path = todo.popleft()
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            if isinstance(thing, FunctionType):
                todo.extend((held, path) for held in _of_function(thing))
                continue
            mutable = issubclass(type(thing), _MUTABLE) or _is_own(thing, names)
            if mutable and not _is_frozen(type(thing)):
                yield thing, path
            if mutable or issubclass(type(thing), _FOLLOWED):
                todo.extend(_parts(thing, path, named=thing is root))


def _parts(thing: Any, path: str, *, named: bool) -> Iterator[tuple[Any, str]]:
    """What an object refers to; the attributes of a root by their names."""
    attributes = getattr(thing, "__dict__", None) if named else None
    if isinstance(attributes, dict):
        for name, value in attributes.items():
            yield value, f"{path}.{name}"
    referents = gc.get_referents(thing)
    if issubclass(type(thing), set | frozenset):  # its order means nothing, and leaks nowhere
        referents.sort(key=lambda referent: type(referent).__qualname__)
    for referent in referents:
        if referent is not attributes:
            yield referent, path


def _of_function(function: FunctionType) -> list[Any]:
    """What a function has of its own; the names of its module are looked at by themselves."""
    held = [contents(cell) for _, cell in closed_over(function)]
    return [*held, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def _is_own(thing: Any, names: frozenset[str]) -> bool:
    """Whether an object is of a class of the code under test, and no member of an enum."""
    kind = type(thing)
    return (
        kind.__module__ in names and not issubclass(kind, type) and not isinstance(kind, EnumType)
    )


def _is_frozen(kind: type) -> bool:
    """Whether instances of a class never change themselves; what they hold may."""
    if issubclass(kind, msgspec.Struct):
        return bool(kind.__struct_config__.frozen)
    return bool(getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)) or (
        issubclass(kind, tuple)
    )


def _globals(modules: Sequence[ModuleType]) -> Iterator[Any]:
    """What the modules and their classes hold by name."""
    for module in modules:
        for value in list(vars(module).values()):
            yield value
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield from list(vars(value).values())


def _where(kind: type, names: frozenset[str]) -> str:
    """`file:line: ` of the class of a shared object, where that is the user's and can be read."""
    if kind.__module__ not in names:
        return ""
    try:
        _, line = inspect.getsourcelines(kind)
    except OSError:
        return ""
    return f"{inspect.getsourcefile(kind)}:{line}: "
