"""What can be told apart about a value: a flat list, equal to another if nothing has changed.

Containers, iterators, caches, generators and objects of the user's own classes are taken apart;
everything else (foreign objects, classes, modules, locks, loggers) counts by identity alone.  A
list is compared within one process only, and nothing in it is ever shown.
"""

from __future__ import annotations

import _thread
import collections
import contextvars
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import logging
import marshal
import pickle
import queue
import random
import types
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from tester.guard import blocking

ATOMS = frozenset(
    {bool, bytes, complex, float, int, range, str, types.NoneType, types.EllipsisType}
    | {datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone}
    | {decimal.Decimal, fractions.Fraction, uuid.UUID}
)
CACHED = type(functools.cache(repr))  # it has no public name
LIMIT = 10_000  # values looked at in one fingerprint: what changes beyond them goes unseen
LARGEST_BUFFER = 1 << 20  # bytes of one array: what changes in a larger one goes unseen

# Classes of these modules are taken apart like the user's own: their state is plain attributes.
_TRANSPARENT = frozenset(
    {"asyncio", "collections", "queue", "threading", "_thread", "weakref"}
    | {"argparse", "configparser", "contextlib", "graphlib", "sched", "string"}
)
_CLOSED = (enum.Enum, types.GenericAlias)  # but not these
_HASHES = frozenset(
    {"_hashlib", "_blake2", "_md5", "_sha1", "_sha2", "_sha3", "_sha256", "_sha512", "hmac"}
)
_LOGGING = (
    frozenset(vars(logging.getLogger("tester.guard"))) | vars(logging.StreamHandler()).keys()
)


class Fingerprint(NamedTuple):
    """`tokens` tell a value from another; `mutable` says whether it can change in place."""

    tokens: list[Any]
    mutable: bool


def fingerprint(value: object, own: frozenset[str]) -> Fingerprint:
    """Take `value` apart as far as the code of the modules named in `own` can change it."""
    if type(value) in ATOMS:
        return Fingerprint([type(value), value], mutable=False)
    parts = _Parts(own)
    parts.take(value)
    return Fingerprint(parts.tokens, parts.mutable)


def spelling(value: Any) -> bytes | None:
    """Spell a value of plain built-in types, quickly; None for any other.

    Equal spellings mean equal values; unequal ones may be of one set, in another order.
    """
    try:
        # Version 2: later ones spell a value by how many references to its parts there are.
        return marshal.dumps(value, 2)
    except ValueError:
        return None


class _Same:
    """An object as a token: equal to itself, and kept, so that its identity stays its own."""

    __slots__ = ("_of",)

    def __init__(self, of: object) -> None:
        self._of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._of is other._of

    __hash__ = None  # type: ignore[assignment]


UNSET = object()  # what a variable or a slot holds that holds nothing


def identity(value: object) -> list[Any]:
    """Make the tokens of a value that is itself and nothing else."""
    return [_Same(value)]


