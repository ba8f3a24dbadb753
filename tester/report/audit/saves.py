"""The rule of what outlives a crash: what others know of a server, it still knows."""

from __future__ import annotations

from collections.abc import Iterator

from tester.report.audit.group import Group, changed, differing
from tester.report.audit.messages import Message
from tester.report.audit.servers import State
from tester.report.broken import Broken

RULE = "Term, vote and log are saved before a server answers or sends anything that shows them"
SOURCE = "Raft paper, section 5, and Persistent state in Figure 2"


def broken(group: Group) -> Iterator[Broken]:
    """Each restart after which a server knows less than others know of it."""
    for name, starts in group.servers.starts.items():
        for start in starts:
            after = group.woken(name, start)
            if after is not None:
                yield from _forgotten(group, name, start, after)


def _forgotten(group: Group, name: str, start: int, after: State) -> Iterator[Broken]:
    before = group.servers.before(name, start)
    shown = _shown(group, name, start)
    term, witness = max(shown, key=lambda one: one[0], default=(-1, None))
    if after.term < term and witness is not None:
        said = f"It had sent or answered messages of term {term}"
        yield _less(group, name, start, before, after, witness, "term", said)
        return
    if not (before.describes and after.describes):
        return
    vote = _last_vote(group, name, start)
    if vote is not None and (before.vote_term, before.vote) == vote[:2] and after.vote != vote[1]:
        term, whom, message = vote
        said = f"It had voted for s{whom} in term {term}"
        if message.sender == name:
            said = f"It had stood for election in term {term}, which is a vote for itself"
        yield _less(group, name, start, before, after, message, "vote", said)
        return
    index, acknowledged = _acknowledged(group, name, start, before)
    if after.last < index and acknowledged is not None:
        said = f"It had answered that it has all entries up to {index}"
        yield _less(group, name, start, before, after, acknowledged, "log", said)
    elif after.last < before.applied:
        said = f"It had applied all entries up to {before.applied}"
        yield _less(group, name, start, before, after, None, "log", said)


def _arrivals(message: Message, name: str) -> list[int]:
    return message.request.arrivals if message.receiver == name else []


def _shown(group: Group, name: str, until: int) -> list[tuple[int, Message]]:
    """The terms that a server has let others know, with the message."""
    shown = []
    for message in group.messages:
        if message.sender == name and message.request.sent < until:
            shown.append((message.term, message))
        answered = message.answered
        if message.receiver == name and answered is not None and answered < until:
            shown.append((message.reply_term or -1, message))
    return shown


def _last_vote(group: Group, name: str, until: int) -> tuple[int, int, Message] | None:
    """The latest term in which it has voted, for whom, and the message that shows it."""
    numbers = {server: at for at, server in enumerate(group.servers.names)}
    found = None
    for message in group.of("vote"):
        given = None
        if message.sender == name and message.request.sent < until:
            given = message.term, numbers[name], message
        elif message.receiver == name and message.agreed and (message.answered or until) < until:
            given = message.term, numbers[message.sender], message
        if given is not None and (found is None or given[0] > found[0]):
            found = given
    return found


def _acknowledged(
    group: Group, name: str, until: int, before: State
) -> tuple[int, Message | None]:
    """Up to where it has answered that it has the log it went down with, and to what."""
    best: tuple[int, Message | None] = 0, None
    for message in group.of("append"):
        answered, last = message.answered, message.last
        if message.receiver != name or not message.agreed or last is None or answered is None:
            continue
        if answered >= until or last <= best[0] or not message.entries:
            continue
        if before.term_at(last) == message.entries[-1]:
            best = last, message
    return best


def _less(
    group: Group,
    name: str,
    start: int,
    before: State,
    after: State,
    message: Message | None,
    what: str,
    said: str,
) -> Broken:
    number = f" (#{message.rpc})" if message is not None else ""
    down = max((at for at in group.servers.downs[name] if at < start), default=start)
    differs = changed(before, after)
    words = differing(before, after)
    sentence = f"{said}{number}, and was restarted: {words}."
    got = [
        one
        for one in group.of("append")
        if any(start < at < after.place for at in _arrivals(one, name))
    ]
    if what == "log" and got:  # before it was looked at, that may have changed its log
        sentence = f"{said}{number}, and was restarted and got #{got[-1].rpc}: {words}."
    loss = group.lost_writes(name, down, start)
    if loss:
        saves = "a save" if loss == 1 else f"{loss} saves"
        sentence += f" The power failure took {saves} that had not been synced."
    forgot = {"term": "forgot its term", "vote": "forgot its vote", "log": "lost entries"}[what]
    return Broken(
        start,
        sentence.replace("It", name, 1),
        f"{name} {forgot} when it restarted: {differs}",
        RULE,
        SOURCE,
        cause=message.answered if message is not None and message.receiver == name else down,
        others=[one.rpc for one in (message, *got[-1:]) if one is not None],
        events=[down],
        servers=[name],
        index=after.last + 1 if after.last < before.last else None,
    )
