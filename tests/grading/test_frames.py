"""Whatever bytes come, they are an answer of a node or refused, and what is told comes back."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.grading import frames
from tester.world.failure import Failure, Frame

ODD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
anything = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
names = st.sampled_from(["turn", "deal", "drawn", "measure", "waiting", "unretrieved", "broke"])


@given(st.binary(max_size=200))
def test_bytes_are_refused_in_one_way(data: bytes) -> None:
    with contextlib.suppress(*ODD):
        frames.decode(data)


@given(names, st.lists(anything, max_size=4))
def test_a_malformed_answer_is_refused(name: str, rest: list[object]) -> None:
    try:
        said = frames.decode(msgspec.msgpack.encode([name, *rest]))
    except ODD:
        return
    assert isinstance(said, frames.Said)


@given(
    st.text(max_size=20),
    st.lists(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text()
        | st.binary()
        | st.lists(st.integers(0, 2**63 - 1) | st.binary(), max_size=5),
        max_size=5,
    ),
)
def test_what_a_probe_tells_arrives_as_it_was(what: str, data: list[object]) -> None:
    report = frames.encode_report(("report", what, *data))
    sent = msgspec.msgpack.encode(("turn", [report], None, 1))
    said = frames.decode(sent)
    assert isinstance(said, frames.Turn)
    assert [frames.event(one) for one in said.outbox] == [("report", what, *data)]


@pytest.mark.parametrize(
    "event",
    [
        ("send", 1, "c0", "KVServer.put", b"x", None),
        ("send", 1, "c0", "KVServer.put", b"x", 7),
        ("answer", 1, b""),
        ("done", 2, b"y"),
        ("write", {"log": b"z"}),
        ("sync", 3),
        ("file", 4, "rename", "a", "b", b""),
        ("fault", "maybe/c0/site", 0, "what", "kind"),
        ("annotate", "cache", "warm", "", -1, True),
    ],
)
def test_an_event_is_read_as_it_was_written(event: tuple[object, ...]) -> None:
    said = frames.decode(msgspec.msgpack.encode(("turn", [event], 5, 1)))
    assert isinstance(said, frames.Turn)
    assert [frames.event(one) for one in said.outbox] == [event]


@pytest.mark.parametrize(
    "event",
    [
        ("send", -1, "c0", "m", b"", None),
        ("send", 1, "c0", "m", "text", None),
        ("send", 1, "c0", "m", b"", None, "more"),
        ("answer", 2**63, b""),
        ("file", 4, "chmod", "a", "b", b""),
        ("report", "what", [[[1]]]),
        ("write", {"log": "text"}),
        ("nonsense",),
        ("annotate", "cache", "warm", "", -2, True),
        "send",
    ],
)
def test_an_event_that_no_node_sends_is_refused(event: object) -> None:
    with pytest.raises(ODD):
        frames.decode(msgspec.msgpack.encode(("turn", [event], 5, 1)))


def test_a_failure_is_no_longer_than_one_of_ours() -> None:
    frame = Frame("f" * 9_999, 1, "g" * 9_999, "t" * 9_999)
    long = Failure("K" * 9_999, "m" * 9_999, (frame,) * 999, "c0", "d" * 9_999, 0, misuse=False)
    kind, short = frames.event(frames.Fail(long))
    assert kind == "fail"
    assert (len(short.kind), len(short.message), len(short.doing)) == (200, 2_000, 200)
    assert len(short.frames) == 50
    for one in short.frames:
        assert [*map(len, (one.file, one.function, one.text))] == [300, 300, 300]
