"""Frames: what crosses a real connection, each of them a length in four bytes and a body.

The body is a Request or a Reply, encoded as every message is. A connection is a `Stream`, which
never lets a peer hold it up or fill its memory: frames have a largest size and a time in which
they must be complete, and a sender waits while the receiver does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from labrpc.codec import codec
from labrpc.message import Message

HEADER: Final = 4
CHUNK: Final = 64 * 1_024
"""Bytes that are read at once, and that may wait to be sent before a sender has to wait."""
LINE: Final = 400
"""Characters of what a peer has a say in."""
CLOSING_MS: Final = 1_000
"""What a peer may take for the last bytes of a connection that is closed."""


class Closing:
    """What `async with` closes at its end."""

    __slots__ = ()

    async def close(self) -> None:
        """Close it."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()


class Request(Message, frozen=True, array_like=True):
    """A call: its number on this connection, "Service.method", and the encoded arguments."""

    number: int
    method: str
    payload: bytes


class Reply(Message, frozen=True, array_like=True):
    """The encoded reply to the call of this number; None: there is none, and `error` says why."""

    number: int
    payload: bytes | None
    error: str = ""


REQUEST: Final = codec(Request)
REPLY: Final = codec(Reply)


class BadFrame(Exception):
    """A peer sent what is no frame, not all of a frame, or did not take what was sent to it."""


def one_line(text: str) -> str:
    """What a peer has a say in, for the log: not long, and with nothing in it that is not text."""
    shown = text if len(text) <= LINE else f"{text[:LINE]}..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection, and a listener with all its connections, may take up."""

    frame_bytes: int = 16 * 1_024 * 1_024
    """The largest body of a frame."""
    frame_ms: int = 30_000
    """A frame that has begun is complete within this time, and taken off our hands likewise."""
    in_flight: int = 1_000
    """Calls on one connection: the client sends no more of them, the server reads no more."""
    handlers: int = 10_000
    """Handlers that run in one listener. That of a lost connection goes on, and counts."""
    connections: int = 500
    """Connections of one listener. One more closes the one that was of use longest ago."""
    receiving_bytes: int = 256 * 1_024 * 1_024
    """Bytes of incomplete frames in one listener. More of them close the one that began first."""


LIMITS: Final = Limits()


class Frames:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self.completed = 0
        """How many frames have been complete so far."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The bodies that are complete now; all of them must be taken before the next call.

        Raises BadFrame, after those before it, for a body that would be too large.
        """
        buffer = self._buffer
        buffer += chunk
        start = 0
        while len(buffer) - start >= HEADER:
            body = start + HEADER
            size = int.from_bytes(buffer[start:body])
            if size > self._most_bytes:
                raise BadFrame(
                    f"expected a frame of at most {self._most_bytes} bytes, got one of {size}"
                )
            if len(buffer) < body + size:
                break
            self.completed += 1
            start = body + size
            yield bytes(buffer[body:start])
        del buffer[:start]

    def clear(self) -> None:
        """Forget what is incomplete, now: the connection may be garbage for a while."""
        self._buffer.clear()

    @property
    def begun(self) -> int:
        """How many bytes of an incomplete frame are here."""
        return len(self._buffer)

    @property
    def size(self) -> int:
        """How many it has in all, as far as that is known; 0 if none has begun."""
        begun = len(self._buffer)
        return begun if begun < HEADER else HEADER + int.from_bytes(self._buffer[:HEADER])


class Stream:
    """Frames in and frames out, over one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._transport = writer.transport
        self._transport.set_write_buffer_limits(high=CHUNK)
        self._limits = limits
        self._frames = Frames(limits.frame_bytes)
        self._due: float = 0
        self._due_for = -1  # the frame: how many were complete before it
        self.chunks = 0
        """How often something has arrived."""

    @property
    def incomplete(self) -> tuple[int, int]:
        """Which frame has begun to arrive, and its bytes; 0 of them if none has."""
        return self._frames.completed, self._frames.size

    @property
    def is_open(self) -> bool:
        """Whether something can still be sent."""
        return not self._transport.is_closing()

    @property
    def unsent(self) -> int:
        """How many bytes wait to be sent."""
        return self._transport.get_write_buffer_size()

    async def receive(self) -> Iterator[bytes] | None:
        """The bodies of the frames that arrive next, perhaps none yet; None: there are no more.

        Raises BadFrame, at once or from the iterator.
        """
        frames = self._frames
        chunk = await (self._read_rest() if frames.begun else self._read())
        if chunk:
            self.chunks += 1
            return frames.feed(chunk)
        if frames.begun:
            raise BadFrame(
                f"expected a frame of {frames.size} bytes, got {frames.begun} and then the end"
            )
        return None

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(CHUNK)
        except OSError:
            return b""  # the peer is gone, as if it had closed

    async def _read_rest(self) -> bytes:
        frames = self._frames
        if self._due_for != frames.completed:
            self._due_for = frames.completed
            self._due = asyncio.get_running_loop().time() + self._limits.frame_ms / 1_000
        try:
            async with asyncio.timeout_at(self._due):
                return await self._read()
        except TimeoutError:
            raise BadFrame(
                f"expected a frame within {self._limits.frame_ms} ms, got {frames.begun} of "
                f"{frames.size} bytes"
            ) from None

    async def send(self, body: bytes) -> None:
        """Send a frame; wait first if the peer does not take what was sent before.

        Raises OSError if the connection is lost or closed, and BadFrame if the peer takes nothing
        for too long.
        """
        transport = self._transport
        try:
            while transport.get_write_buffer_size() > CHUNK:
                async with asyncio.timeout(self._limits.frame_ms / 1_000):
                    await self._writer.drain()
        except TimeoutError:
            raise BadFrame(
                f"expected what was sent to be taken within {self._limits.frame_ms} ms, got no "
                f"room for {transport.get_write_buffer_size()} bytes"
            ) from None
        if not self.is_open:
            raise ConnectionResetError("the connection is closed")
        self._writer.write(len(body).to_bytes(HEADER) + body)

    def abort(self) -> None:
        """Close without sending what still waits to be sent."""
        if self.is_open or self.unsent:  # a transport that is closed cannot be aborted
            self._transport.abort()

    async def close(self) -> None:
        """Send what still waits to be sent, and close."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSING_MS / 1_000):
                await self._writer.wait_closed()
        except TimeoutError:
            self.abort()
            await asyncio.sleep(0)  # the transport lets go of its socket in a callback
        except OSError:
            pass  # lost is closed
        finally:
            self.abort()  # even if closing is cancelled
            self._frames.clear()
