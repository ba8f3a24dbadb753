"""Messages of Raft are known by the words in their names, whatever a submission calls them."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from tester.report.audit.messages import Message, all_are_known, messages
from tester.report.exchange import Request
from tester.world.execution import Sender
from tester.world.run import Outcome

encode = msgspec.msgpack.encode


OUTCOME = cast(Outcome, SimpleNamespace(senders={1: Sender("s0", None)}))


def sent(method: str, args: dict[str, Any]) -> Request:
    return Request(1, None, "s0-s1", method, encode(args), 0, 0, "s1")


def message(method: str, args: dict[str, Any], reply: dict[str, Any] | None) -> Message | None:
    request = sent(method, args)
    request.arrivals.append(1)
    if reply is not None:
        request.answers.append((2, encode(reply)))
        request.ended, request.fate = 3, "reply"
    return next(iter(messages(OUTCOME, [request], {"s0", "s1"})), None)


VOTES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "Raft.request_vote",
        {"term": 3, "candidate": 0, "last_log_index": 7, "last_log_term": 2},
        {"term": 3, "granted": True},
    ),
    (
        "Peer.RequestVote",
        {"Term": 3, "CandidateId": 0, "LastLogTerm": 2, "LastLogIndex": 7},
        {"VoteGranted": True, "Term": 3},
    ),
    (
        "Raft.vote",
        {"lastTerm": 2, "lastIndex": 7, "term": 3, "who": 0},
        {"ok": True, "term": 3},
    ),
]


@pytest.mark.parametrize(("method", "args", "reply"), VOTES)
def test_a_vote_under_any_name(method: str, args: dict[str, Any], reply: dict[str, Any]) -> None:
    found = message(method, args, reply)
    assert found is not None
    assert (found.kind, found.term, found.index, found.index_term) == ("vote", 3, 7, 2)
    assert (found.agreed, found.reply_term) == (True, 3)
    assert (found.arrived, found.answered, found.heard) == (1, 2, 3)


ENTRIES: list[tuple[str, dict[str, Any]]] = [
    (
        "Raft.append_entries",
        {
            "term": 4,
            "prev_log_index": 2,
            "prev_log_term": 1,
            "entries": [{"term": 3, "command": b"a"}, {"term": 4, "command": b"b"}],
            "leader_commit": 1,
        },
    ),
    (
        "Raft.heartbeat",
        {"term": 4, "prev": 2, "prev_term": 1, "terms": [3, 4], "commands": [b""], "commit": 1},
    ),
]


@pytest.mark.parametrize(("method", "args"), ENTRIES)
def test_entries_under_any_name(method: str, args: dict[str, Any]) -> None:
    reply = {"success": False, "term": 4, "conflict_term": 9, "x_index": 8}
    found = message(method, args, reply)
    assert found is not None
    assert (found.kind, found.term, found.index, found.index_term) == ("append", 4, 2, 1)
    assert (found.entries, found.last, found.commit) == ([3, 4], 4, 1)
    assert (found.agreed, found.reply_term) == (False, 4)


def test_entries_that_cannot_be_read_are_not_guessed() -> None:
    args: dict[str, Any] = {"term": 4, "prev_log_index": 2, "prev_log_term": 1, "entries": b"xyz"}
    found = message("Raft.append_entries", args, {"term": 4, "success": True})
    assert found is not None
    assert found.entries is None
    assert found.last is None
    del args["entries"]
    heartbeat = message("Raft.append_entries", args, None)
    assert heartbeat is not None
    assert (heartbeat.last, heartbeat.agreed, heartbeat.heard) == (2, None, None)


def test_a_snapshot_under_any_name() -> None:
    args = {"term": 5, "last_included_index": 9, "last_included_term": 3, "data": b"x"}
    one = message("Raft.install_snapshot", args, {"term": 5})
    other = message("Raft.install", {"term": 5, "index": 9, "index_term": 3, "data": b"x"}, None)
    for found in (one, other):
        assert found is not None
        assert (found.kind, found.term, found.index, found.index_term) == ("snapshot", 5, 9, 3)


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("Raft.pre_vote", {"term": 3, "last_log_index": 1, "last_log_term": 1}),
        ("Raft.request_vote", {"term": 3, "last": (1, 1), "pre": True}),
        ("KVServer.append", {"key": "k", "value": "v"}),
        ("KVServer.get", {"key": "k", "term": 3}),
    ],
)
def test_what_binds_nobody_is_none(method: str, args: dict[str, Any]) -> None:
    assert message(method, args, {"term": 3, "granted": True}) is None


@pytest.mark.parametrize(
    ("method", "args", "known"),
    [
        ("Raft.request_vote", {"term": 3}, True),
        ("Raft.pre_vote", {"term": 3}, True),
        ("Raft.request_vote", {"term": 3, "pre": True}, True),
        ("Raft.ballot", {"term": 3}, False),
        ("Raft.rpc", {"kind": "vote", "term": 3}, False),
        ("Raft.append_entries", {"body": b"?"}, False),
    ],
)
def test_a_message_of_an_unknown_kind_is_noticed(
    method: str, args: dict[str, Any], known: bool
) -> None:
    request = sent(method, args)
    assert all_are_known(OUTCOME, [request], {"s0", "s1"}) is known
    assert all_are_known(OUTCOME, [request], {"s0", "s2"})  # it is none between servers
