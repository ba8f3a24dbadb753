"""What a method takes and returns, read from its annotations, and whether that can travel.

Nothing here looks at a value: a mistake in an annotation is reported once, before any message is
sent, with the file and line of the one who wrote it.
"""

import functools
import inspect
import types
import typing
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import msgspec
from msgspec import inspect as shape

from labrpc.errors import NotAMessage

NO_SET = "a set has no order that every process agrees on: send a sorted list or tuple"


class PrivateFieldWarning(UserWarning):
    """A field of a message has a private name, although every field of a message travels."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a method takes, besides self, and returns; annotations as resolved in its module."""

    name: str
    """Class and method, as in `KVServer.put`."""
    parameters: dict[str, Any]
    reply: Any
    is_async: bool


def signature(function: Callable[..., Any]) -> Signature:
    """Read the signature of a method, given as the function found on its class.

    Raises NotAMessage, naming file and line, if it is none, lacks an annotation, has one that its
    own module cannot resolve, or takes arguments that have no place of their own.
    """
    if not inspect.isfunction(function):
        raise NotAMessage(_no_method(function))
    plain = inspect.unwrap(function)
    name = ".".join(plain.__qualname__.split(".")[-2:])
    if (quick := _of_classes(plain)) is not None:
        reply = quick.pop("return")
        return Signature(name, quick, reply, inspect.iscoroutinefunction(function))
    try:
        parameters = list(inspect.signature(plain).parameters.values())[1:]
        hints = typing.get_type_hints(plain)
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise NotAMessage(
            f"{name} ({where(plain)}) has an annotation that its module cannot resolve: {error}; "
            "define or import the name there, outside of TYPE_CHECKING"
        ) from None
    for parameter in parameters:
        if parameter.kind > parameter.POSITIONAL_OR_KEYWORD:
            raise NotAMessage(
                f"{name} ({where(plain)}): expected a positional parameter, got {parameter.name} "
                "by *, ** or keyword only: arguments travel as a tuple"
            )
    missing = [word for word in (*(p.name for p in parameters), "return") if word not in hints]
    if missing:
        raise NotAMessage(
            f"{name} ({where(plain)}) does not annotate {' and '.join(missing)}: expected the "
            f"types that travel, as in `{_example(plain.__name__, parameters)}`"
        )
    return Signature(
        name=name,
        parameters={parameter.name: hints[parameter.name] for parameter in parameters},
        reply=hints["return"],
        is_async=inspect.iscoroutinefunction(function),
    )


_OTHER_PARAMETERS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


def _of_classes(plain: Any) -> dict[str, Any] | None:
    """The annotations of a method if all of them name classes, and nothing else; otherwise None.

    `inspect` and `typing` say the same of such a method, but take several times as long, which
    counts where each node of each run is a new process.
    """
    code = plain.__code__
    if code.co_flags & _OTHER_PARAMETERS or code.co_kwonlyargcount or not code.co_argcount:
        return None
    if vars(plain) or getattr(plain, "__type_params__", ()):
        return None
    try:
        annotations = plain.__annotations__
    except Exception:  # noqa: BLE001 - from 3.14 on they are evaluated here; the caller reports it
        return None
    found = {}
    for word in (*code.co_varnames[1 : code.co_argcount], "return"):
        kind = annotations.get(word)
        if isinstance(kind, str):
            scope = plain.__globals__ if kind in plain.__globals__ else plain.__builtins__
            kind = scope.get(kind)
        # Asked so that no class of the user's can answer.
        if not issubclass(type(kind), type) or kind is typing.Generic or kind is typing.Protocol:
            return None
        found[word] = kind
    return found


def _no_method(thing: object) -> str:
    """What was named in the place of a method, and how to name one."""
    if isinstance(thing, str):
        if thing.replace(".", "").isidentifier() and "." in thing:
            return f"expected a method, got a str: write {thing} without quotes"
        return f"expected a method, as in end.call(Server.method, ...), got the str {thing!r}"
    if inspect.ismethod(thing):
        name = f"{type(thing.__self__).__name__}.{thing.__name__}"
        return f"expected a method of a class, as in call({name}, ...), got one of an object"
    found = thing.__name__ if isinstance(thing, type) else f"a value of class {spell(type(thing))}"
    return f"expected a method, as in end.call(Server.method, ...), got {found}"


def _example(name: str, parameters: list[inspect.Parameter]) -> str:
    """The method with annotations, as it could be."""
    if len(parameters) != 1:
        return f"def {name}(self, key: str, value: str) -> bool"
    words = "".join(word.title() for word in name.split("_"))
    return f"def {name}(self, {parameters[0].name}: {words}Args) -> {words}Reply"


def is_message(kind: Any) -> bool:
    """Whether an RPC handler may take or return this type: a dataclass or a msgspec Struct."""
    cls = typing.get_origin(kind) or kind
    return isinstance(cls, type) and (
        hasattr(cls, "__dataclass_fields__") or issubclass(cls, msgspec.Struct)
    )


def where(thing: Any) -> str:
    """Return `file:line` of a function or class, or its module if the source is not at hand."""
    try:
        return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]}"
    except (OSError, TypeError):
        return str(thing.__module__)


