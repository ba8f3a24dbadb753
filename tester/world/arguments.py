"""The arguments of a factory: packed where the test gives them, unpacked on the node.

A packed argument shares nothing with the test: containers and records are taken apart down to
what cannot change, and every incarnation of a node puts together its own. What stands for
something on the node may be anywhere in it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from labrpc.errors import NotAMessage
from tester.world.probe import OnProbe
from tester.world.signatures import signature_of


class End(NamedTuple):
    """Stands for a client end of the node."""

    name: str
    node: str


class Made(NamedTuple):
    """Stands for an object made on the node before."""

    key: str


class OnDisk(NamedTuple):
    """Stands for the disk of the node."""

    node: str


class OnFiles(NamedTuple):
    """Stands for the folder that all nodes share, as the node sees it."""

    node: str


class Data(NamedTuple):
    """A value that has no parts and cannot change."""

    value: Any


class Compound(NamedTuple):
    """A list, tuple or dict, or an object of a class that is a record, in its parts.

    Of a dict, keys and values take turns; of a dataclass or message, names and values.
    """

    cls: type
    parts: tuple[Packed, ...]


Reference = End | Made | OnDisk | OnFiles | OnProbe
Packed = Reference | Data | Compound

_ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes})
_PLAIN: Final = (
    "plain data (None, bool, int, float, str, bytes, and the lists, tuples, dicts, dataclasses, "
    "messages and enums that are made of it)"
)

_DEEPEST: Final = 8
"""How many steps into an argument an error names."""

Refer = Callable[[Any], Reference | None]
"""What an object given to a factory stands for on the node; None if it does for nothing there."""


class _Odd(Exception):
    """A part of an argument cannot enter a node."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.path: list[str] = []
        """From the inside out."""


# -- on the test's side ---------------------------------------------------------------------------


def pack(
    factory: Callable[..., Any], args: Sequence[Any], node: str, refer: Refer
) -> tuple[Packed, ...]:
    """Pack the arguments of a factory. Raises NotAMessage for what cannot enter a node."""
    packed = []
    for position, arg in enumerate(args):
        try:
            packed.append(_pack(arg, refer))
        except _Odd as odd:
            steps = odd.path[: -_DEEPEST - 1 : -1]
            more = "..." if len(odd.path) > _DEEPEST else ""
            where = f"{_parameter(factory, position)}{''.join(steps)}{more}"
            raise NotAMessage(
                f"the argument {where} of {name_of(factory)}, made on {node}: expected ends, "
                f"objects, the disk or a probe of {node}, or {_PLAIN}, got {odd.what}"
            ) from None
    return tuple(packed)


def expect_plain(value: Any, what: str) -> None:
    """Raise NotAMessage if a value holds anything but plain data; `what` is what it is called."""
    try:
        _ = _pack(value, _nothing)
    except _Odd as odd:
        where = "".join(reversed(odd.path[-_DEEPEST:]))
        raise NotAMessage(f"{what}{where}: expected {_PLAIN}, got {odd.what}") from None


def _nothing(value: Any) -> None:
    return None


def name_of(factory: Callable[..., Any]) -> str:
    """What the author of a factory calls it."""
    return str(
        getattr(factory, "stands_for", None) or getattr(factory, "__name__", None) or factory
    )


def _parameter(factory: Callable[..., Any], position: int) -> str:
    """The parameter that takes the argument at a position, or else its number."""
    try:
        parameters = list(signature_of(factory).parameters.values())
    except (TypeError, ValueError):  # a builtin, or nothing that can be called
        return str(position + 1)
    for at, parameter in enumerate(parameters):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return f"{parameter.name}[{position - at}]"
        if at == position and parameter.kind is not parameter.KEYWORD_ONLY:
            return parameter.name
    return str(position + 1)


def _pack(value: Any, refer: Refer) -> Packed:
    found = refer(value)
    if found is not None:
        return found
    cls = type(value)
    if cls in _ATOMS:
        return _atom(value)
    try:
        if isinstance(value, Enum):
            return Compound(cls, (_part(value.value, ".value", refer),))
        if cls is dict:
            pairs = [(_part(key, f"[{key!r}]", refer), key) for key in value]
            both = ((k, _part(value[key], f"[{key!r}]", refer)) for k, key in pairs)
            return Compound(dict, tuple(part for pair in both for part in pair))
        if cls is list or cls is tuple or (isinstance(value, tuple) and hasattr(cls, "_fields")):
            parts = (_part(part, f"[{i}]", refer) for i, part in enumerate(value))
            return Compound(cls, tuple(parts))
        state = _state(value)
        if state is None:
            raise _Odd(_kind(value))
        named = ((Data(name), _part(part, f".{name}", refer)) for name, part in state.items())
        return Compound(cls, tuple(part for pair in named for part in pair))
    except RecursionError:
        raise _Odd("what contains itself, or is nested too deeply") from None


def _part(value: Any, step: str, refer: Refer) -> Packed:
    try:
        return _pack(value, refer)
    except _Odd as odd:
        odd.path.append(step)
        raise


def _atom(value: Any) -> Data:
    try:
        _ = msgspec.msgpack.encode(value)
    except OverflowError:
        raise _Odd("an int beyond 64 bits") from None
    except UnicodeEncodeError:
        raise _Odd("a str with a surrogate, which has no bytes") from None
    return Data(value)


def _state(value: Any) -> dict[str, Any] | None:
    """The attributes that make up a record; None if the value is none."""
    cls = type(value)
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in cls.__struct_fields__}
    new: Any = cls.__new__
    if isinstance(value, type) or not is_dataclass(value) or new is not object.__new__:
        return None
    names = [field.name for field in fields(value)]
    slots = [name for name in names if inspect.ismemberdescriptor(getattr(cls, name, None))]
    inside = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return inside | getattr(value, "__dict__", {})


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


# -- on the node ----------------------------------------------------------------------------------


def unpack(packed: Packed, resolve: Callable[[Reference], Any]) -> Any:
    """What was packed, made anew; `resolve` gives what stands for something on the node."""
    if isinstance(packed, Data):
        return packed.value
    if not isinstance(packed, Compound):
        return resolve(packed)
    cls = packed.cls
    parts = [unpack(part, resolve) for part in packed.parts]
    if cls is list:
        return parts
    if cls is tuple:
        return tuple(parts)
    pairs = zip(parts[::2], parts[1::2], strict=False)
    if cls is dict:
        return dict(pairs)
    if issubclass(cls, Enum | tuple):
        return cls(*parts)
    if issubclass(cls, msgspec.Struct):
        return cls(**dict(pairs))
    made = object.__new__(cls)
    for name, value in pairs:  # as copying does it: what __init__ would do has been done
        object.__setattr__(made, name, value)
    return made