class _Parts:
    """The parts of one value, taken without recursion: user data may be deep, and cyclic."""

    def __init__(self, own: frozenset[str]) -> None:
        self.tokens: list[Any] = []
        self.mutable = False
        self._own = own
        self._seen: dict[int, tuple[int, object]] = {}  # identity -> (how manieth, the object)

    def take(self, value: object) -> None:
        todo, left = [value], LIMIT
        while todo and left > 0:
            value = todo.pop()
            left -= 1
            kind = type(value)
            self.tokens.append(kind)
            if kind in ATOMS:
                self.tokens.append(value)
            elif (seen := self._seen.get(id(value))) is not None:
                self.tokens.append(seen[0])
            else:
                if kind is not tuple:  # which tuples are one is chance, and none is a cycle alone
                    self._seen[id(value)] = (len(self._seen), value)
                parts = self._parts(value, kind)
                todo += parts[: max(0, left - len(todo))][::-1]

    def _parts(self, value: Any, kind: type) -> list[Any]:
        """Append what can be told of one value at once, and list the values it holds."""
        if issubclass(kind, type):
            return self.whole(_Same(value))
        open_ = kind.__module__ in self._own or kind.__module__.partition(".")[0] in _TRANSPARENT
        open_ = (open_ or kind is types.SimpleNamespace) and not issubclass(kind, _CLOSED)
        for base in kind.__mro__:
            if base in _CONTENT:
                self.mutable |= base in _MUTABLE
                parts = _CONTENT[base](self, value)
                break
        else:
            parts = [] if open_ else self._closed(value, kind)
        if open_:
            self.mutable = True
            parts += _attributes(value, kind)
        return parts

    def _closed(self, value: Any, kind: type) -> list[Any]:
        """Take the outside of an object whose inside is not ours to read."""
        if hasattr(kind, "__next__") and kind.__module__ in ("builtins", "itertools"):
            try:
                with warnings.catch_warnings(action="ignore"):
                    parts = list(value.__reduce__())
            except TypeError:  # this kind cannot be copied, so it cannot be looked into either
                parts = []
            self.mutable = True
            return parts
        self.tokens.append(_Same(value))
        if (state := _foreign_state(value, kind)) is not UNSET:
            self.mutable = True
            return [state]
        try:
            with memoryview(value) as view:
                if not view.readonly and view.nbytes <= LARGEST_BUFFER:
                    self.mutable = True
                    self.tokens.append(view.tobytes())
        except (TypeError, ValueError):  # not an array, or one of objects
            return []
        return []

    def items(self, values: Iterable[Any], size: int) -> list[Any]:
        """Take a sequence: in one go if it holds nothing but atoms, else part by part."""
        values = list(itertools.islice(values, LIMIT))
        kinds = list(map(type, values))
        self.tokens.append(size)
        if not ATOMS.issuperset(kinds):
            return values
        self.tokens += kinds, values
        return []

    def mapping(self, value: dict[Any, Any]) -> list[Any]:
        kind = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        parts = self.items(kind.keys(value), len(value)) + self.items(kind.values(value), 0)
        if isinstance(value, collections.defaultdict):
            parts.append(value.default_factory)
        return parts

    def members(self, value: set[Any] | frozenset[Any]) -> list[Any]:
        """Take a set: its order means nothing, so atoms go as a set, the rest by identity."""
        atoms = frozenset(member for member in value if type(member) in ATOMS)
        self.tokens.append(atoms)
        return sorted((member for member in value if type(member) not in ATOMS), key=id)

    def function(self, value: types.FunctionType) -> list[Any]:
        """Take a user's function apart: what it closes over, its defaults, its attributes."""
        self.tokens.append(_Same(value))
        if value.__globals__.get("__name__") not in self._own:
            return []
        held = [contents(cell) for _, cell in closed_over(value)]
        self.mutable |= bool(held)
        return [*held, value.__defaults__, value.__kwdefaults__, vars(value)]

    def whole(self, *tokens: Any) -> list[Any]:
        self.tokens += tokens
        return []


def closed_over(function: types.FunctionType) -> Iterator[tuple[str, types.CellType]]:
    """Yield the variables of enclosing functions that a function uses, with their cells.

    The compiler makes some of its own: `__class__` where `super()` is called, and since CPython
    3.14 `__classdict__` in what evaluates annotations, which grows when somebody asks for them.
    """
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        if not is_dunder(name):
            yield name, cell


def contents(cell: types.CellType) -> object:
    """Return what a variable of an enclosing function holds, or a sign that it holds nothing."""
    try:
        return cell.cell_contents
    except ValueError:
        return UNSET


def _foreign_state(value: Any, kind: type) -> object:
    """Read the state of a library's object that keeps one out of sight; UNSET of any other."""
    if kind.__module__ in _HASHES and hasattr(kind, "digest"):
        return value.digest(*((32,) if str(value.name).startswith("shake") else ()))
    if kind.__module__.startswith("numpy.random."):
        owner = getattr(value, "_bit_generator", value)  # of a Generator, or of a RandomState
        state = getattr(owner, "state", None)
        return UNSET if state is None else pickle.dumps(state, 2)
    if issubclass(kind, logging.Logger | logging.Handler):  # which keep caches among the rest
        return {name: held for name, held in vars(value).items() if name not in _LOGGING}
    return UNSET


def _text(parts: _Parts, value: io.StringIO | io.BytesIO) -> list[Any]:
    parts.tokens.append("closed" if value.closed else (value.getvalue(), value.tell()))
    return []


def _variable(parts: _Parts, value: contextvars.ContextVar[Any]) -> list[Any]:
    """Take the default of a variable: a run's own context has no value of it."""
    parts.tokens.append(_Same(value))
    try:
        return [contextvars.Context().run(value.get)]
    except LookupError:
        return []


