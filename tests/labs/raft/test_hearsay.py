"""What a server can know is what it started itself, and what messages have told it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.labs.raft.hearsay import Hearsay

NAMES = ["s0", "s1", "s2"]
LINKS = {(a, b): f"{a}-{b}" for a in NAMES for b in NAMES}


@pytest.fixture
def hearsay() -> Hearsay:
    return Hearsay(NAMES, LINKS)


def know(hearsay: Hearsay, command: bytes) -> list[int]:
    return [i for i in range(3) if hearsay.can_know(i, command)]


def overhear(hearsay: Hearsay, *events: tuple[Any, ...]) -> None:
    for event in events:
        hearsay.overhear((0, *event))


def test_who_started_a_command_knows_it(hearsay: Hearsay) -> None:
    assert not hearsay.was_started(b"x")
    hearsay.started(1, b"x")
    assert hearsay.was_started(b"x")
    assert know(hearsay, b"x") == [1]


def test_a_request_tells_and_so_does_an_answer(hearsay: Hearsay) -> None:
    hearsay.started(0, b"x")
    overhear(hearsay, ("send", 1, "s0-s1", "m", b""), ("deliver", 1, "s1"))
    assert know(hearsay, b"x") == [0, 1]
    overhear(hearsay, ("send", 2, "s2-s1", "m", b""), ("deliver", 2, "s1"))
    assert know(hearsay, b"x") == [0, 1], "the question tells nothing"
    overhear(hearsay, ("answer", 2, b""))
    assert know(hearsay, b"x") == [0, 1], "and the answer only when it has arrived"
    overhear(hearsay, ("reply", 2))
    assert know(hearsay, b"x") == [0, 1, 2]
    assert [hearsay.heard_from(i) for i in range(3)] == [0, 2, 1]


def test_a_message_tells_what_was_known_when_it_was_sent(hearsay: Hearsay) -> None:
    overhear(hearsay, ("send", 1, "s0-s1", "m", b""))
    hearsay.started(0, b"x")
    overhear(hearsay, ("deliver", 1, "s1"))
    assert know(hearsay, b"x") == [0]


def test_what_is_lost_tells_nothing_and_a_copy_no_more(hearsay: Hearsay) -> None:
    hearsay.started(0, b"x")
    overhear(hearsay, ("send", 1, "s0-s1", "m", b""), ("request lost", 1))
    assert know(hearsay, b"x") == [0]
    overhear(hearsay, ("deliver", 1, "s1"), ("deliver", 1, "s1"), ("answer", 1, b""))
    overhear(hearsay, ("answer", 1, b""), ("reply lost", 1))
    assert know(hearsay, b"x") == [0, 1]
    assert hearsay.heard_from(0) == 0


def test_ends_of_others_do_not_matter(hearsay: Hearsay) -> None:
    overhear(hearsay, ("send", 1, "c0", "m", b""), ("deliver", 1, "s1"), ("reply", 1))
    assert [hearsay.heard_from(i) for i in range(3)] == [0, 0, 0]


def test_only_an_answer_tells_that_the_other_knows(hearsay: Hearsay) -> None:
    hearsay.started(0, b"x")
    assert hearsay.who_can_know(0, b"x") == [0]
    overhear(hearsay, ("send", 1, "s0-s1", "m", b""), ("deliver", 1, "s1"))
    assert hearsay.who_can_know(1, b"x") == [0, 1]
    assert hearsay.who_can_know(0, b"x") == [0], "the request may have been lost"
    overhear(hearsay, ("answer", 1, b""), ("reply", 1))
    assert hearsay.who_can_know(0, b"x") == [0, 1]
    overhear(hearsay, ("send", 2, "s0-s2", "m", b""), ("deliver", 2, "s2"))
    assert hearsay.who_can_know(2, b"x") == [0, 1, 2], "it has been told of s1, too"
    assert hearsay.who_can_know(0, b"y") == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), max_size=40))
def test_it_is_what_sets_of_commands_would_say(acts: list[tuple[int, int, int]]) -> None:
    """Beside vectors, each server has the sets of what it can know that each can know."""
    hearsay = Hearsay(NAMES, LINKS)
    sets: list[list[set[bytes]]] = [[set(), set(), set()] for _ in NAMES]
    flying: list[tuple[int, int, list[set[bytes]]]] = []
    commands = 0
    for here, there, what in acts:
        if what == 0 or here == there:
            command = b"%d" % (commands % 7)  # some are started in several places
            commands += 1
            hearsay.started(here, command)
            sets[here][here].add(command)
        elif what == 1:
            overhear(hearsay, ("send", len(flying), f"s{here}-s{there}", "m", b""))
            flying.append((here, there, [known.copy() for known in sets[here]]))
        elif flying:
            rpc = (here * 7 + there) % len(flying)
            sender, receiver, news = flying[rpc]
            overhear(hearsay, ("deliver", rpc, f"s{receiver}"))
            for known, new in zip(sets[receiver], news, strict=True):
                known |= new
            sets[receiver][receiver] |= news[sender]
    for command in (b"%d" % i for i in range(7)):
        assert know(hearsay, command) == [i for i in range(3) if command in sets[i][i]]
        for i in range(3):
            assert hearsay.who_can_know(i, command) == [
                j for j in range(3) if command in sets[i][j]
            ]
