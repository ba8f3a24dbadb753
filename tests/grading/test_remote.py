"""A node in another process is asked and never believed: whatever it says, the run can tell."""

import socket
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine.choices import BEGINNING, Choices, Dealt, Injected, Replayed, Seeded
from tester.grading.printed import Heard
from tester.grading.remote import Broken, RemoteNode, order_of, owns
from tester.grading.sandbox import Limits
from tester.world.arguments import End
from tester.world.pipe import framed


class Keeper:
    limits = Limits(frame=1 << 16)
    keeps_choices = False
    heard: list[tuple[str, Heard]] | None = None

    def __init__(self, status: int | None = 9) -> None:
        self.status = status
        self.buried = 0

    def reap(self, slot: int) -> None:
        self.buried += 1

    def collect(self, slot: int) -> int | None:
        return self.status

    def hung(self, broken: Broken) -> None:
        self.heard_of = broken

    def retire(self, line: socket.socket) -> None:
        line.close()

    def number(self, slot: int) -> int:
        return 0

    def count(self, size: int) -> str:
        return ""


Made = tuple[RemoteNode, socket.socket, Keeper]


def node(keeper: Keeper | None = None) -> Made:
    keeper = keeper or Keeper()
    ours, theirs = socket.socketpair()
    choices = Choices(Seeded(1))
    order = order_of("kvsrv", "c0", 0, choices, schedule="fifo")
    made = RemoteNode(keeper, 1, ours, order, choices)
    theirs.recv(1 << 16)
    return made, theirs, keeper


@pytest.fixture
def made() -> Iterator[Made]:
    found = node()
    yield found
    found[0].terminate()
    found[1].close()


def say(there: socket.socket, *parts: object) -> None:
    there.sendall(framed(msgspec.msgpack.encode(parts)))


@given(st.binary(max_size=300))
def test_whatever_bytes_it_says_the_run_ends_with_a_sentence(data: bytes) -> None:
    remote, there, _ = node()
    with there:
        there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(Broken, match=r"^The process of node c0 "):
            remote.step(0, [], 100)
        assert remote._ended


def test_a_turn_is_taken(made: Made) -> None:
    remote, there, _ = made
    say(there, "turn", [("send", 1, "c0-s", "S.get", b"x", None)], 500, 3)
    make = ("make", "c0", dict, (End("c0-s", "c0"),), dict)
    assert remote.step(0, [make], 100) == (
        [("send", 1, "c0-s", "S.get", b"x", None)],
        500,
        3,
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (("send", 1, "c1-s", "S.get", b"", None), "sent from the end 'c1-s'"),
        (("answer", 7, b""), "answered #7"),
        (("done", 7, b""), "was not called on it"),
        (("report", "x", []), "has no probe"),
        (("write", {}), "its disk"),
        (("sync", 1), "its disk"),
        (("file", 1, "read", "a", "", b""), "the shared files"),
        (("fault", "maybe/c1/x", 0, "w", "k"), "claimed a fault of 'maybe/c1/x'"),
    ],
)
def test_what_it_is_not_entitled_to_say_ends_the_run(
    made: Made, event: object, sentence: str
) -> None:
    remote, there, keeper = made
    say(there, "turn", [event], None, 1)
    with pytest.raises(Broken) as raised:
        remote.step(0, [], 100)
    assert sentence in str(raised.value)
    assert raised.value.what == "malformed"
    assert keeper.buried == 1


def test_each_copy_of_a_request_may_be_answered_once(made: Made) -> None:
    remote, there, _ = made
    request = ("request", 4, "s", "S.get", b"")
    say(there, "turn", [("answer", 4, b"a"), ("answer", 4, b"a")], None, 1)
    assert len(remote.step(0, [request, request], 100)[0]) == 2
    say(there, "turn", [("answer", 4, b"a")], None, 1)
    with pytest.raises(Broken, match="answered #4"):
        remote.step(0, [], 100)


