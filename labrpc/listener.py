"""A listener: a server's handlers, on real connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from labrpc.address import Address, BadAddress, parse, reason
from labrpc.codec import UNDECODABLE
from labrpc.errors import TesterError
from labrpc.frames import (
    CHUNK,
    CLOSING_MS,
    LIMITS,
    REPLY,
    REQUEST,
    BadFrame,
    Closing,
    Limits,
    Reply,
    Request,
    Stream,
    one_line,
)
from labrpc.server import Server

BACKLOG: Final = 100
"""Connections that wait to be accepted."""

log = logging.getLogger(__name__)


async def serve(server: Server, at: Address | str, *, limits: Limits = LIMITS) -> Listener:
    """Have a server's handlers answer whoever connects, until the listener is closed.

    `at` is HOST:PORT, where port 0 is one that is free, or the path of a Unix socket; the result's
    `address` says where it listens. Raises BadAddress if it cannot.
    """
    address = parse(at) if isinstance(at, str) else at
    listener = Listener(server, address, limits)
    try:
        await listener._open()
    except OSError as error:
        raise BadAddress(f"cannot listen on {address}: {reason(error)}") from None
    return listener


class Listener(Closing):
    """A server that can be reached; made by `serve`. As a context manager, it closes at the end.

    A plain `def` handler is run at once, an `async def` handler in a task of its own. What a
    handler raises is logged, and its caller gets no reply. A handler goes on when its caller is
    gone, as in simulation.
    """

    def __init__(self, server: Server, address: Address, limits: Limits) -> None:
        self.address = address
        self._server = server
        self._limits = limits
        self._listening: asyncio.Server | None = None
        self._socket_file: os.stat_result | None = None
        self._running = asyncio.Semaphore(limits.handlers)
        self._handlers: dict[asyncio.Task[None], None] = {}
        # Who came last, or was of use last, stands last.
        self._strangers: dict[_Client, None] = {}
        self._known: dict[_Client, None] = {}
        self._receiving: dict[_Client, int] = {}
        self._receiving_bytes = 0

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        address = self.address
        if address.path:
            await _refuse_if_taken(address.path)
            self._listening = await asyncio.start_unix_server(
                self._accept, address.path, backlog=BACKLOG, limit=CHUNK
            )
            self._socket_file = os.stat(address.path)  # noqa: PTH116 - as is the next line
            return
        # A name may stand for several addresses, and a free port of one is not one of another.
        (family, _, _, _, found), *_ = await loop.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # asyncio's own way to bind hides the reason on some versions of CPython.
        bound = socket.create_server(found[:2], family=family, backlog=BACKLOG)
        self.address = Address(*bound.getsockname()[:2])
        self._listening = await asyncio.start_server(
            self._accept, sock=bound, backlog=BACKLOG, limit=CHUNK
        )

    async def close(self) -> None:
        """Stop listening, cancel the handlers, send what was answered, close all connections."""
        listening, self._listening = self._listening, None
        if listening is None:
            return
        listening.close()
        if self._socket_file is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self._socket_file, os.stat(self.address.path)):  # noqa: PTH116
                    Path(self.address.path).unlink()
        tasks = [*self._handlers, *(c.task for c in (*self._strangers, *self._known))]
        for task in tasks:
            task.cancel()
        if tasks:  # the clients' end by themselves, the handlers' are not ours
            _, stubborn = await asyncio.wait(tasks, timeout=2 * CLOSING_MS / 1_000)
            if stubborn:
                log.error("%s: %d handlers go on, cancelled or not", self.address, len(stubborn))
        await listening.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._listening is None:
            writer.transport.abort()
            return
        if len(self._strangers) + len(self._known) >= self._limits.connections:
            longest = next(iter(self._strangers or self._known))
            longest.drop(f"expected at most {self._limits.connections} connections, got one more")
        client = _Client(self, reader, writer)
        self._strangers[client] = None

    def _of_use(self, client: _Client) -> None:
        """The client has sent a request."""
        if client in self._strangers:
            del self._strangers[client]
        elif client in self._known:
            del self._known[client]
        else:
            return  # it is being closed
        self._known[client] = None

    def _receives(self, client: _Client, size: int) -> None:
        """The client is sending a frame of this size, or none; the oldest makes room for it."""
        self._receiving_bytes += size - self._receiving.pop(client, 0)
        if size:
            self._receiving[client] = size
        while self._receiving_bytes > self._limits.receiving_bytes:
            oldest = next(iter(self._receiving))
            oldest.drop(
                f"expected incomplete frames of at most {self._limits.receiving_bytes} bytes in "
                f"all, got {self._receiving_bytes}, and this one began first"
            )

    def _forget(self, client: _Client) -> bool:
        """Whether the client was not forgotten before."""
        self._receiving_bytes -= self._receiving.pop(client, 0)
        was_there = client in self._strangers or client in self._known
        self._strangers.pop(client, None)
        self._known.pop(client, None)
        return was_there

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._handlers[task] = None
        task.add_done_callback(self._handlers.pop)


class _Client:
    """A connection, as its server sees it."""

    def __init__(
        self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._listener = listener
        self._stream = Stream(reader, writer, listener._limits)
        self._name = _name_of_peer(writer, listener.address)
        self._slots = asyncio.Semaphore(listener._limits.in_flight)
        self._receiving = 0, 0
        self._misused = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    def drop(self, why: str) -> None:
        """Close at once."""
        self._end(why)
        self.task.cancel()

    def _end(self, why: str) -> None:
        if self._listener._forget(self):
            log.warning("%s: connection closed: %s", self._name, one_line(why))
            self._stream.abort()

    async def _run(self) -> None:
        try:
            await self._read()
        except BadFrame as fault:
            self._end(str(fault))
        finally:
            self._listener._forget(self)
            await self._stream.close()

    async def _read(self) -> None:
        while (arrived := await self._stream.receive()) is not None:
            for body in arrived:
                await self._take(body)
            place, size = self._stream.incomplete
            receiving = (place, size) if size > CHUNK else (0, 0)
            if receiving != self._receiving:
                self._receiving = receiving
                self._listener._receives(self, receiving[1])

    async def _take(self, body: bytes) -> None:
        """Answer a request, or have a task do so; wait first if too many handlers run."""
        try:
            request: Request = REQUEST.unpack(body)
        except UNDECODABLE as error:
            raise BadFrame(
                f"expected a request, got {len(body)} bytes that are none: {error}"
            ) from None
        self._listener._of_use(self)
        await self._slots.acquire()
        await self._listener._running.acquire()
        try:
            takes_time = self._listener._server.handler(request.method).is_async
        except TesterError:
            takes_time = False  # to say why there is no such handler takes none
        if takes_time:
            self._listener._spawn(self._answer(request))
        else:
            await self._answer(request)

    async def _answer(self, request: Request) -> None:
        try:
            reply = REPLY.encode(await self._reply(request))
            if len(reply) > (most := self._listener._limits.frame_bytes):
                why = f"expected a reply of at most {most} bytes, got one of {len(reply)}"
                log.error("%s: %s: %s", self._name, request.method, why)
                reply = REPLY.encode(Reply(request.number, None, why))
            await self._stream.send(reply)
        except OSError:
            pass  # the caller is gone
        except BadFrame as fault:
            self._end(str(fault))
        finally:
            self._slots.release()
            self._listener._running.release()

    async def _reply(self, request: Request) -> Reply:
        """Run the handler; what it raises goes into the log, and its kind into the reply."""
        method = request.method
        try:
            result = self._listener._server.respond(method, request.payload)
            payload = result if isinstance(result, bytes) else await result
        except TesterError as error:
            why = one_line(str(error))
            if not self._misused:  # a client that is wrong repeats itself
                log.warning("%s: %s", self._name, why)
            self._misused = True
            return Reply(request.number, None, why)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # the listener is being closed
            return self._raised(request, error)
        except Exception as error:  # noqa: BLE001 - the handler is not ours
            return self._raised(request, error)
        return Reply(request.number, payload)

    def _raised(self, request: Request, error: BaseException) -> Reply:
        log.error("%s raised %s", request.method, type(error).__name__, exc_info=error)
        return Reply(request.number, None, f"the handler raised {type(error).__name__}")


async def _refuse_if_taken(path: str) -> None:
    """Raise BadAddress if a server answers on this socket: asyncio would remove it."""
    if not Path(path).is_socket():
        return  # asyncio itself refuses to replace any other file
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return  # left behind by a server that was killed
    writer.close()
    await writer.wait_closed()
    raise BadAddress(f"cannot listen on {path}: another server does")


def _name_of_peer(writer: asyncio.StreamWriter, at: Address) -> str:
    peer = writer.get_extra_info("peername")
    return str(Address(*peer[:2])) if isinstance(peer, tuple) else f"a client of {at}"
