"""The audit of a Raft group: the first rule of the paper that a server broke, if one did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from tester.report.audit import commits, logs, progress, saves, snapshots, starts, votes
from tester.report.audit.group import Group
from tester.report.audit.messages import Message
from tester.report.broken import Broken
from tester.report.exchange import Request
from tester.world.failure import Stuck, TooManyRpcs, message
from tester.world.run import Outcome

_SAFETY: Final = (
    votes.broken,
    saves.broken,
    logs.broken,
    snapshots.broken,
    commits.broken,
    starts.broken,
)
_PAPER: Final = {
    "ElectionSafetyViolated": ("A term has at most one leader", "Election Safety in Figure 3"),
    "StateMachineSafetyViolated": (
        "No two servers apply different commands at one index",
        "State Machine Safety in Figure 3",
    ),
    "AppliedOutOfOrder": (
        "Each index is applied once, in the order of the log",
        "lastApplied in Figure 2",
    ),
    "AppliedWithoutAMajority": (
        "Only what is committed is applied: what a majority has",
        "section 5.3",
    ),
    "CommitWentBack": ("A commit index only grows", "Volatile state in Figure 2"),
    "TermWentBack": ("Terms only grow", "section 5.1"),
    "VotedTwice": ("A server gives one vote a term", "section 5.2"),
    "LeaderOverwroteItsLog": ("A leader only appends", "Leader Append-Only in Figure 3"),
    "LogMatchingViolated": (
        "Logs that have an entry of one index and term are equal up to it",
        "Log Matching in Figure 3",
    ),
    "LeaderIncomplete": (
        "A leader has every entry that was committed before its term",
        "Leader Completeness in Figure 3",
    ),
    "CommittedEntryLost": ("What is committed stays", "section 5.3"),
    "SnapshotLost": ("A snapshot is replaced only by one that covers more", "section 7"),
}
"""The verdicts of Raft's suite: the rule each stands for, and where the paper has it."""
_JUST_US: Final = 1_000
"""What came in so short a time before may have led to the end."""
_CLAUSE: Final = re.compile(r"(?<![\"']): (?=[a-z])|, but |\. (?=[A-Z])")
_WHO: Final = re.compile(r"\bs\d+\b")


def group_of(outcome: Outcome, sent: Sequence[Request]) -> Group | None:
    """The Raft group of a run that kept its trace; None if there is none."""
    group = Group(outcome, sent)
    return group if len(group.servers.states) > 1 else None


def unsafe(group: Group) -> Broken | None:
    """The first event that must never happen, whatever becomes of the run."""
    found = [broken for rule in _SAFETY for broken in rule(group)]
    return min(found, key=attrgetter("place"), default=None)


def without_progress(group: Group) -> Broken | None:
    """What should have happened in a run that got stuck, or sent too much, and did not."""
    match group.outcome.error:
        case Stuck():
            return progress.stuck(group)
        case TooManyRpcs():
            return progress.restless(group) or progress.waste(group)
    return progress.restless(group)


def judged(group: Group) -> Broken | None:
    """What a verdict of Raft's suite says, where no earlier event explains it."""
    error = group.outcome.error
    rule, source = _PAPER.get(group.outcome.kind, ("", ""))
    if not rule or error is None:
        return None
    said = message(error)
    named = [name for name in dict.fromkeys(_WHO.findall(said)) if name in group.servers.states]
    near = _last_heard(group, named[0]) if named else None
    return Broken(
        len(group.outcome.trace) - 1,
        f"{said.rstrip('.')} (Raft paper, {source}).",
        _CLAUSE.split(said, maxsplit=1)[0],
        rule,
        f"Raft paper, {source}",
        cause=None if near is None else near.arrived,
        others=[] if near is None else [near.rpc],
        servers=named,
    )


def _last_heard(group: Group, name: str) -> Message | None:
    """The request that reached a server at the very end of the run, if one did."""
    end_us = group.servers.times[-1]
    for sent in reversed(group.messages):
        request = sent.request
        for at in (*request.arrivals, *(place for place, _ in request.answers)):
            if sent.receiver == name and end_us - group.servers.times[at] <= _JUST_US:
                return sent
    return None
