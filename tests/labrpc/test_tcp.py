"""labrpc over real connections: the calls of a good client, whatever becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from labrpc import ClientEnd, Message, NotAMessage, Server
from labrpc.tcp import BadAddress, Limits, connect, parse, serve

PATIENT_MS = 600_000
"""A deadline that no test reaches."""


class Number(Message, frozen=True):
    n: int


class Text(Message, frozen=True):
    text: str


class Desk:
    """Handlers of every kind; some wait until the test says so."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.finished: list[int] = []
        self.begun = asyncio.Condition()
        self.go = asyncio.Event()

    def double(self, args: Number) -> Number:
        return Number(2 * args.n)

    async def wait(self, args: Number) -> Number:
        async with self.begun:
            self.started.append(args.n)
            self.begun.notify_all()
        await self.go.wait()
        self.finished.append(args.n)
        return args

    async def turn(self, args: Number) -> Number:
        """Answer when the next one has started, so that replies come in reverse order."""
        async with self.begun:
            self.started.append(args.n)
            self.begun.notify_all()
            await self.begun.wait_for(lambda: args.n == 0 or args.n - 1 in self.finished)
            self.finished.append(args.n)
            self.begun.notify_all()
        return args

    def repeat(self, args: Number) -> Text:
        return Text("x" * args.n)

    def length(self, args: Text) -> Number:
        return Number(len(args.text))

    def fail(self, args: Number) -> Number:
        raise ValueError(f"no {args.n}")

    async def fail_later(self, args: Number) -> Number:
        await asyncio.sleep(0)
        raise OSError(f"no {args.n}")

    async def cancelled(self, args: Number) -> Number:
        raise asyncio.CancelledError

    async def stubborn(self, args: Number) -> Number:
        async with self.begun:
            self.started.append(args.n)
            self.begun.notify_all()
        while not self.go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.go.wait()
        return args

    def wrong(self, args: Number) -> Number:
        return Text("wrong")  # type: ignore[return-value]

    async def all_started(self, count: int) -> None:
        async with self.begun:
            await self.begun.wait_for(lambda: len(self.started) >= count)


class Stranger:
    """What other versions of Desk may have had; named so on the wire."""

    def missing(self, args: Number) -> Number:
        raise NotImplementedError

    def double(self, args: Text) -> Number:
        raise NotImplementedError


