"""The core, whatever happens: Raft's safety properties, and that it gets on where it can."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raft.core import Core
from raft.events import Request, Snapshot, TimerExpired
from raft.log import Log
from raft.messages import (
    AppendEntriesArgs,
    AppendEntriesReply,
    Entry,
    InstallSnapshotArgs,
    InstallSnapshotReply,
    RequestVoteArgs,
    RequestVoteReply,
)
from raft.state import Role, Saved
from tests.raft.net import Broken, Net, play

STEPS = 150
PLANS = st.lists(st.integers(0, 2**16 - 1), min_size=STEPS // 2, max_size=STEPS)


@settings(max_examples=200)
@given(st.sampled_from([3, 3, 4, 5]), PLANS)
def test_the_safety_properties_hold_whatever_happens(size: int, plan: list[int]) -> None:
    play(Net(size), plan)


def plan_of(seed: int) -> tuple[int, list[int]]:
    """A size and a plan, faster than Hypothesis makes them."""
    source = random.Random(seed)
    return source.choice([3, 4, 5]), [source.randrange(2**16) for _ in range(STEPS)]


def test_what_matters_happens_often() -> None:
    """Plans that are all alike in that nobody is elected would prove nothing."""
    happened: Counter[str] = Counter()
    for seed in range(300):
        size, plan = plan_of(seed)
        net = Net(size)
        play(net, plan)
        happened.update(set(net.happened))
    assert happened["elections"] > 290
    assert happened["commits"] > 270
    assert happened["crashes"] > 270
    assert happened["installs"] > 30


@given(st.integers(2, 5), PLANS)
@settings(max_examples=50)
def test_when_all_is_well_again_everything_is_agreed_on(size: int, plan: list[int]) -> None:
    net = Net(size)
    play(net, plan)
    net.cut(-1)
    net.bag.clear()
    # The peer with the best log wins an election as soon as nobody's term is higher than its own.
    best = max(net.machines, key=lambda m: (m.core.log.last_term, m.core.log.last_index)).core
    while best.role is not Role.LEADER or best.term < max(m.core.term for m in net.machines):
        net.timer(best.me)
        net.settle(1_000)
    net.command(best.me)
    for _ in range(2):  # one heartbeat finds out what is missing, the next tells what is committed
        net.timer(best.me)
        net.settle(1_000)
    for machine in net.machines:
        assert machine.service == net.machines[best.me].service
        assert machine.service[-1] == b"%d" % net.commands
        assert machine.core.leader == best.me


def test_one_server_agrees_with_itself() -> None:
    net = Net(1)
    net.timer(0)
    net.command(0)
    net.compact(0, 1)
    net.crash(0)
    net.timer(0)
    net.command(0)
    assert net.machines[0].service == [b"1", b"2"]
    assert net.bag == []


def test_a_snapshot_leaves_what_follows_it_in_place_or_replaces_what_conflicts() -> None:
    """Figure 13, receiver 6 and 7."""
    for its_term, rest in ((1, [1, 1]), (2, [])):
        log = Log(0, 0, [1, 1, 1, 1], [b"a", b"b", b"c", b"d"])
        core = Core(0, 3, Saved(3, None, log))
        ready = core.step(Request(InstallSnapshotArgs(3, 1, 2, its_term, b"a,b")))
        assert ready.save
        assert ready.reply == InstallSnapshotReply(3)
        assert core.log.terms == rest
        assert (core.log.base, core.log.base_term) == (2, its_term)
        assert (core.commit, core.applied, core.snapshot) == (2, 2, b"a,b")
        (message,) = ready.apply
        assert message.snapshot_valid
        assert (message.snapshot_index, message.snapshot_term) == (2, its_term)


def test_a_snapshot_of_what_was_not_applied_is_refused() -> None:
    core = Core(0, 3, Saved(1, None, Log(0, 0, [1], [b"a"])))
    with pytest.raises(IndexError, match="a snapshot at 1 covers more than was applied"):
        core.step(Snapshot(1, b"a"))


def test_only_a_heartbeat_or_a_vote_that_is_granted_restarts_the_timer() -> None:
    """Section 5.2: whoever is asked for a vote that it does not give waits no longer for it."""
    core = Core(0, 3, Saved(1, None, Log(0, 0, [1], [b"a"])))
    assert not core.step(Request(RequestVoteArgs(2, 1, 0, 0))).reset_timer
    assert core.step(Request(RequestVoteArgs(2, 2, 1, 1))).reset_timer
    assert core.step(Request(AppendEntriesArgs(2, 2, 9, 2, [], 0))).reset_timer
    assert not core.step(Request(AppendEntriesArgs(1, 1, 1, 1, [], 0))).reset_timer
    assert core.step(TimerExpired()).reset_timer
    assert not core.step(Request(AppendEntriesArgs(2, 2, 1, 1, [], 0))).reset_timer


def test_a_leader_that_steps_down_waits_for_an_election_again() -> None:
    net = Net(3)
    net.timer(0)
    net.settle(99)
    assert net.step(0, Request(RequestVoteArgs(9, 1, 0, 0))).reset_timer


# -- bugs that the properties must find -----------------------------------------------------------

original = {name: getattr(Core, name) for name in vars(Core) if callable(getattr(Core, name))}


def two_votes(self: Core, args: RequestVoteArgs) -> RequestVoteReply:
    self.voted_for = None
    reply: RequestVoteReply = original["_handle_request_vote"](self, args)
    return reply


def vote_not_saved(self: Core, args: RequestVoteArgs) -> RequestVoteReply:
    save = self._ready.save
    reply: RequestVoteReply = original["_handle_request_vote"](self, args)
    self._ready.save = save
    return reply


def old_answers_count(self: Core, peer: int, args: Any, reply: Any) -> None:
    original["_handle_response"](self, peer, msgspec.structs.replace(args, term=self.term), reply)


def tail_cut(self: Log, prev: int, entries: list[Entry]) -> bool:
    if prev < self.base:
        return False
    del self.terms[prev - self.base :], self.commands[prev - self.base :]
    for entry in entries:
        self.append(entry)
    return True


def conflict_kept(self: Log, prev: int, entries: list[Entry]) -> bool:
    new = entries[self.last_index - prev :] if prev + len(entries) > self.last_index else []
    for entry in new:
        self.append(entry)
    return bool(new)


def commit_beyond_the_last_new_entry(self: Core, args: AppendEntriesArgs) -> AppendEntriesReply:
    reply: AppendEntriesReply = original["_handle_append_entries"](self, args)
    if reply.success:
        self.commit = max(self.commit, min(args.leader_commit, self.log.last_index))
    return reply


def applied_again(self: Core, args: InstallSnapshotArgs) -> Any:
    applied = self.applied
    reply = original["_handle_install_snapshot"](self, args)
    self.applied = applied
    return reply


def one_too_few(self: Core, *args: Any) -> None:
    original["__init__"](self, *args)
    self.majority -= 1


BUGS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "a vote for any log": (Log, "is_up_to_date", lambda *_: True),
    "two votes in a term": (Core, "_handle_request_vote", two_votes),
    "vote not saved": (Core, "_handle_request_vote", vote_not_saved),
    "old answers count": (Core, "_handle_response", old_answers_count),
    "matching tail cut": (Log, "merge", tail_cut),
    "conflict kept": (Log, "merge", conflict_kept),
    "any log agrees": (Log, "match_term", lambda self, index, term: index <= self.last_index),
    "commit too far": (Core, "_handle_append_entries", commit_beyond_the_last_new_entry),
    "applied again": (Core, "_handle_install_snapshot", applied_again),
    "one too few": (Core, "__init__", one_too_few),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_properties_find_a_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = BUGS[bug]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises((Broken, IndexError)):
        for seed in range(1_000):
            size, plan = plan_of(seed)
            play(Net(size), plan)
