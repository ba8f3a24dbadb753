"""Messages arrive whole in whatever pieces they come, and what is none is noticed."""

import contextlib
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.workers.frames import LARGEST, Frames, Sender
from tester.workers.wire import (
    Answered,
    Chunk,
    Loading,
    Message,
    Noted,
    Ran,
    Ready,
    Refused,
    RerunJob,
    encode,
    job_of,
    plain,
)
from tester.world.pipe import HEADER, framed

counts = st.integers(0, 2**63)
rans = st.builds(Ran, st.text(), st.text(), counts, counts, counts, counts, st.text())
answers = st.builds(Answered, counts, st.text(), st.text(), rans)
messages: st.SearchStrategy[Message] = st.one_of(
    answers,
    st.builds(Loading, st.text()),
    st.builds(Refused, st.text()),
    st.builds(Noted, st.text()),
    st.just(Ready([])),
)
KEY = b"k" * 32


def said(*sent: Message, key: bytes = KEY) -> list[bytes]:
    """The frames of these messages, as a worker writes them."""
    frames = []
    reads, writes = os.pipe()
    try:
        sender = Sender(writes, key)
        for message in sent:
            sender.say(message)
            frames.append(os.read(reads, 1 << 16))
    finally:
        os.close(reads)
        os.close(writes)
    return frames


@given(st.lists(messages), st.data())
def test_messages_arrive_whole_and_in_order(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(said(*sent))
    frames = Frames(KEY)
    received = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        received += frames.feed(stream[:size])
        stream = stream[size:]
    assert received == sent
    assert not frames.garbled


A, B, C = (Loading(name) for name in "abc")
FIRST, SECOND, THIRD = said(A, B, C)
(ALIEN,) = said(A, key=b"K" * 32)
(FLIPPED,) = said(Noted("a"))


@pytest.mark.parametrize(
    "junk",
    [
        b"nobody said that",
        framed(b""),
        framed(b"\xc1" * 40),
        framed(encode(B)),
        ALIEN,
        FIRST,
        THIRD,
        FLIPPED,
        SECOND[:-1] + b"c",
        (LARGEST + 1).to_bytes(HEADER, "big"),
    ],
    ids=[
        "text",
        "empty",
        "no tag",
        "bare",
        "other key",
        "again",
        "early",
        "other",
        "edited",
        "big",
    ],
)
def test_junk_ends_the_conversation_after_what_came_before(junk: bytes) -> None:
    frames = Frames(KEY)
    assert frames.feed(FIRST + junk + SECOND) == [A]
    assert frames.garbled
    assert frames.feed(SECOND) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"\xc1",
        msgspec.msgpack.encode(["Ran", "pass"]),
        msgspec.msgpack.encode(["Answered", 0, "test", "1", ["Ran", "pass"]]),
        msgspec.msgpack.encode(["Unheard", 1]),
    ],
)
def test_a_signed_message_that_is_none_is_junk(
    payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tester.workers.frames.encode", lambda message: payload)
    (frame,) = said(A)
    frames = Frames(KEY)
    assert frames.feed(frame) == []
    assert frames.garbled


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_copy_of_the_process_says_nothing() -> None:
    reads, writes = os.pipe()
    sender = Sender(writes, KEY)
    if not (pid := os.fork()):
        with contextlib.suppress(BaseException):
            sender.say(B)
        os._exit(7)
    _, status = os.waitpid(pid, 0)
    sender.say(A)
    assert os.waitstatus_to_exitcode(status) == 1
    assert Frames(KEY).feed(os.read(reads, 1 << 16)) == [A]
    os.close(reads)
    os.close(writes)


@pytest.mark.parametrize(
    "job",
    [Chunk("test", 0, 5), RerunJob("test", str(2**128 - 1), "command", whole=True, marker="mark")],
)
def test_jobs_travel(job: Chunk | RerunJob) -> None:
    assert job_of(encode(job)) == job


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n\tb µ", "a\n\tb µ"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\r\nb\rc", "a\nb\\rc"),
        ("\udc80\0", "\\udc80\\x00"),
    ],
)
def test_plain_text_does_nothing_to_a_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown
    encode(Noted(plain(text)))
