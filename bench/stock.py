"""The yardstick: labrpc's ends and servers on stock asyncio, joined by a queue and futures.

Messages are encoded and decoded as in simulation and dispatched by the same `labrpc.Server`. There
are no faults, no delays, no choices, no trace and no virtual time: this is what asyncio itself
costs for the same calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from labrpc import ClientEnd, Server
from labrpc.server import BoundHandler

Request = tuple[str, bytes, "asyncio.Future[bytes | None]"]


class StockNetwork:
    """One server and any number of ends, inside one running asyncio loop."""

    def __init__(self, service: object) -> None:
        self._server = Server(service)
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._handling: set[asyncio.Task[None]] = set()

    def end(self, name: str) -> ClientEnd:
        """A client end, connected to the server."""
        loop = asyncio.get_running_loop()

        def send(method: str, payload: bytes) -> asyncio.Future[bytes | None]:
            reply: asyncio.Future[bytes | None] = loop.create_future()
            self._requests.put_nowait((method, payload, reply))
            return reply

        return ClientEnd(name, send)

    async def serve(self) -> None:
        """Answer requests for ever; an `async def` handler gets a task of its own."""
        while True:
            method, payload, reply = await self._requests.get()
            handler = self._server.handler(method)
            result = handler.function(handler.args.decode(payload))
            if handler.is_async:
                task = asyncio.create_task(_answer(handler, result, reply))
                self._handling.add(task)
                task.add_done_callback(self._handling.discard)
            else:
                reply.set_result(handler.encode(result))


async def _answer(
    handler: BoundHandler,
    result: Coroutine[Any, Any, Any],
    reply: asyncio.Future[bytes | None],
) -> None:
    reply.set_result(handler.encode(await result))


Client = Callable[[ClientEnd], Coroutine[Any, Any, object]]


async def run_clients(service: object, client: Client, count: int) -> None:
    """Run so many clients, c0, c1, ..., each in a task of its own, against one server."""
    network = StockNetwork(service)
    server = asyncio.create_task(network.serve())
    async with asyncio.TaskGroup() as clients:
        for number in range(count):
            clients.create_task(client(network.end(f"c{number}")))
    server.cancel()
