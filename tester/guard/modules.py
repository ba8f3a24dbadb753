"""The state that a user's modules keep for themselves, and whether a run changed it.

A run must not depend on the runs before it in the same process, and nodes share nothing but
messages; a counter in a global, a class attribute or a default argument breaks both.

    state = state_of(modules)           # before the run
    ...                                 # a run, with the guard installed and removed again
    changes = state.changed()           # [] in a few microseconds when nothing changed
"""

from __future__ import annotations

import functools
import operator
import reprlib
from collections.abc import Mapping, Sequence, ValuesView
from dataclasses import dataclass
from enum import EnumType
from itertools import chain
from types import CellType, FunctionType, ModuleType
from typing import Any, NamedTuple

from tester.guard import audited, blame, foreign
from tester.guard.fingerprint import (
    ATOMS,
    CACHED,
    UNSET,
    closed_over,
    contents,
    fingerprint,
    identity,
    is_dunder,
    spelling,
)


@dataclass(frozen=True, slots=True)
class Change:
    """Something a run changed that outlives it: where it is, and what to do about it."""

    module: str
    name: str  # dotted, within the module: "next_id", "Clerk.next_id", "put.seen"
    file: str
    line: int  # of the first statement that may have changed it, else of its definition
    sentence: str


class Variable(NamedTuple):
    """Where a module keeps something: `name` in a `scope` (a class or function, "" the module)."""

    module: str
    kind: str
    scope: str
    name: str

    @property
    def dotted(self) -> str:
        return f"{self.scope}.{self.name}" if self.scope else self.name


class _Held(NamedTuple):
    value: Any
    tokens: list[Any]
    line: int  # where the function starts that holds it, if one does


_WALKED: tuple[type, ...] = (
    *(type, FunctionType, CACHED, staticmethod, classmethod, property),
    *(functools.cached_property, functools.partialmethod),
)
_contents = operator.attrgetter("cell_contents")
_parts = operator.attrgetter("__code__", "__defaults__", "__kwdefaults__")
"""Of a function: each of them can be replaced, and the last can change in place."""

_WHAT_AND_ADVICE = {
    "global": ("a global", "keep it in an object that each run makes"),
    "class": ("a class attribute", "set it on self, in __init__"),
    "default": ("a default argument", "default to None, and make it inside"),
    "closure": ("a variable of an enclosing function", "keep it in an object that each run makes"),
    "function": ("a function attribute", "keep it in an object that each run makes"),
    "foreign": ("an attribute of somebody else's", "keep it in an object that each run makes"),
    "cache": ("a cached function", "keep the cache in an object that each run makes"),
}


audited.listen()  # to what is done to functions


class ModuleState:
    """What the modules hold now, to be compared with what they hold after a run.

    Make it and ask it outside `guard.installed`, which rebinds names in these modules itself.
    """

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._modules = tuple(modules)
        self._then = _Snapshot(self._modules)

    def changed(self) -> list[Change]:
        """List what has changed since this object was made, in the order of definition."""
        if self._then.holds():
            return []
        now = _Snapshot(self._modules)
        changes = _differences(self._modules, self._then, now)
        if not changes:  # only equals for equals: from now on, these are the ones to expect
            self._then = now
        return changes


_last: list[ModuleState] = []  # none or one


def state_of(modules: Sequence[ModuleType]) -> ModuleState:
    """Return what the modules hold now: the state that the last call made, while it holds.

    To take stock of a few modules takes as long as a short run; to see that nothing has changed
    since takes a hundredth of that.
    """
    for last in _last:
        if last._modules == tuple(modules) and last._then.holds():
            return last
    _last[:] = [ModuleState(modules)]
    return _last[0]


