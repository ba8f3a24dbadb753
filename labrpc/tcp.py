"""labrpc over real connections, TCP or Unix sockets: unchanged servers, and ends to call them.

    async with await serve(Server(KVServer()), "127.0.0.1:4000"):
        async with connect("127.0.0.1:4000") as end:
            reply = await end.call(KVServer.get, GetArgs("k"))

An end answers None whenever no reply came, as in simulation: nobody listens, the connection broke,
the deadline has passed, or the handler raised. Only the last of these says anything, in the log.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from labrpc.address import Address, BadAddress, parse, reason
from labrpc.codec import UNDECODABLE
from labrpc.end import ClientEnd
from labrpc.errors import NotAMessage
from labrpc.frames import (
    CHUNK,
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
from labrpc.listener import Listener, serve

__all__ = ["Address", "BadAddress", "Limits", "Listener", "TcpEnd", "connect", "parse", "serve"]

DEADLINE_MS: Final = 5_000
RECONNECT_MS: Final = 50
"""Between the starts of two attempts to connect: who calls in a loop does not run hot."""

log = logging.getLogger(__name__)


def connect(
    to: Address | str, *, deadline_ms: int = DEADLINE_MS, limits: Limits = LIMITS
) -> TcpEnd:
    """Make an end that calls the server at an address: HOST:PORT, or the path of a Unix socket.

    It connects when it is first called, and again whenever the connection is lost. A call without
    a reply returns None after `deadline_ms`. Raises BadAddress for a text that is none.
    """
    return TcpEnd(parse(to) if isinstance(to, str) else to, deadline_ms, limits)


class TcpEnd(ClientEnd, Closing):
    """A `ClientEnd` over a real connection; close it, or use it as a context manager."""

    __slots__ = (
        *("_address", "_attempt", "_channel", "_closed", "_complaints", "_deadline_ms"),
        *("_earliest", "_limits", "_reachable", "_slots"),
    )

    def __init__(self, address: Address, deadline_ms: int, limits: Limits) -> None:
        super().__init__(str(address), self._carry)
        self._address = address
        self._deadline_ms = deadline_ms
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.in_flight)
        self._channel: _Channel | None = None
        self._attempt: asyncio.Task[_Channel | None] | None = None
        self._earliest: float = 0
        self._closed = False
        self._reachable = True
        self._complaints: dict[str, str] = {}

    async def close(self) -> None:
        """Close the connection. Calls that wait, and later ones, return None."""
        self._closed = True
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        if self._channel is not None:
            await self._channel.close()

    async def _carry(self, method: str, payload: bytes) -> bytes | None:
        """See `labrpc.end.Send`."""
        channel, heard = None, 0
        try:
            async with asyncio.timeout(self._deadline_ms / 1_000), self._slots:
                channel = await self._connected()
                if channel is None:
                    return None
                heard = channel.stream.chunks
                reply = await channel.call(method, payload)
        except TimeoutError:
            if (
                channel is not None
                and channel.stream.chunks == heard
                and not channel.stream.unsent
            ):
                channel.stream.abort()  # it may be dead without knowing; the next call will see
            return None
        if reply is None:
            return None
        if reply.payload is None and self._complaints.get(method) != reply.error:
            self._complaints[method] = reply.error
            log.warning("%s: no reply to %s: %s", self.name, method, one_line(reply.error))
        return reply.payload

    async def _connected(self) -> _Channel | None:
        """The channel, after an attempt to connect if there is none; None: that has failed."""
        if self._closed:
            await asyncio.sleep(0)  # who calls in a loop lets others run
            return None
        if self._channel is not None and self._channel.stream.is_open:
            return self._channel
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.get_running_loop().create_task(self._connect())
        # Others may wait for the same attempt, so whoever stops waiting does not end it.
        await asyncio.wait([self._attempt])
        return None if self._attempt.cancelled() else self._attempt.result()

    async def _connect(self) -> _Channel | None:
        loop = asyncio.get_running_loop()
        if self._channel is not None:
            await self._channel.close()
        await asyncio.sleep(max(0, self._earliest - loop.time()))
        self._earliest = loop.time() + RECONNECT_MS / 1_000
        address = self._address
        try:
            if address.path:
                opened = await asyncio.open_unix_connection(address.path, limit=CHUNK)
            else:
                opened = await asyncio.open_connection(address.host, address.port, limit=CHUNK)
        except OSError as error:
            if self._reachable:
                log.info("%s: cannot connect, and will try again: %s", self.name, reason(error))
            self._reachable = False
            await asyncio.sleep(max(0, self._earliest - loop.time()))
            return None
        if not self._reachable:
            log.info("%s: connected", self.name)
        self._reachable = True
        self._channel = _Channel(self.name, Stream(*opened, self._limits), self._limits)
        return self._channel


class _Channel:
    """A connection, as its client sees it: calls by number, and the futures of their replies."""

    def __init__(self, name: str, stream: Stream, limits: Limits) -> None:
        self._name = name
        self.stream = stream
        self._limits = limits
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Reply | None]] = {}
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def call(self, method: str, payload: bytes) -> Reply | None:
        """The reply, or None when the connection is lost."""
        number = self._number = self._number + 1
        body = REQUEST.encode(Request(number, method, payload))
        if len(body) > self._limits.frame_bytes:
            raise NotAMessage(
                f"{method}: expected arguments of at most {self._limits.frame_bytes} bytes, got "
                f"{len(payload)}: send less at once, or raise the limit on both sides"
            )
        answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self.stream.send(body)
            return await answer
        except OSError:
            return None
        except BadFrame as fault:
            self._give_up(fault)
            return None
        finally:
            del self._waiting[number]

    async def close(self) -> None:
        """Close the connection; calls that wait get None."""
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            while (arrived := await self.stream.receive()) is not None:
                for body in arrived:
                    self._take(body)
        except BadFrame as fault:
            self._give_up(fault)
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result(None)
            await self.stream.close()

    def _take(self, body: bytes) -> None:
        try:
            reply: Reply = REPLY.unpack(body)
        except UNDECODABLE as error:
            raise BadFrame(
                f"expected a reply, got {len(body)} bytes that are none: {error}"
            ) from None
        answer = self._waiting.get(reply.number)
        if answer is not None and not answer.done():
            answer.set_result(reply)  # else nobody waits any more

    def _give_up(self, fault: BadFrame) -> None:
        log.warning("%s: connection closed: %s", self._name, one_line(str(fault)))
        self.stream.abort()
