"""The rules of replication: when a follower agrees, what is deleted, what a leader sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from tester.report.audit.group import Group, entry
from tester.report.audit.messages import Message
from tester.report.audit.servers import State
from tester.report.broken import Broken

MATCHES = "A follower refuses entries if its log has none of prevLogTerm at prevLogIndex"
TAKES_OVER = "A follower that agrees has all the new entries in its log"
APPEND_SOURCE = "Raft paper, section 5.3, and AppendEntries in Figure 2"
DELETES = "Entries are deleted only if they conflict with new ones: same index, another term"
REPLACES = "An entry that conflicts with a new one is deleted with all that follow it"
KEEPS = "What follows a snapshot stays in the log"
SNAPSHOT_SOURCE = "Raft paper, section 7 and Figure 13"
APPENDS = "A leader only appends to its log"
APPENDS_SOURCE = "Raft paper, Leader Append-Only in Figure 3"
SENDS = "A leader sends what is in its log, with the term of the entry before"
OLD_TERM = "A request of an older term is refused"
NEW_TERM = "A server that sees a newer term takes it over, and is no longer leader"
_TAKEN_IN_US: Final = 200_000
"""Whoever was sent an answer has taken it in by then, unless it takes no notice of it."""
TERM_SOURCE = "Raft paper, section 5.1, and Rules for Servers in Figure 2"


def broken(group: Group) -> Iterator[Broken]:
    """The first time that each of the rules was broken."""
    for rule in (_agreements, _deletions, _unordered, _sent, _terms, _back):
        found = next(rule(group), None)
        if found is not None:
            yield found


# -- what a follower answers --------------------------------------------------------------------


def _agreements(group: Group) -> Iterator[Broken]:
    for message in sorted(group.of("append"), key=lambda one: one.answered or 0):
        arrived, answered = message.arrived, message.answered
        if not message.agreed or arrived is None or answered is None:
            continue
        states = group.servers.known(message.receiver, arrived, answered)
        if any(state.life != states[0].life for state in states):
            continue
        if message.term < min(state.term for state in states):
            yield _heeds_an_old_leader(message, states[0])
        elif all(state.describes for state in states):
            yield from _agrees_wrongly(group, message, states)


def _heeds_an_old_leader(message: Message, state: State) -> Broken:
    who = message.receiver
    return Broken(
        message.answered or 0,
        f"{who} was in term {state.term}, and agreed to #{message.rpc} of {message.sender}, the "
        f"leader of term {message.term}.",
        f"{who} in term {state.term} agreed to entries of term {message.term}",
        OLD_TERM,
        TERM_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[message.sender, who],
    )


def _agrees_wrongly(group: Group, message: Message, states: Sequence[State]) -> Iterator[Broken]:
    who, index, term = message.receiver, message.index, message.index_term
    assert message.answered is not None
    if index is None or term is None:
        return
    if not any(state.covers(index) or state.term_at(index) == term for state in states):
        state = states[0]
        has = _has_there(state, index)
        yield Broken(
            message.answered,
            f"{who} agreed to #{message.rpc} of {message.sender}, which follows entry {index} of "
            f"term {term}; its own log {has}.",
            f"{who} agreed to entries that do not follow what it has",
            MATCHES,
            APPEND_SOURCE,
            cause=message.arrived,
            rpc=message.rpc,
            servers=[message.sender, who],
            index=index,
        )
        return
    new = [*enumerate(message.entries or (), index + 1)]
    if any(_has(state, new) for state in states):
        return
    state = states[-1]
    at, wanted = next((at, t) for at, t in new if not _has(state, [(at, t)]))
    has = _has_there(state, at)
    yield Broken(
        message.answered,
        f"{who} agreed to #{message.rpc} of {message.sender}, which has an entry {at} of term "
        f"{wanted}; its own log {has}.",
        f"{who} agreed to entries that it has not taken over",
        TAKES_OVER,
        APPEND_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[message.sender, who],
        index=at,
    )


def _has(state: State, entries: Sequence[tuple[int, int]]) -> bool:
    return all(index <= state.base or state.term_at(index) == term for index, term in entries)


def _has_there(state: State, index: int) -> str:
    """What a log has at an index instead of what it should have there."""
    here = state.term_at(index)
    return f"ends at {state.last}" if here is None else f"has one of term {here} there"


# -- what is deleted ----------------------------------------------------------------------------


def _deletions(group: Group) -> Iterator[Broken]:
    found = [
        broken
        for name, states in group.servers.states.items()
        for before, after in pairwise(states)
        if before.life == after.life and before.describes and before.terms != after.terms
        for broken in _deleted(group, name, before, after)
    ]
    yield from sorted(found, key=lambda broken: broken.place)


def _deleted(group: Group, name: str, before: State, after: State) -> Iterator[Broken]:
    index = _first_changed(before, after)
    if index is None:
        return
    place = group.servers.event(name, after)
    had = before.term_at(index)
    last = _shown_range(index, before.last)
    if before.leads and after.leads and before.term == after.term:
        yield Broken(
            place,
            f"{name} leads term {before.term}, and {last} of its own log {_went(after, index)}.",
            f"{name} leads, and changed its own log from entry {index} on",
            APPENDS,
            APPENDS_SOURCE,
            seen=after.place,
            servers=[name],
            index=index,
        )
        return
    others = [one for one in group.messages if _conflicts(one, index, before, name, after.place)]
    if any(one.term >= _term_on_arrival(group, one) for one in others):
        return
    if others:
        yield _replaced_for_an_old_leader(others[-1], before, after, place, last, index)
        return
    if not group.tells_all:
        return
    own = [upto for who, upto, at in group.servers.snapshots if who == name and at < after.place]
    message = _latest(group, name, after.place)
    if after.base > before.base and after.base in own:
        said = (
            f"{name} discarded the log up to {after.base}, which a snapshot of its service covers"
        )
        rule, source = KEEPS, SNAPSHOT_SOURCE
    elif message is not None and message.kind == "snapshot":
        said = f"{name} took over a snapshot up to {after.base} (#{message.rpc})"
        rule, source = KEEPS, SNAPSHOT_SOURCE
    else:
        said = f"{name} got #{message.rpc}" if message is not None else f"{name} got nothing new"
        rule, source = DELETES, APPEND_SOURCE
    yield Broken(
        place,
        f"{said}, and {last} of its log {_went(after, index)}: no message had another entry "
        f"{index} than the one of term {had}.",
        f"{name} deleted {last}, which conflicted with nothing",
        rule,
        source,
        seen=after.place,
        cause=None if message is None else message.arrived,
        rpc=None,
        others=[] if message is None else [message.rpc],
        servers=[name] if message is None else [name, message.sender],
        index=index,
    )


def _term_on_arrival(group: Group, message: Message) -> int:
    assert message.arrived is not None
    return group.servers.before(message.receiver, message.arrived).term


def _replaced_for_an_old_leader(
    message: Message, before: State, after: State, place: int, last: str, index: int
) -> Broken:
    who = message.receiver
    return Broken(
        place,
        f"{who} was in term {before.term}, and {last} of its log {_went(after, index)} because of "
        f"#{message.rpc} of {message.sender}, the leader of term {message.term}.",
        f"{who} in term {before.term} heeds the leader of term {message.term}",
        OLD_TERM,
        TERM_SOURCE,
        seen=after.place,
        cause=message.arrived,
        others=[message.rpc],
        servers=[message.sender, who],
        index=index,
    )


def _first_changed(before: State, after: State) -> int | None:
    """The first entry that is not what it was, and that no snapshot has taken the place of."""
    for index in range(max(before.base, after.base) + 1, before.last + 1):
        if after.term_at(index) != before.term_at(index):
            return index
    return None


def _shown_range(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first} to {last}"


def _went(after: State, index: int) -> str:
    here = after.term_at(index)
    return "went" if here is None else f"gave way to one of term {here}"


def _conflicts(message: Message, index: int, before: State, name: str, until: int) -> bool:
    """Whether a message that has arrived had something else where an entry was."""
    if message.receiver != name or message.arrived is None or message.arrived >= until:
        return False
    if message.index is None:
        return True  # nobody knows what was in it
    if message.kind == "snapshot":
        same = before.term_at(message.index) == message.index_term
        return message.index >= index or (message.index == index - 1 and not same)
    if message.kind != "append":
        return False
    if message.entries is None:
        return True
    at = index - message.index - 1
    return 0 <= at < len(message.entries) and message.entries[at] != before.term_at(index)


def _latest(group: Group, name: str, until: int) -> Message | None:
    """The last message that may have changed a log."""
    arrived = [
        message
        for message in group.messages
        if message.receiver == name
        and message.kind != "vote"
        and (message.arrived or until) < until
    ]
    return max(
        arrived,
        key=lambda one: max(at for at in one.request.arrivals if at < until),
        default=None,
    )


def _unordered(group: Group) -> Iterator[Broken]:
    """A log in which an entry follows one of a later term: parts of two logs."""
    for name, states in group.servers.states.items():
        for before, after in pairwise(states):
            if before.terms is after.terms or before.life != after.life:
                continue
            terms = [after.base_term, *after.terms]
            at = next((i for i in range(1, len(terms)) if terms[i] < terms[i - 1]), None)
            if at is None:
                continue
            index = after.base + at
            message = _latest(group, name, after.place)
            by = "" if message is None else f" after #{message.rpc} of {message.sender}"
            yield Broken(
                group.servers.event(name, after),
                f"{name} has an entry {index} of term {terms[at]} after one of term "
                f"{terms[at - 1]} in its log{by}: they are of two logs that differ.",
                f"{name} keeps entry {index} of term {terms[at]} after one of term "
                f"{terms[at - 1]}",
                REPLACES,
                APPEND_SOURCE,
                seen=after.place,
                cause=None if message is None else message.arrived,
                others=[] if message is None else [message.rpc],
                servers=[name] if message is None else [message.sender, name],
                index=index,
            )


# -- what a leader sends ------------------------------------------------------------------------


def _sent(group: Group) -> Iterator[Broken]:
    for message in group.of("append"):
        place, sender = message.request.sent, message.sender
        states = group.servers.lately(sender, place)
        if message.index is None or message.index_term is None or message.entries is None:
            continue
        if not all(state.describes and state.life == states[0].life for state in states):
            continue
        wanted = [
            (message.index, message.index_term),
            *enumerate(message.entries, message.index + 1),
        ]
        wrong = [
            next(
                ((at, t) for at, t in wanted if not state.covers(at) and state.term_at(at) != t),
                None,
            )
            for state in states
        ]
        if None in wrong or states[0].term != message.term:
            continue
        at, term = wrong[0] or (0, 0)
        has = _has_there(states[0], at)
        yield Broken(
            place,
            f"{sender} sent {message.receiver} an {entry(at, term) if at else 'entry 0'} "
            f"(#{message.rpc}); its own log {has}.",
            f"{sender} sent other entries than its log has",
            SENDS,
            APPEND_SOURCE,
            rpc=message.rpc,
            servers=[sender, message.receiver],
            index=at,
        )


# -- terms --------------------------------------------------------------------------------------


def _terms(group: Group) -> Iterator[Broken]:
    """A server that goes on in its term, or leads on, though it has seen a newer one."""
    for message in sorted(group.messages, key=lambda one: one.answered or 0):
        answered, reply_term, who = message.answered, message.reply_term, message.receiver
        if answered is None or reply_term is None or message.arrived is None:
            continue
        if message.kind != "vote" and reply_term < message.term:
            after = group.servers.after(who, answered)
            if after.term < message.term:
                yield _keeps_its_term(message, reply_term)
        elif (state := group.servers.after(who, answered)).leads and state.term < message.term:
            yield _leads_on(group, message, state)
    yield from _ignored_answers(group)


def _keeps_its_term(message: Message, reply_term: int) -> Broken:
    who = message.receiver
    return Broken(
        message.answered or 0,
        f"{who} got #{message.rpc} of term {message.term}, answered with term {reply_term}, and "
        f"stayed in it.",
        f"{who} stays in term {reply_term} when it hears of term {message.term}",
        NEW_TERM,
        TERM_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[who, message.sender],
    )


def _leads_on(group: Group, message: Message, state: State) -> Broken:
    who = message.receiver
    return Broken(
        message.answered or 0,
        f"{who} leads term {state.term}, and leads on after #{message.rpc} of {message.sender}, "
        f"which is of term {message.term}.",
        f"{who} leads term {state.term} on when it hears of term {message.term}",
        NEW_TERM,
        TERM_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[who, message.sender],
    )


def _ignored_answers(group: Group) -> Iterator[Broken]:
    """A leader that still sends entries of its term after an answer of a newer one."""
    heard: dict[str, Message] = {}
    events = [(message.request.sent, False, message) for message in group.of("append")] + [
        (message.heard, True, message) for message in group.messages if message.heard is not None
    ]
    for place, is_answer, message in sorted(events, key=lambda event: event[0]):
        who = message.sender
        if is_answer:
            known = heard.get(who)
            newer = message.reply_term is not None and message.reply_term > message.term
            if newer and (known is None or (message.reply_term or 0) > (known.reply_term or 0)):
                heard[who] = message
            continue
        answer = heard.get(who)
        if answer is None or answer.heard is None or message.term >= (answer.reply_term or 0):
            continue
        later = group.servers.times[place] > group.servers.times[answer.heard] + _TAKEN_IN_US
        if later and group.servers.restarted(who, answer.heard, place) is None:
            yield Broken(
                place,
                f"{who} got the answer to #{answer.rpc}, of term {answer.reply_term}, and sends "
                f"entries of term {message.term} (#{message.rpc}).",
                f"{who} leads term {message.term} on after an answer of term {answer.reply_term}",
                NEW_TERM,
                TERM_SOURCE,
                cause=answer.heard,
                rpc=message.rpc,
                others=[answer.rpc],
                servers=[who, answer.receiver],
            )


def _back(group: Group) -> Iterator[Broken]:
    """A term that becomes less while a server runs."""
    for name, states in group.servers.states.items():
        for before, after in pairwise(states):
            if before.life != after.life or after.term >= before.term or after.term < 0:
                continue
            place = group.servers.event(name, after)
            last = next(
                (m for m in group.messages if place in (m.heard, m.answered, m.arrived)), None
            )
            by = (
                ""
                if last is None
                else f" by #{last.rpc}, whose answer is of term {last.reply_term}"
            )
            if last is not None and last.receiver == name:
                by = f" by #{last.rpc}, which is of term {last.term}"
            yield Broken(
                place,
                f"{name} was in term {before.term}, and was taken back to term {after.term}{by}.",
                f"{name} goes back from term {before.term} to term {after.term}",
                "Terms only grow",
                TERM_SOURCE,
                seen=after.place,
                others=[] if last is None else [last.rpc],
                servers=[name],
            )