class _Snapshot:
    """Every place in the modules, with what can be told about its value."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._own = frozenset(module.__name__ for module in modules)
        self.places: dict[Variable, list[_Held]] = {}
        # For a quick look: the values of namespaces and variables are the very same objects,
        # functions have got no attributes, and what can change in place looks as it did.
        self._namespaces: list[ValuesView[Any]] = []
        self._sizes: list[int] = []
        self._values: list[Any] = []
        self._cells: list[CellType] = []
        self._contents: list[Any] = []
        self._attributes: list[dict[str, Any]] = []
        self._functions_changed = audited.functions_changed
        self._functions: list[FunctionType] = []
        self._made_of: list[tuple[Any, ...]] = []
        self._mutable: list[tuple[_Held, bytes | None]] = []
        self._foreign: list[tuple[Mapping[str, Any], str, Any]] = []
        self._seen: set[tuple[int, str]] = set()
        for module in modules:
            self._module(module)

    def holds(self) -> bool:
        """Say whether nothing can have changed."""
        if list(map(len, self._namespaces)) != self._sizes:
            return False
        if not all(map(operator.is_, chain.from_iterable(self._namespaces), self._values)):
            return False
        if any(self._attributes):
            return False
        if audited.functions_changed != self._functions_changed:
            made_of = chain.from_iterable(map(_parts, self._functions))
            if not all(map(operator.is_, made_of, chain.from_iterable(self._made_of))):
                return False
            self._functions_changed = audited.functions_changed
        for names, name, value in self._foreign:
            if names.get(name, UNSET) is not value:
                return False
        try:
            if not all(map(operator.is_, map(_contents, self._cells), self._contents)):
                return False
        except ValueError:  # a variable was deleted
            return False
        return all(map(self._looks_as_it_did, self._mutable))

    def _looks_as_it_did(self, mutable: tuple[_Held, bytes | None]) -> bool:
        held, plain = mutable
        if plain is None:
            return fingerprint(held.value, self._own).tokens == held.tokens
        return spelling(held.value) == plain

    def _namespace(self, names: Mapping[str, Any]) -> None:
        self._namespaces.append(names.values())
        self._sizes.append(len(names))
        self._values.extend(names.values())

    def _module(self, module: ModuleType) -> None:
        names = vars(module)
        self._namespace(names)
        imported = blame.imported(module)
        for owner, name, namespace in foreign.attributes(module, self._own):
            value = namespace.get(name, UNSET)
            self._foreign.append((namespace, name, value))
            if value is not UNSET:
                self._keep(Variable(module.__name__, "foreign", owner, name), value)
        for name, value in list(names.items()):
            if not is_dunder(name) and not isinstance(value, ModuleType):
                place = Variable(module.__name__, "global", "", name)
                self._keep(place, value, by_identity=name in imported)
                self._inside(value, module, place.dotted)

    def _keep(self, place: Variable, value: Any, by_identity: bool = False, line: int = 0) -> None:
        if by_identity or (_is_walked(value) and not isinstance(value, CACHED)):
            tokens, mutable = identity(value), False
        else:
            tokens, mutable = fingerprint(value, self._own)
        held = _Held(value, tokens, line)
        self.places.setdefault(place, []).append(held)
        if mutable:
            self._mutable.append((held, spelling(value)))

    def _inside(self, value: Any, module: ModuleType, dotted: str) -> None:
        """Look into a class or a function of this module, and into what wraps one."""
        # Another module that has imported it does not look into it: its own one will.
        seen = id(value), module.__name__
        if seen in self._seen or not _is_walked(value):
            return
        self._seen.add(seen)
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                self._class(value, module, dotted)
        elif isinstance(value, FunctionType):
            own = value.__globals__ is vars(module)
            if own and not value.__code__.co_filename.startswith("<"):  # else dataclass made it
                self._function(value, module, dotted)
            elif "__wrapped__" in vars(value):  # a library's, around one of the user's
                self._attached(value, module, dotted)
            self._inside(vars(value).get("__wrapped__"), module, dotted)
        else:
            for name in ("__func__", "__wrapped__", "fget", "fset", "fdel", "func"):
                self._inside(getattr(value, name, None), module, dotted)

    def _class(self, cls: type, module: ModuleType, dotted: str) -> None:
        names = vars(cls)
        self._namespace(names)
        if isinstance(cls, EnumType):
            members: list[Any] = list(cls)
            for member in members:
                self._member(member, module, f"{dotted}.{member.name}")
        for name, value in list(names.items()):
            place = Variable(module.__name__, "class", dotted, name)
            # ABCMeta keeps its caches in `_abc_impl`: https://bugs.python.org/issue31333
            if not (is_dunder(name) or name == "_abc_impl" or _is_of_enum(cls, name)):
                self._keep(place, value)
            self._inside(value, module, place.dotted)

    def _attached(self, function: FunctionType, module: ModuleType, dotted: str) -> None:
        """Keep what is attached to a function: the registry of a singledispatch for one."""
        attributes = vars(function)
        own = function.__globals__ is vars(module)  # else what is private is not the user's
        if not attributes:
            self._attributes.append(attributes)
        else:
            self._namespace(attributes)
        for name, value in attributes.items():
            if not is_dunder(name) if own else name[:1] != "_":
                self._keep(Variable(module.__name__, "function", dotted, name), value)

    def _member(self, member: Any, module: ModuleType, dotted: str) -> None:
        """Keep what a member of an enumeration holds: its value, and attributes of its own."""
        names = vars(member)
        self._namespace(names)
        for name, value in names.items():
            if name[:1] != "_":
                self._keep(Variable(module.__name__, "class", dotted, name), value)
        self._keep(Variable(module.__name__, "class", dotted, "value"), names.get("_value_"))

    def _function(self, function: FunctionType, module: ModuleType, dotted: str) -> None:
        code = function.__code__
        line = code.co_firstlineno
        self._attached(function, module, dotted)
        self._functions.append(function)
        self._made_of.append(_parts(function))
        if function.__kwdefaults__:
            self._namespace(function.__kwdefaults__)
        self._keep(Variable(module.__name__, "function", dotted, "__code__"), code, line=line)
        defaults = function.__defaults__ or ()
        positional = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
        keywords = function.__kwdefaults__ or {}
        for name, value in (*zip(positional, defaults, strict=True), *keywords.items()):
            self._keep(Variable(module.__name__, "default", dotted, name), value, line=line)
        for name, cell in closed_over(function):
            value = contents(cell)
            if value is UNSET:
                continue
            self._cells.append(cell)
            self._contents.append(value)
            self._keep(Variable(module.__name__, "closure", dotted, name), value, line=line)
            self._inside(value, module, dotted)


def _is_walked(value: object) -> bool:
    return issubclass(type(value), _WALKED)  # which, unlike isinstance, asks no user's object


def _is_of_enum(cls: type, name: str) -> bool:
    return isinstance(cls, EnumType) and name[0] == name[-1] == "_"


def _differences(modules: Sequence[ModuleType], then: _Snapshot, now: _Snapshot) -> list[Change]:
    by_name = {module.__name__: module for module in modules}
    changes: list[Change] = []
    named: set[tuple[str, str]] = set()
    objects: set[int] = set()  # an object known by several names is reported once
    for place in dict.fromkeys((*then.places, *now.places)):
        old, new = then.places.get(place, []), now.places.get(place, [])
        if [held.tokens for held in old] == [held.tokens for held in new]:
            continue
        value = (new or old)[-1].value
        parts = place.scope.split(".")
        within = {(place.module, ".".join(parts[:i])) for i in range(1, len(parts) + 1)}
        if named.isdisjoint(within) and id(value) not in objects:
            changes.append(_change(by_name[place.module], place, old, new))
        named.add((place.module, place.dotted))
        if type(value) not in ATOMS:
            objects.add(id(value))
    return changes


def _change(module: ModuleType, place: Variable, old: list[_Held], new: list[_Held]) -> Change:
    held = (new or old)[-1]
    kind = "cache" if isinstance(held.value, CACHED) else place.kind
    what, advice = _WHAT_AND_ADVICE[kind]
    if not old or not new:
        did = "made it" if new else "deleted it"
    else:
        did = "changed it" + _from_to(old[-1], new[-1])
    return Change(
        module=place.module,
        name=place.dotted,
        file=getattr(module, "__file__", None) or f"<{place.module}>",
        line=blame.line_of_change(module, place.kind, place.scope, place.name, held.line),
        sentence=f"{place.dotted} is {what} that outlives the run, which {did}: {advice}",
    )


def _from_to(old: _Held, new: _Held) -> str:
    simple = (bool, int, float, str, type(None))
    if type(old.value) not in simple or type(new.value) not in simple:
        return ""
    return f" from {reprlib.repr(old.value)} to {reprlib.repr(new.value)}"
