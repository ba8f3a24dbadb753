"""Why a Raft group does not get on: refused votes, elections that nobody starts, retries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from linearizability.verdict import counted
from tester.report.audit.behind import behind
from tester.report.audit.group import Group, entry
from tester.report.audit.messages import Message
from tester.report.broken import Broken, listed
from tester.world.history import seconds

_SILENT_US: Final = 2_000_000
"""Whoever hears from no leader starts an election in less time."""
_CALM_US: Final = 100_000
"""A heartbeat so short ago keeps from an election: the lab allows ten heartbeats a second."""
_SAME_US: Final = 1_000
_SPLITS: Final = 3
"""After this many split votes in a row, chance is not to blame."""
_REFUSED: Final = 3
"""A leader that has sent the same so often after a refusal does not go back."""
_ONE_BY_ONE: Final = 20

VOTE = (
    "A server that has not voted in a term votes for a candidate whose log is at least as "
    "up-to-date as its own"
)
VOTE_SOURCE = "Raft paper, sections 5.2 and 5.4.1"
TIMER = "Only the leader of the term, and a vote that is given, reset the election timer"
TIMER_SOURCE = "Raft paper, Rules for Servers, Followers, in Figure 2"
ELECTS = "A server that hears from no leader for an election timeout starts an election"
RANDOM = "Election timeouts are chosen at random, anew each time, so that split votes are rare"
RANDOM_SOURCE = "Raft paper, section 5.2"
RETRY = "After a refusal the leader decrements nextIndex, and tries again"
RETRY_SOURCE = "Raft paper, section 5.3"
FAST = "A refusal tells where the logs may agree, so that whole terms are skipped"


def stuck(group: Group) -> Broken | None:
    """The first reason found why nothing gets on."""
    whys = (_wrongly_refused, _split, _calmed, _does_not_go_back, _one_by_one, _too_soon, behind)
    for why in whys:
        found = next(why(group), None)
        if found is not None:
            return found
    return None


def restless(group: Group) -> Broken | None:
    """Why the group did more than it had to."""
    for why in (_too_soon, _one_by_one):
        found = next(why(group), None)
        if found is not None:
            return found
    return None


# -- elections ----------------------------------------------------------------------------------


def _wrongly_refused(group: Group) -> Iterator[Broken]:
    for message in sorted(group.of("vote"), key=lambda one: one.answered or 0):
        arrived, answered, who = message.arrived, message.answered, message.receiver
        if message.agreed is not False or arrived is None or answered is None:
            continue
        if message.reply_term != message.term or None in (message.index, message.index_term):
            continue
        candidate = group.servers.names.index(message.sender)
        states = group.servers.known(who, arrived, answered)
        free = all(
            state.describes
            and not state.leads
            and state.term <= message.term
            and not (state.vote_term == message.term and state.vote not in {-1, candidate})
            and ((message.index_term or 0), (message.index or 0)) >= (state.last_term, state.last)
            for state in states
        )
        if free:
            yield _refused(message, entry(states[0].last, states[0].last_term))


def _refused(message: Message, own: str) -> Broken:
    who, whom = message.receiver, message.sender
    theirs = entry(message.index or 0, message.index_term or 0)
    return Broken(
        message.answered or 0,
        f"{who} refused {whom} its vote in term {message.term} (#{message.rpc}), in which it had "
        f"not voted. {whom}'s log ends with {theirs}, its own with {own}: the later term decides, "
        "and the length only between equal terms.",
        f"{who} refused its vote to {whom}, whose log is at least as up-to-date",
        VOTE,
        VOTE_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[who, whom],
    )


def _campaigns(group: Group) -> list[Message]:
    """The first request for a vote of each candidate in each term."""
    found: dict[tuple[str, int], Message] = {}
    for message in group.of("vote"):
        found.setdefault((message.sender, message.term), message)
    return list(found.values())


def _split(group: Group) -> Iterator[Broken]:
    """Candidates that ask at the same instant, term after term."""
    terms: dict[int, list[Message]] = {}
    for message in _campaigns(group):
        terms.setdefault(message.term, []).append(message)
    together = []
    for term in sorted(terms):
        times = [message.request.sent_us for message in terms[term]]
        if len(times) > 1 and max(times) - min(times) <= _SAME_US:
            together.append(term)
        elif len(together) >= _SPLITS:
            break
        else:
            together = []
    if len(together) < _SPLITS:
        return
    last = terms[together[-1]]
    names = sorted(message.sender for message in last)
    first = terms[together[0]]
    yield Broken(
        last[0].request.sent,
        f"In each of the terms {together[0]} to {together[-1]}, {listed(names)} asked for votes "
        "at the same instant, and each voted for itself.",
        f"votes split in {len(together)} terms in a row: {listed(names)} stand at one instant",
        RANDOM,
        RANDOM_SOURCE,
        cause=first[0].request.sent,
        others=[message.rpc for message in [*first[:2], *last[:2]]],
        servers=names,
    )


def _calmed(group: Group) -> Iterator[Broken]:
    """Servers that start no election, and what they heard meanwhile."""
    if not group.tells_all:
        return
    end_us = group.servers.times[-1]
    silent = [name for name in group.servers.names if _is_up(group, name)]
    stale: list[Message] = []
    refused: list[Message] = []
    since: dict[str, int] = {}
    for name in list(silent):
        state = group.servers.states[name][-1]
        last_us, heard_stale, heard_refused = _last_reason(group, name, state.term)
        if state.leads or end_us - last_us < _SILENT_US:
            silent.remove(name)
            continue
        since[name] = last_us
        stale += [one for one in heard_stale if one.request.arrived_us >= last_us]
        refused += [one for one in heard_refused if one.request.arrived_us >= last_us]
    if not silent:
        return
    start = seconds(max(since.values()))
    who = listed(silent)
    has = "has" if len(silent) == 1 else "have"
    it = "it" if len(silent) == 1 else "they"
    if stale:
        senders = listed(sorted({one.sender for one in stale}))
        heard = (
            f" Meanwhile {it} got {counted(len(stale), 'message')} of {senders}, a leader of an "
            f"older term, the last one as #{stale[-1].rpc}."
        )
    elif refused:
        heard = (
            f" Meanwhile {it} refused {counted(len(refused), 'request')} for a vote, the last "
            f"one #{refused[-1].rpc}."
        )
    else:
        heard = f" Meanwhile {it} heard from no leader, and gave no vote."
    calming = stale or refused
    place = (calming[-1].answered or 0) if calming else len(group.servers.times) - 1
    yield Broken(
        place,
        f"{who} {has} started no election since {start} s.{heard}",
        f"{who} {has} started no election for {(end_us - max(since.values())) / 1e6:.1f} s",
        TIMER if calming else ELECTS,
        TIMER_SOURCE,
        cause=calming[0].arrived if calming else None,
        others=[calming[-1].rpc] if calming else [],
        servers=group.servers.names,
    )


def _is_up(group: Group, name: str) -> bool:
    downs, starts = group.servers.downs[name], group.servers.starts[name]
    return max(starts, default=-1) >= max(downs, default=-1)


def _last_reason(group: Group, name: str, term: int) -> tuple[int, list[Message], list[Message]]:
    """When a server last stood, voted, restarted or heard a leader; and what else it heard."""
    times = group.servers.times
    last = max((times[at] for at in group.servers.starts[name]), default=0)
    stale, refused = [], []
    for message in group.messages:
        if message.sender == name and message.kind == "vote":
            last = max(last, message.request.sent_us)
        if message.sender == name and message.kind == "append":
            last = max(last, message.request.sent_us)  # it led
        if message.receiver != name or message.arrived is None or message.answered is None:
            continue
        if message.kind == "vote":
            if message.agreed is False:
                refused.append(message)
            else:
                last = max(last, message.request.answered_us)
        elif message.term < (message.reply_term or 0) or message.term < term:
            stale.append(message)
        else:
            last = max(last, message.request.arrived_us)
    return last, stale, refused


def _too_soon(group: Group) -> Iterator[Broken]:
    """An election right after a heartbeat of the leader of the term."""
    for campaign in sorted(_campaigns(group), key=lambda one: one.request.sent):
        name, start = campaign.sender, campaign.request.sent
        state = group.servers.before(name, start)
        calls = [
            message
            for message in group.of("append")
            if message.receiver == name
            and message.term >= campaign.term - 1
            and message.answered is not None
            and message.answered < start
            and message.agreed
        ]
        last = max(calls, key=lambda one: one.request.arrived_us, default=None)
        if last is None or last.term != campaign.term - 1 or state.leads:
            continue
        gap = campaign.request.sent_us - last.request.arrived_us
        if gap < _CALM_US:
            yield Broken(
                start,
                f"{name} started an election for term {campaign.term} (#{campaign.rpc}) "
                f"{gap / 1e6:.3f} s after it had got #{last.rpc} of {last.sender}, the leader of "
                "its term.",
                f"{name} starts an election though its leader has just called",
                "What the leader of the term sends resets the election timer",
                TIMER_SOURCE,
                cause=last.arrived,
                rpc=campaign.rpc,
                others=[last.rpc],
                servers=[name, last.sender],
            )


# -- retries ------------------------------------------------------------------------------------


def _refusals(group: Group) -> Iterator[list[Message]]:
    """What each leader sent each follower that was refused, one after the other."""
    runs: dict[tuple[str, str, int], list[Message]] = {}
    for message in group.of("append"):
        key = message.sender, message.receiver, message.term
        if message.heard is None or message.reply_term != message.term:
            continue
        if message.agreed is False and message.index is not None:
            runs.setdefault(key, []).append(message)
        elif message.agreed and key in runs:
            yield runs.pop(key)
    yield from runs.values()


def _does_not_go_back(group: Group) -> Iterator[Broken]:
    """A leader that was refused, and sends neither what comes before, nor a snapshot."""
    refused: dict[tuple[str, str, int], Message] = {}
    again: dict[tuple[str, str, int], list[Message]] = {}
    events = sorted(
        [(m.request.sent, 0, m) for m in group.messages if m.kind != "vote"]
        + [(m.heard, 1, m) for m in group.of("append") if m.heard is not None],
        key=lambda event: event[:2],
    )
    for _, is_answer, message in events:
        key = message.sender, message.receiver, message.term
        first = refused.get(key)
        if is_answer and message.agreed is False and message.reply_term == message.term:
            refused.setdefault(key, message)
            continue
        if first is None or message.index is None or first.index is None:
            continue
        if message.agreed or message.kind == "snapshot" or message.index < first.index:
            refused.pop(key)
            again.pop(key, None)
        elif not is_answer and message.request.sent > (first.heard or 0):
            again.setdefault(key, []).append(message)
            if len(again[key]) > _REFUSED:
                yield _stays(first, again[key])


def _stays(first: Message, again: list[Message]) -> Broken:
    sender, receiver, last = first.sender, first.receiver, again[-1]
    return Broken(
        last.request.sent,
        f"{receiver} refused #{first.rpc} of {sender}, which follows entry {first.index}, and "
        f"{sender} never tried an earlier one: #{again[0].rpc} to #{last.rpc} follow entry "
        f"{again[0].index}{'' if last.index == again[0].index else f' to {last.index}'}.",
        f"{sender} does not go back after {receiver} has refused",
        RETRY,
        RETRY_SOURCE,
        cause=first.heard,
        rpc=last.rpc,
        others=[first.rpc, again[0].rpc],
        servers=[sender, receiver],
        index=first.index,
    )


def _one_by_one(group: Group) -> Iterator[Broken]:
    for run in _refusals(group):
        steps = [a.index - b.index for a, b in pairwise(run) if a.index and b.index is not None]
        if len(steps) < _ONE_BY_ONE or any(step not in {0, 1} for step in steps):
            continue
        first, last = run[0], run[-1]
        yield Broken(
            last.answered or 0,
            f"{first.receiver} refused {len(run)} requests of {first.sender} one after the other, "
            f"#{first.rpc} to #{last.rpc}: prevLogIndex went from {first.index} to {last.index}, "
            "by one at a time.",
            f"{first.sender} looks for where the logs agree one entry at a time",
            FAST,
            "Raft paper, at the end of section 5.3",
            cause=first.arrived,
            rpc=last.rpc,
            others=[first.rpc, run[1].rpc],
            servers=[first.sender, first.receiver],
            index=last.index,
        )


# -- too many messages ----------------------------------------------------------------------------


def waste(group: Group) -> Broken | None:
    """What was sent that need not be: entries once more, or heartbeats at a high rate."""
    return next(_sent_again(group), None) or next(_storm(group), None)


def _sent_again(group: Group) -> Iterator[Broken]:
    """Entries that the follower had said it has already."""
    has: dict[tuple[str, str, int], Message] = {}
    events = sorted(
        [(message.request.sent, 0, message) for message in group.of("append")]
        + [(m.heard, 1, m) for m in group.of("append") if m.heard is not None and m.agreed],
        key=lambda event: event[:2],
    )
    for place, is_answer, message in events:
        key = message.sender, message.receiver, message.term
        known = has.get(key)
        if is_answer:
            if known is None or (message.last or 0) > (known.last or 0):
                has[key] = message
        elif (
            known is not None and message.entries and (message.index or 0) + 1 <= (known.last or 0)
        ):
            first = (message.index or 0) + 1
            yield Broken(
                place,
                f"{message.sender} sent {message.receiver} the entries {first} to {message.last} "
                f"(#{message.rpc}), and {message.receiver} had answered #{known.rpc}: it has all "
                f"up to {known.last}.",
                f"{message.sender} sends {message.receiver} entries that it has already",
                "A leader sends the entries from nextIndex on",
                RETRY_SOURCE,
                cause=known.heard,
                rpc=message.rpc,
                others=[known.rpc],
                servers=[message.sender, message.receiver],
                index=first,
            )


def _storm(group: Group) -> Iterator[Broken]:
    """Heartbeats at a rate that no lab allows."""
    lanes: dict[tuple[str, str], list[Message]] = {}
    for message in group.of("append"):
        if message.entries == []:
            lanes.setdefault((message.sender, message.receiver), []).append(message)
    for (sender, receiver), sent in lanes.items():
        gaps = sorted(b.request.sent_us - a.request.sent_us for a, b in pairwise(sent))
        if len(gaps) < _REFUSED or gaps[len(gaps) // 2] >= _CALM_US * 4 // 5:
            continue
        gap = gaps[len(gaps) // 2]
        yield Broken(
            sent[-1].request.sent,
            f"{sender} sent {receiver} {len(sent)} heartbeats, #{sent[0].rpc} to #{sent[-1].rpc}, "
            f"one every {gap / 1e6:.3f} s.",
            f"{sender} sends a heartbeat every {gap / 1e6:.3f} s",
            "A leader sends no more than about ten heartbeats a second",
            "Lab 3, part A",
            cause=sent[0].request.sent,
            rpc=sent[-1].rpc,
            others=[sent[0].rpc, sent[1].rpc],
            servers=[sender],
        )