def admit(kind: Any, name: str) -> shape.Type:
    """Return what `kind` is made of, if all of it can travel; `name` is the root of its fields.

    Raises NotAMessage with the path of the field, the file and line of its class, and a remedy.
    Issues a PrivateFieldWarning once for each class with private fields.
    """
    try:
        root = shape.type_info(kind)
        msgspec.msgpack.Decoder(kind)  # knows which unions cannot be told apart as bytes
    except (AttributeError, NameError, SyntaxError) as error:
        raise NotAMessage(
            f"{name} has an annotation that its module cannot resolve: {error}; define or import "
            "the name there, at module level and outside of TYPE_CHECKING"
        ) from None
    except TypeError as error:
        remedy = (
            "; make each class a msgspec.Struct with tag=True" if "union" in str(error) else ""
        )
        raise NotAMessage(f"{name}: {error}{remedy}") from None
    _admit(root, name, None, set())
    return root


def _admit(node: shape.Type, path: str, owner: type | None, seen: set[Any]) -> None:
    """Walk through a type; `owner` is the class whose author wrote the annotation at `path`."""
    match node:
        case shape.UnionType(types=options):
            for option in options:
                _admit(option, path, owner, seen)
        case shape.ListType(item_type=item) | shape.VarTupleType(item_type=item):
            _admit(item, f"{path}[...]", owner, seen)
        case shape.TupleType(item_types=items):
            for i, item in enumerate(items):
                _admit(item, f"{path}[{i}]", owner, seen)
        case shape.DictType(key_type=key, value_type=value):
            _admit(key, f"a key of {path}", owner, seen)
            if not _is_sortable(key):
                raise _refusal(
                    f"a key of {path} must be int, str, bytes, bool, an Enum or a tuple of these: "
                    "keys travel sorted",
                    owner,
                )
            _admit(value, f"{path}[...]", owner, seen)
        case shape.DataclassType() | shape.StructType() | shape.NamedTupleType():
            cls = class_of(node)
            if node.cls not in seen:  # a message may contain itself
                seen.add(node.cls)
                for field in node.fields:
                    _admit(field.type, f"{path}.{field.name}", cls, seen)
                _warn_of_private_fields(cls, tuple(field.name for field in node.fields))
        case shape.LiteralType() | shape.EnumType() | shape.NoneType() | shape.BoolType():
            pass
        case shape.IntType() | shape.FloatType() | shape.StrType() | shape.BytesType():
            pass
        case shape.SetType() | shape.FrozenSetType():
            raise _refusal(f"{path} is annotated as a set, but {NO_SET}", owner)
        case shape.AnyType():
            raise _refusal(
                f"{path} must name the type it holds, as in list[str] for a list",
                owner,
            )
        case _:
            cls = getattr(node, "cls", type(node))
            kind = cls.__name__.removesuffix("Type")
            raise _refusal(
                f"{path} must be a message or plain data, got {kind}: make it a dataclass or a "
                "msgspec.Struct, or send an int, str or bytes",
                owner,
            )


def _is_sortable(node: shape.Type) -> bool:
    """Whether any two values compare, so that the order of keys depends on nothing but them."""
    match node:
        case shape.TupleType(item_types=items):
            return all(map(_is_sortable, items))
        case shape.VarTupleType(item_type=item):
            return _is_sortable(item)
        case shape.IntType() | shape.StrType() | shape.BytesType() | shape.BoolType():
            return True
    return isinstance(node, shape.EnumType)


def _refusal(text: str, owner: type | None) -> NotAMessage:
    return NotAMessage(f"{text} ({where(owner)})" if owner else text)


@functools.cache
def _warn_of_private_fields(cls: type, fields: tuple[str, ...]) -> None:
    for field in fields:
        if field.startswith("_"):
            warnings.warn(
                f"{cls.__name__}.{field} ({where(cls)}) has a private name but travels like every "
                "field of a message: rename it, or keep it elsewhere",
                PrivateFieldWarning,
                stacklevel=2,
            )


_SCALARS: dict[type[shape.Type], tuple[type, ...]] = {
    shape.NoneType: (NoneType,),
    shape.BoolType: (bool,),
    shape.IntType: (int,),
    shape.FloatType: (float, int),  # type checkers take an int for a float; it arrives as a float
    shape.StrType: (str,),
    shape.BytesType: (bytes,),
}


def is_scalar(node: shape.Type) -> bool:
    """Whether the class of a value alone decides if it is of this type."""
    if isinstance(node, shape.UnionType):
        return all(map(is_scalar, node.types))
    return type(node) in _SCALARS or isinstance(node, shape.EnumType)


def classes_of(node: shape.Type) -> tuple[type, ...]:
    """Return the classes that a value of this type may have, in the order of the annotation."""
    match node:
        case shape.UnionType(types=options):
            return tuple(cls for option in options for cls in classes_of(option))
        case shape.LiteralType(values=values):
            return tuple(dict.fromkeys(map(type, values)))
        case shape.ListType():
            return (list,)
        case shape.TupleType() | shape.VarTupleType():
            return (tuple,)
        case shape.DictType():
            return (dict,)
        case shape.EnumType(cls=cls):
            return (cls,)
        case shape.DataclassType() | shape.StructType() | shape.NamedTupleType():
            return (class_of(node),)
    return _SCALARS[type(node)]


def class_of(node: shape.DataclassType | shape.StructType | shape.NamedTupleType) -> type:
    """Return the class that the values of a record type have: Box, for Box[int]."""
    cls: type = typing.get_origin(node.cls) or node.cls
    return cls


def spell(kind: Any) -> str:
    """Return the name of a type, as its author would write it."""
    if kind in (None, NoneType):
        return "None"
    if isinstance(kind, types.GenericAlias):
        return f"{spell(kind.__origin__)}[{', '.join(map(spell, kind.__args__))}]"
    if isinstance(kind, types.UnionType):
        return " | ".join(map(spell, kind.__args__))
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)
