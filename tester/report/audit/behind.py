"""What a Raft group that is stuck has, and does not commit, send on or apply."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from tester.report.audit.group import Group, entry
from tester.report.audit.messages import Message
from tester.report.audit.servers import State
from tester.report.broken import Broken, listed
from tester.world.history import seconds

_LATE_US: Final = 1_000_000
"""What has not been done for so long was not about to be done."""
_AGAIN: Final = 3
"""A leader that leaves an entry out of so many requests in a row does not mean to send it."""

COMMITS = "A leader commits an entry of its own term as soon as a majority has it"
COMMITS_SOURCE = "Raft paper, section 5.3, and Rules for Servers, Leaders, in Figure 2"
FOLLOWS = "A follower that has an entry commits it when leaderCommit says that the leader has"
FOLLOWS_SOURCE = "Raft paper, AppendEntries, receiver, 5, in Figure 2"
APPLIES = "A server applies what is committed: lastApplied goes up to commitIndex"
APPLIES_SOURCE = "Raft paper, Rules for Servers, All Servers, in Figure 2"
SENDS = "A leader sends each follower the entries from nextIndex on, until it has them all"
SENDS_SOURCE = "Raft paper, Rules for Servers, Leaders, in Figure 2"


def behind(group: Group) -> Iterator[Broken]:
    """What should have come of what the servers have; the first reason that is found."""
    for rule in (_not_committed, _not_followed, _not_applied, _not_sent):
        found = min(rule(group), key=attrgetter("place"), default=None)
        if found is not None:
            yield found


def _end(group: Group) -> int:
    return len(group.servers.times)


def _now(group: Group, name: str) -> State:
    """How a server is at the end."""
    return group.servers.before(name, _end(group))


def _is_up(group: Group, name: str) -> bool:
    downs, starts = group.servers.downs[name], group.servers.starts[name]
    return not downs or bool(starts and starts[-1] > downs[-1])


def _leaders(group: Group) -> list[tuple[str, State]]:
    """Who leads at the end, the newest term first.

    What a leader owes, it owes until it hears of a newer term, whoever may have one by then.
    """
    now = [(name, _now(group, name)) for name in group.servers.names if _is_up(group, name)]
    found = [(name, state) for name, state in now if state.leads and not state.busy]
    return sorted(found, key=lambda one: -one[1].term)


def _is_late(group: Group, place: int) -> bool:
    times = group.servers.times
    return times[-1] - times[place] >= _LATE_US


def _appended(group: Group, name: str, term: int) -> list[Message]:
    """What a leader sent in its term to append, and heard of that it was done, as it heard it."""
    found = [
        message
        for message in group.of("append")
        if message.sender == name
        and message.term == term
        and message.agreed
        and message.heard is not None
        and message.last is not None
    ]
    return sorted(found, key=lambda message: message.heard or 0)


def _not_committed(group: Group) -> Iterator[Broken]:
    """A leader that has heard from a majority that it has an entry, and does not commit it."""
    for name, state in _leaders(group):
        yield from _withheld(group, name, state)


def _withheld(group: Group, name: str, state: State) -> Iterator[Broken]:
    if not state.describes and not _tells_applied(group):
        return
    done = state.commit if state.describes else state.applied
    terms = _terms(group, name, state.term)
    has: dict[str, Message] = {}
    for message in _appended(group, name, state.term):
        before = has.get(message.receiver)
        if before is None or (message.last or 0) > (before.last or 0):
            has[message.receiver] = message
        counts = sorted([one.last or 0 for one in has.values()], reverse=True)
        needed = group.servers.majority - 2  # the leader has it itself
        index = counts[needed] if 0 <= needed < len(counts) else 0
        place = message.heard or 0
        if index <= done or terms.get(index) != state.term:
            continue
        if not _is_late(group, place):
            return
        those = [one for one in has.values() if (one.last or 0) >= index]
        said = listed([f"{one.receiver} (#{one.rpc})" for one in those])
        shows = state.describes
        reached = f"the commit index of {name} was" if shows else f"{name} had applied up to"
        yield Broken(
            place,
            f"{name} leads term {state.term}, and {said} answered that {_they(those)} all entries "
            f"up to {index}: with {name} itself, {len(those) + 1} of {len(group.servers.names)} "
            f"servers have {entry(index, state.term)}, and "
            f"{group.servers.majority} are needed. At {seconds(group.servers.times[-1])} s "
            f"{reached} {done}.",
            f"{name} does not commit entry {index}, which a majority has",
            COMMITS,
            COMMITS_SOURCE,
            cause=those[0].request.sent,
            rpc=message.rpc,
            others=[one.rpc for one in those],
            servers=group.servers.names,
            index=index,
        )
        return


def _terms(group: Group, name: str, term: int) -> dict[int, int]:
    """The terms of the entries that a leader has sent in its term, by their index."""
    found: dict[int, int] = {}
    for message in group.of("append"):
        if (message.sender, message.term) != (name, term) or message.index is None:
            continue
        for at, one in enumerate(message.entries or ()):
            found[message.index + 1 + at] = one
    return found


def _tells_applied(group: Group) -> bool:
    """Whether services tell what was applied, by its index."""
    return any(one.what == "started" and one.data for one in group.outcome.observations)


def _they(those: list[Message]) -> str:
    return "it has" if len(those) == 1 else "they have"


def _not_followed(group: Group) -> Iterator[Broken]:
    """A follower that has entries, was told that they are committed, and does not commit them."""
    for name in group.servers.names:
        state = _now(group, name)
        if not _is_up(group, name) or not state.describes or state.leads:
            continue
        for message in group.of("append"):
            place = message.answered
            if message.receiver != name or not message.agreed or place is None:
                continue
            index = min(message.commit or 0, message.last or 0)
            since = max(group.servers.starts[name], default=0)
            if index <= state.commit or place < since or not _is_late(group, place):
                continue
            yield Broken(
                place,
                f"{name} answered #{message.rpc} that it has all entries up to {message.last}; "
                f"leaderCommit was {message.commit}, and at "
                f"{seconds(group.servers.times[-1])} s its own commit index was {state.commit}.",
                f"{name} does not commit entry {index}, which {message.sender} has committed",
                FOLLOWS,
                FOLLOWS_SOURCE,
                cause=message.arrived,
                rpc=message.rpc,
                servers=[message.sender, name],
                index=index,
            )
            break


def _not_applied(group: Group) -> Iterator[Broken]:
    """A server that has committed an entry, and does not hand it to its service."""
    if not _tells_applied(group):
        return
    for name in group.servers.names:
        now = _now(group, name)
        if not _is_up(group, name) or not now.describes or now.applied >= now.commit:
            continue
        since = next(
            one
            for one in group.servers.states[name]
            if one.life == now.life and one.commit > now.applied
        )
        place = group.servers.event(name, since)
        if not _is_late(group, place):
            continue
        index = now.applied + 1
        yield Broken(
            place,
            f"The commit index of {name} has been {since.commit} since "
            f"{seconds(since.time_us)} s, and at {seconds(group.servers.times[-1])} s it had "
            f"applied {f'the entries up to {now.applied}' if now.applied else 'nothing'}.",
            f"{name} does not apply entry {index}, which it has committed",
            APPLIES,
            APPLIES_SOURCE,
            seen=since.place,
            servers=[name],
            index=index,
        )


def _not_sent(group: Group) -> Iterator[Broken]:
    """A leader that has an entry, and leaves it out of what a follower gets and agrees to."""
    pairs = [(*led, name) for led in _leaders(group) for name in group.servers.names]
    for name, state, follower in pairs:
        if not state.describes:
            continue
        without = [one for one in _appended(group, name, state.term) if one.receiver == follower]
        if len(without) < _AGAIN or (without[-1].last or 0) >= state.last:
            continue
        index = (without[-1].last or 0) + 1
        since = next(
            (
                one
                for one in group.servers.states[name]
                if one.life == state.life and one.term == state.term and one.last >= index
            ),
            None,
        )
        later = [one for one in without if since is not None and one.request.sent > since.place]
        if since is None or len(later) < _AGAIN or not _is_late(group, later[0].heard or 0):
            continue
        if not group.tells_all or _has_sent(group, name, follower, since.place, index):
            continue
        first, last = later[0], later[-1]
        yield Broken(
            first.heard or 0,
            f"{name} has had {entry(index, state.term_at(index) or state.term)} since "
            f"{seconds(since.time_us)} s. {follower} agreed to {len(later)} of its requests "
            f"since then, #{first.rpc} to #{last.rpc}, and none of them had it.",
            f"{name} does not send {follower} entry {index}",
            SENDS,
            SENDS_SOURCE,
            cause=first.request.sent,
            rpc=first.rpc,
            others=[first.rpc, last.rpc],
            servers=[name, follower],
            index=index,
        )


def _has_sent(group: Group, name: str, follower: str, place: int, index: int) -> bool:
    """Whether a leader has sent an entry, with a snapshot or by what nobody can read perhaps."""
    return any(
        message.kind == "snapshot"
        or (message.request.sent > place and (message.last is None or message.last >= index))
        for message in group.messages
        if (message.sender, message.receiver) == (name, follower) and message.kind != "vote"
    )
