"""What replicas and clerks tell is compared: a contradiction ends the run, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsrv.rpc import Err
from tester.labs.kvraft import verdicts
from tester.labs.kvraft.watch import Acknowledged, Watch, shown
from tester.labs.raft.verdicts import (
    AppliedOutOfOrder,
    ElectionSafetyViolated,
    StateMachineSafetyViolated,
)


class FakeSimulation:
    """Just enough of a simulation: a clock and a story."""

    def __init__(self) -> None:
        self.virtual_us = 0
        self.said: list[tuple[Any, ...]] = []

    def say(self, *said: Any) -> None:
        self.said.append(said)


class Told:
    """Replicas that tell what a test has them tell."""

    def __init__(self, *, once: bool = False) -> None:
        self.sim = FakeSimulation()
        names = ["s0", "s1", "s2"]
        self.watch = Watch(self.sim, names, once=once)  # type: ignore[arg-type]
        for i in range(3):
            self(i, "started")

    def __call__(self, server: int, what: str, *data: Any) -> None:
        self.sim.virtual_us += 1_000
        self.watch.hear(f"s{server}", what, *data)

    def violates(self, kind: type[Exception], sentence: str, *told: Any) -> None:
        with pytest.raises(kind) as caught:
            self(*told)
        assert str(caught.value) == sentence


def test_all_replicas_apply_the_same_requests() -> None:
    told = Told()
    told(0, "applied", 1, b"one", b"")
    told.violates(
        StateMachineSafetyViolated,
        "s1 applied b'two' as request 1, where s0 applied b'one' at 0.004 s: all replicas apply "
        "the same requests in the same order, each once",
        *(1, "applied", 1, b"two", b""),
    )


def test_and_reply_the_same() -> None:
    told = Told()
    told(0, "applied", 1, b"one", b"\x01")
    told(2, "applied", 1, b"one", b"")  # a reply that is no plain data says nothing
    told.violates(
        verdicts.ReplicasDiverged,
        "s1 has applied the same 1 request as s0, and replied to the last one, b'one', with 2, "
        "where s0 replied 1 at 0.004 s: they are in different states",
        *(1, "applied", 1, b"one", b"\x02"),
    )


def test_a_restart_begins_anew_and_must_come_to_the_same() -> None:
    told = Told()
    told(0, "applied", 1, b"one", b"")
    told(0, "applied", 2, b"two", b"")
    told(0, "started")
    assert told.watch.applied == [0, 0, 0]
    told(0, "applied", 1, b"one", b"")
    with pytest.raises(StateMachineSafetyViolated):
        told(0, "applied", 2, b"one", b"")


def test_a_snapshot_never_moves_a_replica_backwards() -> None:
    told = Told()
    for number in (1, 2, 3):
        told(0, "applied", number, b"%d" % number, b"")
    told(1, "restored", 2)
    told(1, "applied", 3, b"3", b"")
    told.violates(
        AppliedOutOfOrder,
        "s1 had applied 3 requests, and took over a snapshot of 2: a snapshot never moves a "
        "replica backwards",
        *(1, "restored", 2),
    )
    told.violates(
        verdicts.ReplicasDiverged,
        "s2 took over a snapshot of 4 requests, and no replica has applied more than 3",
        *(2, "restored", 4),
    )


def test_what_is_submitted_once_is_applied_once() -> None:
    told = Told(once=True)
    told(0, "applied", 1, b"inc 1", b"")
    told(1, "applied", 1, b"inc 1", b"")
    told.violates(
        verdicts.AppliedTwice,
        "s1 applied b'inc 1' as request 2, and it was request 1 already: it was submitted once",
        *(1, "applied", 2, b"inc 1", b""),
    )
    told = Told()  # where a clerk may repeat itself, this is its right
    told(0, "applied", 1, b"inc 1", b"")
    told(0, "applied", 2, b"inc 1", b"")


def test_what_a_minority_was_asked_is_never_applied() -> None:
    told = Told(once=True)
    with pytest.raises(verdicts.AppliedInAMinority, match="which was submitted to a leader that"):
        told(0, "applied", 1, b"dec 1", b"")


def test_an_answer_is_that_of_the_machine_and_comes_after_it() -> None:
    told = Told(once=True)
    told(0, "applied", 1, b"inc 1", b"\x01")
    told(0, "answered", b"inc 1", b"\x01")
    told.violates(
        verdicts.NotApplied,
        "s1 answered b'inc 1' with OK, and had not applied it: it may yet be lost",
        *(1, "answered", b"inc 1", b"\x01"),
    )
    told.violates(
        verdicts.NotApplied,
        "s0 answered b'inc 1' with 2, and its machine replied 1: the answer is another request's",
        *(0, "answered", b"inc 1", b"\x02"),
    )


def test_leaders_are_watched_and_places_in_the_log_are_said_of_their_rpc() -> None:
    told = Told()
    told(0, "state", 1, True)
    told(0, "logged", 7, 3, 1)
    assert told.sim.said == [
        ("s0", "leads term 1"),
        ("s0", "logs #7 as entry 3 of term 1", 7),
    ]
    told(0, "packed", 2)
    told(0, "handed", 3)
    assert len(told.sim.said) == 2
    with pytest.raises(ElectionSafetyViolated):
        told(1, "state", 1, True)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["apply", "restart", "snapshot"]))))
def test_replicas_that_follow_one_log_are_never_blamed(steps: list[tuple[int, str]]) -> None:
    """Each has a prefix of it, restarts from a prefix of that, or takes over a longer one."""
    told, applied, saved = Told(), [0, 0, 0], [0, 0, 0]
    for server, what in steps:
        if what == "apply":
            applied[server] += 1
            number = applied[server]
            told(server, "applied", number, b"%d" % number, b"%d" % number)
        elif what == "restart":
            told(server, "started")
            told(server, "restored", saved[server])
            applied[server] = saved[server]
        else:
            saved[server] = applied[server]
            for other in range(3):
                if applied[other] < applied[server]:
                    told(other, "restored", applied[server])
                    applied[other] = applied[server]
    assert told.watch.applied == applied
    assert told.watch.total >= max(applied)


# -- what clerks were told ----------------------------------------------------------------------


def clerks() -> Acknowledged:
    return Acknowledged(FakeSimulation())  # type: ignore[arg-type]


def test_a_version_is_replaced_once() -> None:
    known = clerks()
    known.put("c0", "k", "a", 1, Err.OK)
    known.put("c1", "k", "b", 1, Err.MAYBE)
    known.put("c1", "k", "b", 1, Err.VERSION)
    with pytest.raises(verdicts.AcknowledgedPutLost, match="one version can be replaced only on"):
        known.put("c1", "k", "b", 1, Err.OK)


def test_a_version_that_was_reached_is_not_missed_by_who_asks_later() -> None:
    known = clerks()
    before = known.latest("k")
    known.put("c0", "k", "a", 0, Err.OK)
    known.got("c1", "k", ("", 0, Err.NO_KEY), before)  # it was called before
    with pytest.raises(verdicts.AcknowledgedPutLost) as caught:
        known.got("c1", "k", ("", 0, Err.NO_KEY), known.latest("k"))
    assert str(caught.value) == (
        "c1's Get('k') -> ('', v0, ErrNoKey), but before it was called the key had reached "
        "version 1: c0's Put('k', 'a', v0) -> OK at 0.000 s"
    )


def test_a_version_has_one_value() -> None:
    known = clerks()
    known.got("c0", "k", ("a", 3, Err.OK), None)
    known.put("c1", "k", "b", 3, Err.OK)
    known.got("c0", "k", ("b", 4, Err.OK), None)
    with pytest.raises(verdicts.AcknowledgedPutLost, match="version 4 of 'k' is 'b' and 'x'"):
        known.got("c2", "k", ("x", 4, Err.OK), None)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"inc 7", "b'inc 7'"),
        (b"\x81\xa3key\xa1k", "{'key': 'k'}"),
        (b"", "b''"),
        (b"\xa1\x1b", r"'\x1b'"),
        (b"x" * 100, f"b'{'x' * 55}..."),
    ],
)
def test_a_request_is_shown_as_what_it_holds(data: bytes, text: str) -> None:
    assert shown(data) == text