def _attributes(value: object, kind: type) -> list[Any]:
    """List the attributes of an object, in its `__dict__` and in its slots, without asking it."""
    parts: list[Any] = []
    try:
        names = object.__getattribute__(value, "__dict__")
    except AttributeError:
        names = None
    if type(names) is dict:
        parts.append({k: v for k, v in names.items() if not is_dunder(k)})
    for base in kind.__mro__:
        for name, slot in vars(base).items():
            if type(slot) is types.MemberDescriptorType and not is_dunder(name):
                try:
                    parts.append(slot.__get__(value))
                except AttributeError:
                    parts.append(UNSET)
    return parts


def is_dunder(name: object) -> bool:
    """Say whether a name is the language's or a library's, `__like_this__`."""
    return isinstance(name, str) and name[:2] == name[-2:] == "__"


def _exception(parts: _Parts, value: BaseException) -> list[Any]:
    """Take what an exception was made with and given; not where it was raised, or its notes."""
    parts.tokens.append(_Same(value))
    return [value.args, {name: held for name, held in vars(value).items() if not is_dunder(name)}]


def _cache(parts: _Parts, value: Any) -> list[Any]:
    info = value.cache_info()
    # A cache of size 0 only counts its misses; one that is full changes although its size stays.
    return parts.whole(_Same(value), info.currsize, info.misses if info.maxsize != 0 else 0)


def _generator(parts: _Parts, value: types.GeneratorType[Any, Any, Any]) -> list[Any]:
    parts.tokens.append(_Same(value))
    frame = value.gi_frame
    return [] if frame is None else [frame.f_lasti, dict(frame.f_locals)]


def _bound(parts: _Parts, value: Any) -> list[Any]:
    """Take a method: `itertools.count().__next__` has the state of its counter."""
    parts.tokens.append(value.__name__)
    return [value.__self__]


def _proxy(parts: _Parts, value: types.MappingProxyType[Any, Any]) -> list[Any]:
    parts.mutable = True  # not through it, but what it shows may change
    return [value.copy()]


_CONTENT: dict[type, Callable[[_Parts, Any], list[Any]]] = {
    dict: _Parts.mapping,
    list: lambda parts, value: parts.items(list.__iter__(value), len(value)),
    tuple: lambda parts, value: parts.items(tuple.__iter__(value), len(value)),
    collections.deque: lambda parts, value: parts.items(
        collections.deque.__iter__(value), len(value)
    ),
    set: _Parts.members,
    frozenset: _Parts.members,
    bytearray: lambda parts, value: parts.whole(bytes(value)),
    types.MappingProxyType: _proxy,
    types.FunctionType: _Parts.function,
    types.MethodType: lambda parts, value: [value.__func__, value.__self__],
    types.BuiltinMethodType: _bound,
    types.MethodWrapperType: _bound,
    types.GeneratorType: _generator,
    BaseException: _exception,
    functools.partial: lambda parts, value: [value.func, value.args, value.keywords, vars(value)],
    io.StringIO: _text,
    io.BytesIO: _text,
    contextvars.ContextVar: _variable,
    decimal.Context: lambda parts, value: parts.whole(repr(value)),
    type(_thread.allocate_lock()): lambda parts, value: parts.whole(_Same(value), value.locked()),
    blocking.Lock: lambda parts, value: parts.whole(_Same(value), value.locked()),
    blocking.SimpleQueue: lambda parts, value: parts.whole(_Same(value), value.qsize()),
    queue.SimpleQueue: lambda parts, value: parts.whole(_Same(value), value.qsize()),
    CACHED: _cache,
    itertools.count: lambda parts, value: parts.whole(repr(value)),
    random.SystemRandom: lambda parts, value: [],
    random.Random: lambda parts, value: parts.whole(random.Random.getstate(value)),
    types.ModuleType: lambda parts, value: parts.whole(_Same(value)),
}
_MUTABLE = frozenset(
    {dict, list, set, bytearray, collections.deque, itertools.count, random.Random}
    | {types.GeneratorType, CACHED, functools.partial, BaseException}
    | {io.StringIO, io.BytesIO, contextvars.ContextVar, decimal.Context}
    | {type(_thread.allocate_lock()), blocking.Lock, blocking.SimpleQueue, queue.SimpleQueue}
)
