"""A server: the objects whose handlers answer the requests that arrive under one name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from labrpc.codec import UNDECODABLE, Codec
from labrpc.errors import UnknownMethod
from labrpc.method import handler, handlers

Call = Callable[[Callable[[Any], Any], Any], Any]
"""Calls a handler with its message, and returns what it returns."""


@dataclass(frozen=True, slots=True)
class BoundHandler:
    """A handler of an object that is there, with the codecs of what it takes and returns."""

    name: str
    function: Callable[[Any], Any]
    args: Codec
    encode: Callable[[Any], bytes]
    is_async: bool


class Server:
    """Services behind one dispatcher. A service is an object; it is named by its class.

    An object answers to the names of its base classes too, so that a subclass of KVServer serves
    the clients of KVServer.
    """

    def __init__(self, *services: object) -> None:
        self._services: dict[str, object] = {}
        for service in services:
            for cls in reversed(type(service).__mro__[:-1]):
                self._services[cls.__name__] = service
        self._handlers: dict[str, BoundHandler] = {}

    def handler(self, method: str) -> BoundHandler:
        """The handler of "Service.method".

        Raises UnknownMethod, listing the choices, and NotAMessage if the method is no handler.
        """
        found = self._handlers.get(method)
        if found is None:
            found = self._handlers[method] = self._bind(method)
        return found

    def respond(
        self, method: str, payload: bytes, call: Call | None = None
    ) -> bytes | Coroutine[Any, Any, bytes]:
        """Run the handler of "Service.method" on an encoded message, and encode what it returns.

        For a handler that is an `async def`, returns a coroutine instead. `call(handler, message)`
        makes the call, so that it can be watched. Raises UnknownMethod and NotAMessage, as
        `handler` does, and whatever the handler raises.
        """
        found = self._handlers[method] if method in self._handlers else self.handler(method)
        try:
            message = found.args.unpack(payload)
        except UNDECODABLE as error:
            raise found.args.explain(error) from error.__cause__
        result = found.function(message) if call is None else call(found.function, message)
        return _encoded(found, result) if found.is_async else found.encode(result)

    def _bind(self, method: str) -> BoundHandler:
        service_name, _, name = method.rpartition(".")
        service = self._services.get(service_name)
        if service is None:
            raise UnknownMethod(
                f"{method}: this server has no service {service_name}; it has "
                f"{', '.join(sorted(self._services))}"
            )
        cls: type = type(service)
        function = None if name.startswith("_") else getattr(cls, name, None)
        if not callable(function):
            raise UnknownMethod(
                f"{method}: {cls.__name__} has no handler {name}; it has "
                f"{', '.join(handlers(cls)) or 'none'}"
            )
        found = handler(function)
        return BoundHandler(
            method, getattr(service, name), found.args, found.reply.encode, found.is_async
        )


async def _encoded(handler: BoundHandler, reply: Awaitable[Any]) -> bytes:
    return handler.encode(await reply)
