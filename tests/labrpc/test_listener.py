"""A listener among bad clients: whatever they send, or do not, harms nobody but them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from bench.malformed import ATTACKS, Attack, attack, vanishes
from kvsrv import Err, GetArgs, GetReply, KVServer
from labrpc import Message, Server
from labrpc.frames import CHUNK, HEADER, REPLY, REQUEST, Request
from labrpc.tcp import BadAddress, Limits, Listener, connect, serve

PATIENT_MS = 600_000


class Number(Message, frozen=True):
    n: int


class Text(Message, frozen=True):
    text: str


class Desk:
    def __init__(self) -> None:
        self.started: list[int] = []
        self.begun = asyncio.Condition()
        self.go = asyncio.Event()

    def double(self, args: Number) -> Number:
        return Number(2 * args.n)

    def repeat(self, args: Number) -> Text:
        return Text("x" * args.n)

    async def wait(self, args: Number) -> Number:
        async with self.begun:
            self.started.append(args.n)
            self.begun.notify_all()
        await self.go.wait()
        return args

    async def all_started(self, count: int) -> None:
        async with self.begun:
            await self.begun.wait_for(lambda: len(self.started) >= count)


class Raw:
    """A client that writes bytes as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, listener: Listener) -> Raw:
        at = listener.address
        return cls(*await asyncio.open_connection(at.host, at.port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> bytes:
        """What else is sent, until the other side closes."""
        got = b""
        try:
            while chunk := await self.reader.read(CHUNK):
                got += chunk
        except ConnectionError:
            pass
        await self.close()
        return got

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(HEADER) + body


def request(number: int, method: str, n: int) -> bytes:
    return frame(
        REQUEST.encode(Request(number, method, struct.pack(">BBcB", 0x81, 0xA1, b"n", n)))
    )


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name.startswith("labrpc")]


def test_the_bytes_on_the_wire() -> None:
    """Another implementation can rely on them."""

    async def main() -> None:
        async with await serve(Server(Desk()), "127.0.0.1:0") as listener:
            raw = await Raw.to(listener)
            await raw.send(b"\0\0\0\x14" + b"\x93\x07\xabDesk.double\xc4\x04\x81\xa1n\x15")
            assert await raw.reader.readexactly(13) == (
                b"\0\0\0\x09" + b"\x93\x07\xc4\x04\x81\xa1n\x2a\xa0"
            )
            await raw.close()

    run(main())


@pytest.mark.parametrize(
    ("sent", "end", "logged"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", False, "at most 16777216 bytes, got one of 1195725856"),
        (b"\xff\xff\xff\xff", False, "at most 16777216 bytes, got one of 4294967295"),
        (b"\x01\x00\x00\x01", False, "at most 16777216 bytes, got one of 16777217"),
        (b"\0\0\0\0", False, "expected a request, got 0 bytes that are none"),
        (frame(b"\xc1"), False, "expected a request, got 1 bytes that are none"),
        (frame(b"\x92\x01\xa1x"), False, "expected a request, got 4 bytes that are none"),
        (frame(b"\x93\x01\xa2\xff\xff\xc4\x00"), False, "expected a request, got 7 bytes"),
        (frame(b"\x91" * 5_000), False, "expected a request, got 5000 bytes that are none"),
        (request(1, "Desk.double", 1) + b"\0\0\0", True, "of 3 bytes, got 3 and then the end"),
        (b"\0\0\0\x09\x93", True, "expected a frame of 13 bytes, got 5 and then the end"),
        (b"\0\0\0\x09\x93", False, "expected a frame within 50 ms, got 5 of 13 bytes"),
        (b"\0", False, "expected a frame within 50 ms, got 1 of 1 bytes"),
    ],
)
def test_a_bad_frame_closes_its_connection_with_one_line(
    sent: bytes, end: bool, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        limits = Limits(frame_ms=50)
        async with (
            await serve(Server(Desk()), "127.0.0.1:0", limits=limits) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as good,
        ):
            assert await good.call(Desk.double, Number(1)) == Number(2)
            (before,) = listener._known
            raw = await Raw.to(listener)
            await raw.send(sent)
            if end:
                raw.writer.write_eof()
            await raw.until_closed()
            assert await good.call(Desk.double, Number(2)) == Number(4)
            assert list(listener._known) == [before]
            assert not listener._strangers

    run(main())
    (line,) = lines(caplog)
    assert "connection closed: " in line
    assert logged in line


@pytest.mark.parametrize("method", ["Desk.x\nINFO all is well", "x" * 100_000 + ".y", "Desk.mro"])
def test_what_a_client_calls_a_method_takes_one_line(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with await serve(Server(Desk()), "127.0.0.1:0") as listener:
            raw = await Raw.to(listener)
            await raw.send(frame(REQUEST.encode(Request(1, method, b""))))
            size = int.from_bytes(await raw.reader.readexactly(HEADER))
            reply = REPLY.decode(await raw.reader.readexactly(size))
            assert reply.payload is None
            await raw.close()

    run(main())
    (line,) = lines(caplog)
    assert len(line) < 500
    assert line.isprintable()


def test_what_came_before_a_bad_frame_is_answered() -> None:
    async def main() -> None:
        async with await serve(Server(Desk()), "127.0.0.1:0") as listener:
            raw = await Raw.to(listener)
            await raw.send(request(1, "Desk.double", 1))
            size = int.from_bytes(await raw.reader.readexactly(HEADER))
            reply = REPLY.decode(await raw.reader.readexactly(size))
            assert reply.number == 1
            await raw.send(b"\xff" * 10)
            assert await raw.until_closed() == b""

    run(main())


def test_slow_is_measured_from_the_beginning_of_a_frame(caplog: pytest.LogCaptureFixture) -> None:
    """A byte now and then keeps nothing alive."""

    async def main() -> None:
        limits = Limits(frame_ms=100)
        async with await serve(Server(Desk()), "127.0.0.1:0", limits=limits) as listener:
            raw = await Raw.to(listener)

            async def drip() -> None:
                while True:
                    await raw.send(b"\0")
                    await asyncio.sleep(0.03)

            await raw.send(b"\0\xff\xff\xff")
            task = asyncio.create_task(drip())
            await raw.until_closed()
            task.cancel()
            await asyncio.wait([task])

    run(main())
    (line,) = lines(caplog)
    assert "expected a frame within 100 ms" in line


def test_a_client_that_takes_no_replies_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        limits = Limits(frame_ms=50)
        async with (
            await serve(Server(Desk()), "127.0.0.1:0", limits=limits) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as good,
        ):
            raw = await Raw.to(listener)
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            asks = frame(REQUEST.encode(Request(1, "Desk.repeat", b"\x81\xa1n\xce\x00\x10\0\0")))
            raw.writer.write(asks * 100)
            while not any("room for" in line for line in lines(caplog)):
                assert await good.call(Desk.double, Number(1)) == Number(2)
                for client in listener._known:
                    assert client._stream._transport.get_write_buffer_size() < 2**20 + 2 * CHUNK
                await asyncio.sleep(0.01)
            raw.writer.transport.abort()
            await asyncio.sleep(0)

    run(main())
    (line,) = lines(caplog)
    assert "expected what was sent to be taken within 50 ms" in line


@pytest.mark.parametrize("limits", [Limits(in_flight=3), Limits(handlers=3)])
def test_no_more_requests_are_read_than_may_run(limits: Limits) -> None:
    async def main() -> None:
        desk = Desk()
        async with await serve(Server(desk), "127.0.0.1:0", limits=limits) as listener:
            raw = await Raw.to(listener)
            await raw.send(b"".join(request(n, "Desk.wait", n) for n in range(10)))
            await desk.all_started(3)
            for _ in range(100):
                await asyncio.sleep(0)
            assert desk.started == [0, 1, 2]
            desk.go.set()
            await desk.all_started(10)
            await raw.close()

    run(main())


def test_handlers_of_lost_connections_count_until_they_return() -> None:
    async def main() -> None:
        desk = Desk()
        limits = Limits(handlers=2)
        async with await serve(Server(desk), "127.0.0.1:0", limits=limits) as listener:
            for n in range(2):
                raw = await Raw.to(listener)
                await raw.send(request(n, "Desk.wait", n))
                await desk.all_started(n + 1)
                await raw.close()
            async with connect(listener.address, deadline_ms=PATIENT_MS) as good:
                call = asyncio.create_task(good.call(Desk.double, Number(1)))
                while len(listener._known) != 1:
                    await asyncio.sleep(0.001)
                assert not call.done()
                desk.go.set()
                assert await call == Number(2)

    run(main())


def test_one_connection_too_many_closes_the_one_of_least_use(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        limits = Limits(connections=3)
        async with (
            await serve(Server(Desk()), "127.0.0.1:0", limits=limits) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as good,
            connect(listener.address, deadline_ms=PATIENT_MS) as better,
        ):
            assert await good.call(Desk.double, Number(1)) == Number(2)
            strangers = [await Raw.to(listener) for _ in range(5)]
            for stranger in strangers[:3]:  # the first who has said nothing, then the next
                assert await stranger.until_closed() == b""
                assert await good.call(Desk.double, Number(1)) == Number(2)
            assert await better.call(Desk.double, Number(2)) == Number(4)
            assert await strangers[3].until_closed() == b""
            assert (len(listener._strangers), len(listener._known)) == (1, 2)
            for stranger in strangers:
                await stranger.close()

    run(main())
    assert ["at most 3 connections, got one more" in line for line in lines(caplog)] == [True] * 4


def test_incomplete_frames_share_a_space(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        limits = Limits(receiving_bytes=3 * 2**20)
        async with await serve(Server(Desk()), "127.0.0.1:0", limits=limits) as listener:
            raws = []
            for n in range(3):
                raws.append(raw := await Raw.to(listener))
                await raw.send((2**20 - HEADER).to_bytes(HEADER))
                while len(listener._receiving) <= n:
                    await asyncio.sleep(0.001)
            assert listener._receiving_bytes == 3 * 2**20
            raws.append(await Raw.to(listener))
            await raws[3].send((2**20 + 1).to_bytes(HEADER))
            for n in range(2):
                assert await raws[n].until_closed() == b""
            assert listener._receiving_bytes == 2 * 2**20 + 1 + HEADER
            await raws[2].send(b"\xc1" * 2**20)
            await raws[2].until_closed()
            await raws[3].close()
            while listener._known or listener._strangers:
                await asyncio.sleep(0.001)
            assert (listener._receiving, listener._receiving_bytes) == ({}, 0)

    run(main())
    assert ["this one began first" in line for line in lines(caplog)] == [True, True, False, False]


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_good_client_is_served_among_bad_ones(kind: Attack) -> None:
    """60 bad connections of each kind, 20 at a time; `python -m bench.malformed` makes 10 000."""

    async def main() -> None:
        limits = Limits(frame_ms=100, connections=15)
        async with (
            await serve(Server(KVServer()), "127.0.0.1:0", limits=limits) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as good,
        ):
            luck, left = random.Random(1), iter(range(60))
            nothing = GetReply("", 0, Err.NO_KEY)
            assert await good.call(KVServer.get, GetArgs("k")) == nothing

            async def bad() -> None:
                for _ in left:
                    await attack(listener.address, kind, luck)

            attackers = [asyncio.create_task(bad()) for _ in range(20)]
            while not all(task.done() for task in attackers):
                reply = await good.call(KVServer.get, GetArgs("k"))
                # Whoever sends good requests and then vanishes may take its place for a while.
                assert reply == nothing or kind is vanishes
                await asyncio.sleep(0.001)
            await asyncio.gather(*attackers)
            assert await good.call(KVServer.get, GetArgs("k")) == nothing
            while len(listener._known) + len(listener._strangers) > 1:
                await asyncio.sleep(0.001)
            assert (listener._handlers, listener._receiving, listener._receiving_bytes) == (
                {},
                {},
                0,
            )

    run(main())


def test_a_port_in_use_is_refused() -> None:
    async def main() -> None:
        async with await serve(Server(Desk()), "127.0.0.1:0") as listener:
            with pytest.raises(BadAddress, match=r"cannot listen on .*: the address is in use"):
                await serve(Server(Desk()), listener.address)

    run(main())


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("203.0.113.1:0", "cannot listen on 203.0.113.1:0: cannot assign requested address"),
        ("/" + "long/" * 100, "AF_UNIX path too long"),
        ("/nowhere/kv.sock", "cannot listen on /nowhere/kv.sock: no such file or directory"),
        ("nowhere", "expected HOST:PORT"),
    ],
)
def test_where_nobody_can_listen_is_refused(at: str, why: str) -> None:
    with pytest.raises(BadAddress) as caught:
        asyncio.run(serve(Server(Desk()), at))
    assert why in str(caught.value)


def test_only_a_socket_that_nobody_answers_on_is_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        at = tmp_path / "desk.sock"
        at.write_text("precious")
        with pytest.raises(BadAddress, match="cannot listen on"):
            await serve(Server(Desk()), str(at))
        assert at.read_text() == "precious"
        at.unlink()
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(at))
        async with (
            await serve(Server(Desk()), str(at)),
            connect(str(at), deadline_ms=PATIENT_MS) as end,
        ):
            with pytest.raises(BadAddress, match="another server does"):
                await serve(Server(Desk()), str(at))
            assert await end.call(Desk.double, Number(1)) == Number(2)
        assert not at.exists()

    run(main())


def test_a_socket_that_another_server_put_in_our_place_stays(tmp_path: Path) -> None:
    async def main() -> None:
        at = tmp_path / "desk.sock"
        async with await serve(Server(Desk()), str(at)):
            at.unlink()
            async with await serve(Server(Desk()), str(at)) as second:
                assert at.is_socket()
                await second.close()
                assert not at.exists()

    run(main())
