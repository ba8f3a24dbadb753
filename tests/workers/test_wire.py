"""Messages arrive whole in whatever pieces they come, and what is none is noticed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.workers.frames import LARGEST, Frames
from tester.workers.wire import (
    Chunk,
    Loading,
    Message,
    Noted,
    Ran,
    Ready,
    Refused,
    Tell,
    Told,
    encode,
    job_of,
    plain,
)
from tester.world.pipe import HEADER, framed

counts = st.integers(0, 2**63)
rans = st.builds(Ran, st.text(), st.text(), counts, counts, counts, counts, st.text())
messages: st.SearchStrategy[Message] = st.one_of(
    rans,
    st.builds(Told, rans, st.text()),
    st.builds(Loading, st.text()),
    st.builds(Refused, st.text()),
    st.builds(Noted, st.text()),
    st.just(Ready([])),
)


@given(st.lists(messages), st.data())
def test_messages_arrive_whole_and_in_order(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(framed(encode(message)) for message in sent)
    frames = Frames()
    received = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        received += frames.feed(stream[:size])
        stream = stream[size:]
    assert received == sent
    assert not frames.garbled


@pytest.mark.parametrize(
    "junk",
    [
        b"nobody said that",
        framed(b""),
        framed(b"\xc1"),
        framed(msgspec.msgpack.encode(["Ran", "pass"])),
        framed(msgspec.msgpack.encode(["Ran", "pass", "digest", "many", 0, 0, 0, ""])),
        framed(msgspec.msgpack.encode(["Unheard", 1])),
        (LARGEST + 1).to_bytes(HEADER, "big"),
    ],
)
def test_junk_ends_the_conversation_after_what_came_before(junk: bytes) -> None:
    good = framed(encode(Loading("a")))
    frames = Frames()
    assert frames.feed(good + junk + good) == [Loading("a")]
    assert frames.garbled
    assert frames.feed(good) == []


@pytest.mark.parametrize(
    "job",
    [Chunk("test", 0, 5), Tell("test", str(2**128 - 1), "command", whole=True, marker="mark")],
)
def test_jobs_travel(job: Chunk | Tell) -> None:
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
