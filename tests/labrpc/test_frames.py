"""Frames: however a stream is cut into chunks, the same bodies come out of it."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc.frames import (
    HEADER,
    REPLY,
    REQUEST,
    BadFrame,
    Frames,
    Limits,
    Reply,
    Request,
    Stream,
    one_line,
)

MOST = 300


def framed(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(HEADER) + body for body in bodies)


@given(st.lists(st.binary(max_size=MOST)), st.data())
def test_every_way_to_cut_gives_the_same_frames(bodies: list[bytes], data: st.DataObject) -> None:
    stream = framed(*bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    frames = Frames(MOST)
    assert [body for chunk in chunks for body in frames.feed(chunk)] == bodies
    assert (frames.completed, frames.begun, frames.size) == (len(bodies), 0, 0)


@given(st.lists(st.binary(max_size=MOST)), st.binary(max_size=MOST), st.data())
def test_an_incomplete_frame_is_counted(
    bodies: list[bytes], last: bytes, data: st.DataObject
) -> None:
    begun = data.draw(st.integers(1, HEADER + len(last))) - 1
    frames = Frames(MOST)
    assert list(frames.feed(framed(*bodies) + framed(last)[:begun])) == bodies
    assert frames.begun == begun
    assert frames.size == (HEADER + len(last) if begun >= HEADER else begun)


@given(st.lists(st.binary(max_size=MOST)), st.integers(MOST + 1, 2**32 - 1), st.binary())
def test_a_frame_that_is_too_large_is_refused_at_once(
    bodies: list[bytes], size: int, rest: bytes
) -> None:
    stream = framed(*bodies) + size.to_bytes(HEADER) + rest
    got = []
    with pytest.raises(BadFrame, match=f"at most {MOST} bytes, got one of {size}$"):
        for body in Frames(MOST).feed(stream):
            got.append(body)  # noqa: PERF402 - what came before the exception counts
    assert got == bodies


@given(st.integers(0, 2**63), st.text(), st.binary(), st.text())
def test_requests_and_replies_survive_the_way(
    number: int, method: str, payload: bytes, error: str
) -> None:
    request = Request(number, method, payload)
    assert REQUEST.decode(REQUEST.encode(request)) == request
    for reply in (Reply(number, payload), Reply(number, None, error)):
        assert REPLY.decode(REPLY.encode(reply)) == reply


def test_what_is_cleared_is_forgotten() -> None:
    frames = Frames(MOST)
    assert list(frames.feed(framed(b"a", b"b")[:-1])) == [b"a"]
    assert frames.begun
    frames.clear()
    assert (frames.begun, frames.size) == (0, 0)
    assert list(frames.feed(framed(b"c"))) == [b"c"]


@given(st.text(st.characters()))
def test_what_is_logged_is_one_line_of_text(text: str) -> None:
    shown = one_line(text)
    assert len([shown]) == len(shown.splitlines() or [""])
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_what_is_logged_is_not_long() -> None:
    assert one_line("ä" * 400) == "ä" * 400
    assert one_line("ä" * 401) == "ä" * 400 + "..."
    assert one_line("a\nb\x1b\ud800\u2028") == "a\\nb\\x1b\\ud800\\u2028"


def test_closing_late_and_twice_does_nothing() -> None:
    """A transport that has sent its last bytes while it was closing has forgotten its loop."""

    async def main() -> None:
        answered = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.01)
            with contextlib.suppress(ConnectionError):
                await reader.read(-1)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            answered.set()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            opened = await asyncio.open_connection(*server.sockets[0].getsockname())
            stream = Stream(*opened, Limits(frame_bytes=2**30))
            await stream.send(bytes(10_000_000))
            assert stream.unsent
            await stream.close()
            assert not stream.unsent
            stream.abort()
            await stream.close()
            await answered.wait()

    asyncio.run(main())
