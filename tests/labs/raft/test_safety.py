"""Each property of Figure 3 is watched: what violates it ends the run, and nothing else does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.labs.raft import safety, verdicts
from tester.labs.raft.safety import Safety
from tester.world.history import seconds


class FakeSimulation:
    """Just enough of a simulation: a clock and a story."""

    def __init__(self) -> None:
        self.virtual_us = 0
        self.said: list[str] = []

    def say(self, who: str, what: str) -> None:
        self.said.append(f"{who} {what}")


class Told:
    """Peers that tell what a test has them tell."""

    def __init__(self, n: int = 3) -> None:
        self.sim = FakeSimulation()
        self.safety = Safety(self.sim, [f"s{i}" for i in range(n)])  # type: ignore[arg-type]
        for i in range(n):
            self(i, "started", [])

    def __call__(self, server: int, what: str, *data: Any) -> None:
        self.sim.virtual_us += 1_000
        self.safety.hear(f"s{server}", what, *data)

    def violates(self, kind: type[Exception], sentence: str, *told: Any) -> None:
        with pytest.raises(kind) as caught:
            self(*told)
        assert str(caught.value) == sentence


@pytest.fixture
def peers() -> Told:
    return Told()


def test_two_leaders_in_one_term(peers: Told) -> None:
    peers(0, "state", 1, True)
    peers(1, "state", 2, True)
    peers(0, "state", 2, False)
    peers(1, "state", 2, False)
    peers.violates(
        verdicts.ElectionSafetyViolated,
        "s2 leads term 2, and s1 was elected in the same term at 0.005 s: a term has at most one "
        "leader",
        *(2, "state", 2, True),
    )


def test_leaders_of_different_terms_may_meet(peers: Told) -> None:
    peers(0, "state", 1, True)
    peers(1, "state", 2, True)
    peers(1, "state", 3, False)
    peers(0, "state", 3, True)
    assert peers.sim.said == [
        "s0 leads term 1",
        "s1 leads term 2",
        "s0 leads term 3",
    ]
    peers(0, "state", 3, False)
    assert peers.sim.said[3:] == ["s0 is no longer leader, in term 3"]


def test_different_commands_at_one_index(peers: Told) -> None:
    peers(0, "applied", 1, b"a")
    peers(1, "applied", 1, b"a")
    peers.violates(
        verdicts.StateMachineSafetyViolated,
        "s2 applied 'b' at index 1, where s0 applied 'a' at 0.004 s",
        *(2, "applied", 1, b"b"),
    )


@pytest.mark.parametrize("index", [1, 3])
def test_an_index_twice_or_left_out(peers: Told, index: int) -> None:
    peers(0, "applied", 1, b"a")
    peers.violates(
        verdicts.AppliedOutOfOrder,
        f"s0 applied index {index} after index 1: every index is applied once, in order",
        *(0, "applied", index, b"a"),
    )


def test_a_new_incarnation_begins_after_its_snapshot(peers: Told) -> None:
    for index in (1, 2):
        peers(0, "applied", index, b"%d" % index)
    peers(0, "started", [b"1"])
    peers(0, "applied", 2, b"2")
    peers(0, "started", [])
    peers(0, "applied", 1, b"1")
    assert peers.safety.applied(1) == [b"1"]
    peers.violates(
        verdicts.StateMachineSafetyViolated,
        "s0 applied 'x' at index 2, where s0 applied '2' at 0.005 s",
        *(0, "applied", 2, b"x"),
    )


def snapshot(index: int, *commands: bytes) -> bytes:
    return msgspec.msgpack.encode((index, list(commands)))


def test_a_snapshot_takes_the_place_of_what_it_covers(peers: Told) -> None:
    for index in (1, 2, 3):
        peers(0, "applied", index, b"%d" % index)
    peers(1, "applied", 1, b"1")
    peers(1, "installed", 3, snapshot(3, b"1", b"2", b"3"))
    assert peers.safety.applied(3) == [b"3", b"3"]
    peers(1, "applied", 4, b"4")


@pytest.mark.parametrize(
    ("kind", "sentence", "index", "data"),
    [
        (
            verdicts.AppliedOutOfOrder,
            (
                "s0 was delivered a snapshot up to 1 when it had applied 2 already: a snapshot "
                "never moves the service backwards"
            ),
            1,
            snapshot(1, b"1"),
        ),
        (
            verdicts.StateMachineSafetyViolated,
            "s0 was delivered a snapshot as one up to 4, but it goes up to 3, with 3 commands",
            4,
            snapshot(3, b"1", b"2", b"3"),
        ),
        (
            verdicts.StateMachineSafetyViolated,
            "s0 applied 'x' at index 2, where s0 applied '2' at 0.005 s",
            3,
            snapshot(3, b"1", b"x", b"3"),
        ),
        (
            verdicts.StateMachineSafetyViolated,
            "s0 was delivered a snapshot up to 3 that no service has made: 4 bytes, 'junk'",
            3,
            b"junk",
        ),
    ],
)
def test_a_wrong_snapshot(
    peers: Told, kind: type[Exception], sentence: str, index: int, data: bytes
) -> None:
    peers(0, "applied", 1, b"1")
    peers(0, "applied", 2, b"2")
    peers.violates(kind, sentence, 0, "installed", index, data)


@pytest.mark.parametrize(("now", "saved"), [(0, "none of its service's"), (9, "one up to 9")])
def test_a_snapshot_that_is_not_saved_any_more(peers: Told, now: int, saved: str) -> None:
    peers.violates(
        verdicts.SnapshotLost,
        f"s1 had saved a snapshot up to 19, and saves {saved} instead: the log before it is lost",
        *(1, "unsaved", 19, now),
    )


def test_a_leader_that_changes_its_log(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 1])
    peers(0, "state", 2, True)
    peers(0, "log", 0, 0, 2, [2])
    peers.violates(
        verdicts.LeaderOverwroteItsLog,
        "s0 leads term 2, and its log, which had 3 entries, has been changed from entry 3 on: a "
        "leader only appends",
        *(0, "log", 0, 0, 2, []),
    )


def test_a_follower_may_change_its_log(peers: Told) -> None:
    peers(0, "state", 1, True)
    peers(0, "log", 0, 0, 0, [1, 1])
    peers(0, "state", 2, False)
    peers(0, "log", 0, 0, 1, [2])


def test_whoever_deletes_what_is_committed(peers: Told) -> None:
    for server in range(3):
        peers(server, "state", 2, False)
        peers(server, "log", 0, 0, 0, [1, 1, 1])
    for index in (1, 2):
        peers(0, "applied", index, b"x")
    peers(1, "log", 0, 0, 2, [2])  # which conflicts with the entry 3 of nobody
    peers.violates(
        verdicts.CommittedEntryLost,
        "s2 had the entry 2 of term 1, which is committed, and has deleted it: only what "
        "conflicts with the leader's log may go",
        *(2, "log", 0, 0, 1, []),
    )


def test_what_is_wrong_may_go_where_something_is_committed(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 2])
    peers(1, "log", 0, 0, 0, [1, 1])
    for index in (1, 2):
        peers(0, "applied", index, b"x")
    peers(1, "log", 0, 0, 1, [2])
    peers(1, "log", 2, 2, 0, [])  # a snapshot covers them


def test_logs_that_agree_on_an_entry_and_not_before_it(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 1, 2])
    peers(1, "log", 0, 0, 0, [1])
    peers(1, "log", 0, 0, 1, [1, 2])
    peers.violates(
        verdicts.LogMatchingViolated,
        "s2 and s0 both have an entry 3 of term 2, but before it s2 has one of term 2, and s0 had "
        "one of term 1",
        *(2, "log", 0, 0, 0, [1, 2, 2]),
    )


def test_a_log_may_begin_after_a_snapshot(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 1, 2])
    peers(0, "log", 2, 1, 1, [])  # and keeps the entry 3
    peers(0, "log", 2, 1, 1, [2])
    peers(1, "log", 3, 2, 0, [2])
    peers.violates(
        verdicts.LogMatchingViolated,
        "s2 and s0 both have an entry 4 of term 2, but before it s2 has one of term 1, and s0 had "
        "one of term 2",
        *(2, "log", 3, 1, 0, [2]),
    )


def test_a_leader_that_lacks_what_was_committed(peers: Told) -> None:
    peers(0, "state", 1, True)
    for server in (0, 1):
        peers(server, "log", 0, 0, 0, [1, 1])
    peers(2, "log", 0, 0, 0, [1])
    peers(0, "applied", 1, b"1")
    peers(0, "applied", 2, b"2")
    peers(1, "state", 2, True)
    peers(1, "state", 3, False)
    peers.violates(
        verdicts.LeaderIncomplete,
        "s2 leads term 3, but the entry 2 of term 1, which was committed by term 1, is not in its "
        "log: it has no entry there",
        *(2, "state", 3, True),
    )


def test_a_leader_of_an_earlier_term_may_lack_it(peers: Told) -> None:
    peers(2, "log", 0, 0, 0, [1])
    peers(0, "state", 3, True)
    peers(0, "log", 0, 0, 0, [1, 3])
    peers(0, "applied", 1, b"1")
    peers(0, "applied", 2, b"2")
    peers(2, "state", 2, True)  # late news
    peers(2, "state", 4, False)


def test_who_cannot_be_asked_is_not_judged(peers: Told) -> None:
    peers(0, "state", 1, True)
    assert peers.safety.servers[0].asked
    peers(0, "log", 0, 0, 0, [1])
    peers(0, "state")
    assert not peers.safety.servers[0].asked
    peers(0, "log", 0, 0, 0, [2])


def test_who_applies_what_only_a_minority_has(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 1])
    peers(1, "log", 0, 0, 0, [1])
    peers(2, "log", 0, 0, 0, [1, 2])  # the same index, and another entry
    peers(0, "applied", 1, b"1")
    peers.violates(
        verdicts.AppliedWithoutAMajority,
        "s0 applied '2' at index 2, an entry of term 1 that has been in no log but s0's: it is "
        "committed once 2 of 3 servers have it",
        *(0, "applied", 2, b"2"),
    )


def test_a_log_that_nobody_has_seen_may_have_had_anything() -> None:
    peers = Told(5)
    peers(0, "log", 0, 0, 0, [1])
    peers(1, "log", 0, 0, 0, [])
    peers(2, "log", 0, 0, 0, [])
    peers(0, "applied", 1, b"1")  # s3 and s4 describe nothing
    peers(3, "log", 0, 0, 0, [])
    peers.violates(
        verdicts.AppliedWithoutAMajority,
        "s2 applied '1' at index 1, an entry of term 2 that has been in no log but s2's, s4's: "
        "it is committed once 3 of 5 servers have it",
        *told_first(peers, (2, "log", 0, 0, 0, [2]), (2, "applied", 1, b"1")),
    )


def told_first(peers: Told, first: tuple[Any, ...], then: tuple[Any, ...]) -> tuple[Any, ...]:
    peers(*first)
    return then


def test_a_log_that_could_not_be_looked_at_may_have_what_was_applied(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 1])
    for server in (1, 2):
        peers(server, "log", 0, 0, 0, [])
    peers(1, "state")
    peers(0, "applied", 1, b"1")
    peers(1, "state", 1, False)
    peers.violates(
        verdicts.AppliedWithoutAMajority,
        "s0 applied '2' at index 2, an entry of term 1 that has been in no log but s0's: it is "
        "committed once 2 of 3 servers have it",
        *(0, "applied", 2, b"2"),
    )


def test_what_a_snapshot_covers_has_been_in_the_log(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1, 1])
    peers(1, "log", 0, 0, 0, [])
    peers(2, "log", 2, 1, 0, [])
    peers(0, "applied", 1, b"1")
    peers(0, "applied", 2, b"2")


def test_what_was_in_a_log_counts_after_it_has_gone_and_after_a_restart(peers: Told) -> None:
    peers(0, "log", 0, 0, 0, [1])
    peers(1, "log", 0, 0, 0, [1])
    peers(2, "log", 0, 0, 0, [])
    peers(1, "log", 0, 0, 0, [2])
    peers(1, "started", [])
    peers(0, "applied", 1, b"1")


def test_a_commit_index_that_goes_back(peers: Told) -> None:
    peers.violates(
        verdicts.CommitWentBack,
        "s1 knew that the log is committed up to 4, and says 2 now: its commit index never goes "
        "back while it runs",
        *(1, "back", 4, 2),
    )


def test_a_second_vote_in_a_term(peers: Told) -> None:
    peers.violates(
        verdicts.VotedTwice,
        "s1 had voted for s0 in term 3, and votes for s2 in the same term: a server has one vote "
        "a term",
        *(1, "voted", 3, 0, 2),
    )


def test_a_term_that_goes_back(peers: Told) -> None:
    peers(1, "state", 4, False)
    peers(2, "state", 3, False)
    peers.violates(
        verdicts.TermWentBack,
        "s1 was in term 4, and is in term 3 now: terms only grow",
        *(1, "state", 3, False),
    )


def test_a_restarted_server_may_have_forgotten_its_term(peers: Told) -> None:
    peers(1, "state", 4, False)
    peers(1, "started", [])
    peers(1, "state", 3, False)


def test_who_can_be_elected(peers: Told) -> None:
    assert peers.safety.electable([0, 1, 2]) == "", "nobody has described a log"
    peers(0, "log", 0, 0, 0, [])
    peers(1, "log", 0, 0, 0, [1, 1, 1])
    peers(2, "log", 3, 2, 0, [])
    assert peers.safety.electable([1, 2]) == (
        "nobody leads. The logs end: s1's with entry 3 of term 1, s2's with entry 3 of term 2. "
        "The later last term is better, then the longer log: s2 can be elected, by whoever has no "
        "better one"
    )
    assert peers.safety.electable([0, 1, 2]).startswith(
        "nobody leads. The logs end: s0's with nothing, "
    )
    assert "s1 or s2 can be elected" in peers.safety.electable([0, 1, 2])
    assert peers.safety.electable([0]) == "", "one of three elects nobody"


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), max_size=60))
def test_whoever_applies_one_log_in_order_is_never_blamed(moves: list[tuple[int, int]]) -> None:
    """Servers apply prefixes of one log, restart from nothing or a snapshot, and catch up."""
    peers = Told()
    log = [b"%d" % i for i in range(1, 400)]
    for server, what in moves:
        done = len(peers.safety.servers[server].applied)
        if what == 1:
            peers(server, "started", log[: done // 2])
        elif what == 2:
            peers(server, "installed", done + 3, snapshot(done + 3, *log[: done + 3]))
        else:
            for index in range(done + 1, done + what):
                peers(server, "applied", index, log[index - 1])
    for index in range(1, 50):
        assert set(peers.safety.applied(index)) <= {log[index - 1]}


def test_a_sentence_rounds_a_time_as_the_rows_of_a_story_do() -> None:
    assert safety._at(1_333_600) == f"at {seconds(1_333_600)} s" == "at 1.334 s"