Stranger.missing.__qualname__ = "Desk.missing"
Stranger.double.__qualname__ = "Desk.double"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@pytest.fixture(params=["tcp", "unix"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "127.0.0.1:0" if request.param == "tcp" else f"{tmp_path}/desk.sock"


def test_calls_are_answered(at: str) -> None:
    async def main() -> None:
        async with (
            await serve(Server(Desk()), at) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as end,
        ):
            assert isinstance(end, ClientEnd)
            assert await end.call(Desk.double, Number(21)) == Number(42)
            assert await end.call(Desk.repeat, Number(200_000)) == Text("x" * 200_000)
            assert await end.call(Desk.length, Text("ä" * 1_000_000)) == Number(1_000_000)

    run(main())


def test_many_calls_are_in_flight_and_answered_in_any_order(at: str) -> None:
    async def main() -> None:
        desk = Desk()
        async with (
            await serve(Server(desk), at) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as end,
        ):
            calls = [end.call(Desk.turn, Number(n)) for n in reversed(range(100))]
            assert await asyncio.gather(*calls) == [Number(n) for n in reversed(range(100))]
        assert desk.finished == list(range(100))

    run(main())


def test_the_deadline_gives_none_and_what_comes_later_disturbs_nobody(at: str) -> None:
    async def main() -> None:
        desk = Desk()
        async with (
            await serve(Server(desk), at) as listener,
            connect(listener.address, deadline_ms=20) as hasty,
            connect(listener.address, deadline_ms=PATIENT_MS) as patient,
        ):
            waits = asyncio.create_task(patient.call(Desk.wait, Number(1)))
            await desk.all_started(1)
            assert await hasty.call(Desk.wait, Number(2)) is None
            desk.go.set()
            assert await waits == Number(1)
            assert await patient.call(Desk.wait, Number(3)) == Number(3)

    run(main())


def test_a_caller_that_stops_waiting_leaves_the_others_alone(at: str) -> None:
    async def main() -> None:
        desk = Desk()
        async with (
            await serve(Server(desk), at) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as end,
        ):
            calls = [asyncio.create_task(end.call(Desk.wait, Number(n))) for n in range(3)]
            await desk.all_started(3)
            calls[1].cancel()
            desk.go.set()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert results[0] == Number(0)
            assert isinstance(results[1], asyncio.CancelledError)
            assert results[2] == Number(2)
        assert sorted(desk.finished) == [0, 1, 2]  # as in simulation, handlers go on

    run(main())


def test_nobody_there_gives_none_and_a_server_that_returns_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        at = f"{tmp_path}/desk.sock"
        async with connect(at, deadline_ms=PATIENT_MS) as end:
            for _ in range(2):
                assert await end.call(Desk.double, Number(1)) is None
                async with await serve(Server(Desk()), at):
                    assert await end.call(Desk.double, Number(1)) == Number(2)
                assert not Path(at).exists()
            assert await end.call(Desk.double, Number(1)) is None

    run(main())
    said = [record.getMessage().split(": ")[1].split(",")[0] for record in caplog.records]
    assert said == ["cannot connect", "connected", "cannot connect", "connected", "cannot connect"]


def test_a_connection_that_breaks_answers_every_call_with_none(at: str) -> None:
    async def main() -> None:
        desk = Desk()
        listener = await serve(Server(desk), at)
        async with connect(listener.address, deadline_ms=PATIENT_MS) as end:
            calls = [asyncio.create_task(end.call(Desk.wait, Number(n))) for n in range(3)]
            await desk.all_started(3)
            await listener.close()
            await listener.close()
            assert await asyncio.gather(*calls) == [None] * 3
        assert desk.finished == []

    run(main())


def test_a_handler_that_cannot_be_cancelled_does_not_hold_up_the_end(
    at: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        desk = Desk()
        listener = await serve(Server(desk), at)
        async with connect(listener.address, deadline_ms=PATIENT_MS) as end:
            call = asyncio.create_task(end.call(Desk.stubborn, Number(1)))
            await desk.all_started(1)
            await listener.close()
            assert await call is None
        desk.go.set()

    run(main())
    assert "1 handlers go on, cancelled or not" in caplog.text


def test_a_closed_end_answers_none(at: str) -> None:
    async def main() -> None:
        desk = Desk()
        async with await serve(Server(desk), at) as listener:
            end = connect(listener.address, deadline_ms=PATIENT_MS)
            call = asyncio.create_task(end.call(Desk.wait, Number(1)))
            await desk.all_started(1)
            await end.close()
            await end.close()
            assert await call is None
            assert await end.call(Desk.double, Number(1)) is None
            desk.go.set()
            async with connect(listener.address, deadline_ms=PATIENT_MS) as other:
                assert await other.call(Desk.wait, Number(2)) == Number(2)
            assert desk.finished == [1, 2]

    run(main())


def test_an_end_that_is_closed_while_it_connects_answers_none(tmp_path: Path) -> None:
    async def main() -> None:
        end = connect(f"{tmp_path}/nobody.sock", deadline_ms=PATIENT_MS)
        call = asyncio.create_task(end.call(Desk.double, Number(1)))
        await asyncio.sleep(0)
        await end.close()
        assert await call is None

    run(main())


@pytest.mark.parametrize(
    ("method", "logged"),
    [
        (Desk.fail, "Desk.fail raised ValueError"),
        (Desk.fail_later, "Desk.fail_later raised OSError"),
        (Desk.cancelled, "Desk.cancelled raised CancelledError"),
        (Desk.wrong, "Desk.wrong must return Number, got a value of class Text"),
        (Stranger.missing, "Desk.missing: Desk has no handler missing"),
        (Stranger.double, "Desk.double's Number cannot be decoded"),
    ],
)
def test_what_goes_wrong_in_a_handler_is_logged_and_the_connection_lives(
    method: Any, logged: str, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        async with (
            await serve(Server(Desk()), at) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS) as end,
        ):
            for _ in range(2):
                args = Text("1") if method is Stranger.double else Number(1)
                assert await end.call(method, args) is None
            assert await end.call(Desk.double, Number(1)) == Number(2)
            assert len(listener._known) == 1

    run(main())
    server = [r.getMessage() for r in caplog.records if r.name == "labrpc.listener"]
    client = [r.getMessage() for r in caplog.records if r.name == "labrpc.tcp"]
    assert all(logged in line for line in server)
    assert len(server) == (2 if "raised" in logged else 1)
    assert len(client) == 1
    assert "no reply to" in client[0]


def test_what_is_too_large_to_send_is_said_to_the_sender(
    at: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        limits = Limits(frame_bytes=1_000)
        async with (
            await serve(Server(Desk()), at, limits=limits) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS, limits=limits) as end,
        ):
            with pytest.raises(NotAMessage, match=r"Desk\.length: expected arguments of at most"):
                await end.call(Desk.length, Text("x" * 1_000))
            assert await end.call(Desk.repeat, Number(1_000)) is None
            assert await end.call(Desk.repeat, Number(900)) == Text("x" * 900)

    run(main())
    assert "expected a reply of at most 1000 bytes" in caplog.text


def test_a_client_sends_no_more_than_may_be_in_flight(at: str) -> None:
    async def main() -> None:
        desk = Desk()
        limits = Limits(in_flight=3)
        async with (
            await serve(Server(desk), at) as listener,
            connect(listener.address, deadline_ms=PATIENT_MS, limits=limits) as end,
        ):
            calls = [asyncio.create_task(end.call(Desk.wait, Number(n))) for n in range(10)]
            await desk.all_started(3)
            async with connect(listener.address, deadline_ms=PATIENT_MS) as other:
                assert await other.call(Desk.double, Number(1)) == Number(2)
            assert desk.started == [0, 1, 2]
            desk.go.set()
            assert await asyncio.gather(*calls) == [Number(n) for n in range(10)]

    run(main())


def test_a_connection_on_which_nothing_comes_is_not_trusted(tmp_path: Path) -> None:
    """The peer of a dead connection may be back under the same address."""

    async def main() -> None:
        accepted = []

        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(writer)
            await reader.read()
            writer.close()

        at = f"{tmp_path}/mute.sock"
        async with await asyncio.start_unix_server(mute, at), connect(at, deadline_ms=20) as end:
            assert await end.call(Desk.double, Number(1)) is None
            while len(accepted) < 2:
                assert await end.call(Desk.double, Number(1)) is None
        for writer in accepted:
            await writer.wait_closed()

    run(main())


def test_a_connection_that_still_sends_is_trusted(tmp_path: Path) -> None:
    """What is large may take longer than one call is ready to wait."""

    async def main() -> None:
        accepted = []
        read = asyncio.Event()

        async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(writer)
            await read.wait()
            while await reader.read(1_000_000):
                pass
            writer.close()

        at = f"{tmp_path}/busy.sock"
        async with await asyncio.start_unix_server(busy, at), connect(at, deadline_ms=20) as end:
            for _ in range(3):
                assert await end.call(Desk.length, Text("x" * 4_000_000)) is None
            assert len(accepted) == 1
            read.set()
        for writer in accepted:
            await writer.wait_closed()

    run(main())


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (b"\x00\x00\x00\x02no", "expected a reply, got 2 bytes that are none"),
        (b"HTTP/1.1 400 Bad Request\r\n", "expected a frame of at most"),
        (b"\x00\x00", "expected a frame of 2 bytes, got 2 and then the end"),
    ],
)
def test_a_server_that_sends_nonsense_gives_none_and_one_line(
    sent: bytes, logged: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async def mad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(4)
            writer.write(sent)
            writer.close()
            await writer.wait_closed()

        at = f"{tmp_path}/mad.sock"
        async with (
            await asyncio.start_unix_server(mad, at),
            connect(at, deadline_ms=PATIENT_MS) as end,
        ):
            assert await end.call(Desk.double, Number(1)) is None

    run(main())
    assert [logged in record.getMessage() for record in caplog.records] == [True]


def test_a_bad_address_is_refused_before_anything_is_called() -> None:
    with pytest.raises(BadAddress, match="expected HOST:PORT"):
        connect("nowhere")
    assert str(parse("127.0.0.1:1")) == "127.0.0.1:1"