def test_a_node_is_dealt_words_of_its_own_streams_only(made: Made) -> None:
    remote, there, _ = made
    say(there, "deal", "node/c0", 2)
    say(there, "deal", "node/c1", 0)
    there.shutdown(socket.SHUT_WR)
    with pytest.raises(Broken):
        remote.step(0, [], 100)  # two frames at once are one too many
    remote, there, _ = node()
    with there:
        say(there, "deal", "node/c1", 0)
        with pytest.raises(Broken, match="asked for the choices of 'node/c1'"):
            remote.step(0, [], 100)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (9, "was killed by SIGKILL"),
        (31, "asked the system for something"),
        (25, "wrote a file"),
        (24, "of CPU time"),
        (3 << 8, "ended by itself, with exit status 3,"),
        (None, "closed its pipe and went on"),
    ],
)
def test_how_it_ended_is_said(status: int | None, sentence: str) -> None:
    remote, there, _ = node(Keeper(status))
    there.sendall(b'Stack (most recent call first):\n  File "kvsrv/server.py", line 12 in put\n')
    there.close()
    with pytest.raises(Broken) as raised:
        remote.step(0, [], 100)
    assert sentence in str(raised.value)
    assert "at kvsrv/server.py:12" in str(raised.value)


def test_too_long_a_frame_is_not_waited_for(made: Made) -> None:
    remote, there, _ = made
    there.sendall((1 << 17).to_bytes(4, "big"))
    with pytest.raises(Broken, match="flooded"):
        remote.step(0, [], 100)


def test_a_node_is_not_sent_more_than_it_can_hold(made: Made) -> None:
    remote, _, keeper = made
    inbox = [("filed", number, bytes(1 << 20)) for number in range(65)]
    with pytest.raises(Broken, match="more than 64 MB at one instant"):
        remote.step(0, inbox, 100)
    assert keeper.buried == 1


# -- the choices of a node ------------------------------------------------------------------------


def test_a_stream_is_the_nodes_own_by_its_whole_name() -> None:
    assert owns("c1", "sched/c1")
    assert owns("c1", "maybe/c1/site")
    assert not owns("c1", "sched/c10")
    assert not owns("c1", "net/c1")
    assert not owns("c1", "order")


@given(st.integers(0, 2**64), st.integers(0, 200), st.integers(1, 100))
def test_words_that_are_dealt_are_those_of_the_seed(seed: int, drawn: int, more: int) -> None:
    seeded = Seeded(seed)
    here = Choices(seeded).stream("node/c0")
    before = [here.below(1 << 20) for _ in range(drawn)]
    there = Choices(Dealt(seeded.words, {"node/c0": before})).stream("node/c0")
    assert [there.below(1000) for _ in range(more)] == [here.below(1000) for _ in range(more)]
    assert there.record == here.record


def test_an_order_says_nothing_of_other_nodes_and_no_seed() -> None:
    choices = Choices(Seeded(123_456_789))
    choices.below(5, "node/c0")
    choices.below(5, "net/c0")
    order = order_of("kvsrv", "c0", 1, choices, schedule="fifo")
    assert order.drawn.keys() == {"node/c0"}
    assert order.beginnings.keys() == {"sched/c0", "node/c0"}
    assert order.beginnings["node/c0"] == Seeded(123_456_789).words("node/c0", BEGINNING)
    assert "123456789" not in repr(order)
    record = {"node/c0": [1], "node/c1": [2], "net/c0": [3]}
    assert order_of("kvsrv", "c0", 0, Choices(Replayed(record))).record == {"node/c0": [1]}


def test_choices_that_only_a_function_can_make_are_refused() -> None:
    with pytest.raises(TypeError, match="expected choices of a seed or a record"):
        order_of("kvsrv", "c0", 0, Choices(Injected(lambda n, stream: 0)))


@pytest.mark.parametrize("fault", [("sched/c0", 0), ("sched/c0", 2), ("node/c0", 0)])
def test_a_fault_is_one_of_what_was_drawn(made: Made, fault: tuple[str, int]) -> None:
    remote, there, keeper = made
    keeper.keeps_choices = True
    say(there, "drawn", {"sched/c0": [0, 1]}, [fault])
    with pytest.raises(Broken, match="that it did not draw") as raised:
        remote.close()
    assert (raised.value.what, keeper.buried) == ("malformed", 1)
