"""A client end: where a node's requests leave it, and their replies come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, overload

from labrpc.codec import UNDECODABLE, Codec
from labrpc.method import handler

S = TypeVar("S")
A = TypeVar("A")
R = TypeVar("R")

Send = Callable[[str, bytes], Awaitable[bytes | None]]
"""Carries (method name, encoded arguments) to the server; gives the encoded reply, or None."""


class ClientEnd:
    """One end of the network, connected to one server. Any number of calls may be in flight.

    The end knows nothing of what carries its messages: a simulated network, or a real one.
    """

    __slots__ = ("_methods", "_send", "name")

    def __init__(self, name: str, send: Send) -> None:
        self.name = name
        self._send = send
        self._methods: dict[Callable[..., Any], tuple[str, Any, Codec]] = {}

    @overload
    async def call(
        self, method: Callable[[S, A], Coroutine[Any, Any, R]], args: A
    ) -> R | None: ...

    @overload
    async def call(self, method: Callable[[S, A], R], args: A) -> R | None: ...

    async def call(self, method: Callable[..., Any], args: Any) -> Any:
        """Call `method`, named by its class, as in `await end.call(KVServer.put, PutArgs(...))`.

        Returns a fresh reply, or None if no reply came: whether the handler ran is unknown, and
        nothing else is ever reported. Raises NotAMessage if the arguments, or the method's
        annotations, cannot travel.
        """
        if method not in self._methods:
            found = handler(method)
            self._methods[method] = found.name, found.args.encode, found.reply
        name, encode, reply = self._methods[method]
        payload = await self._send(name, encode(args))
        if payload is None:
            return None
        try:
            return reply.unpack(payload)
        except UNDECODABLE as error:
            raise reply.explain(error) from error.__cause__
