"""A method that others call over the wire: a handler of RPCs, or an operation, with its codecs."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import GenericAlias, MappingProxyType, NoneType
from typing import Any

from labrpc.codec import Codec, codec
from labrpc.errors import NotAMessage
from labrpc.signature import is_message, signature, spell, where


@dataclass(frozen=True, slots=True)
class Handler:
    """A method that answers RPCs, with the codecs of its one message and of its reply."""

    name: str
    """Class and method, as in `KVServer.put`."""
    args: Codec
    reply: Codec
    is_async: bool


@functools.cache
def handler(method: Callable[..., Any]) -> Handler:
    """The handler that a public method defines by its annotations: one message in, one out.

    Raises NotAMessage, with the reason, file and line, if the method is not a handler.
    """
    found = signature(method)
    fault = ""
    if method.__name__.startswith("_"):
        fault = "its name is private"
    elif len(found.parameters) != 1:
        fault = f"it takes {len(found.parameters)} arguments besides self"
    for word, kind in (*found.parameters.items(), ("the reply", found.reply)):
        if not fault and not is_message(kind):
            fault = f"{word} is annotated {spell(kind)}, not as a dataclass or msgspec.Struct"
    if fault:
        raise NotAMessage(
            f"{found.name} ({where(method)}) is not an RPC handler: {fault}; expected a public "
            "method that takes one message and returns one"
        )
    (args,) = found.parameters.values()
    return Handler(
        name=found.name,
        args=codec(args, f"{found.name}'s {spell(args)}", f"{found.name} takes"),
        reply=codec(
            found.reply, f"{found.name}'s {spell(found.reply)}", f"{found.name} must return"
        ),
        is_async=found.is_async,
    )


@functools.cache
def handlers(cls: type) -> Mapping[str, Handler]:
    """Return the handlers among the public methods of a class, by name, in alphabetical order.

    Other methods are passed over, as labrpc does; `handler` tells who calls one why it is none.
    Raises NotAMessage for a handler whose messages cannot travel.
    """
    found = {}
    for name in dir(cls):
        method = inspect.getattr_static(cls, name)
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        try:
            kinds = signature(method)
        except NotAMessage:
            continue
        both_ways = (*kinds.parameters.values(), kinds.reply)
        if len(both_ways) == 2 and all(map(is_message, both_ways)):
            found[name] = handler(method)
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class RemoteMethod:
    """A method that another node calls with plain data, and the codecs of both ways."""

    name: str
    """Class and method, as in `Clerk.put`."""
    args: Codec
    """The codec of the tuple of all arguments but self, as `bind` returns it."""
    reply: Codec
    returns_nothing: bool
    """Whether its result is annotated as None."""
    is_async: bool
    arity: int
    _shape: inspect.Signature

    def bind(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Return one value per parameter, defaults filled in. Raises TypeError as a call would."""
        if len(args) == self.arity and not kwargs:
            return args
        try:
            bound = self._shape.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        bound.apply_defaults()
        return tuple(bound.arguments.values())


@functools.cache
def operation(method: Callable[..., Any]) -> RemoteMethod:
    """Return the operation that a method is: any number of plain arguments, a plain result.

    Raises NotAMessage, naming file and line, if its annotations do not say so.
    """
    found = signature(method)
    kinds = inspect.signature(method)
    return RemoteMethod(
        name=found.name,
        args=codec(
            GenericAlias(tuple, tuple(found.parameters.values())), f"{found.name}'s arguments"
        ),
        reply=codec(found.reply, f"{found.name}'s result", f"{found.name} must return"),
        returns_nothing=found.reply in (None, NoneType),
        is_async=found.is_async,
        arity=len(found.parameters),
        _shape=kinds.replace(parameters=list(kinds.parameters.values())[1:]),
    )
