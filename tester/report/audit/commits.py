"""The rules of commitment: what a majority has, and what of it a follower knows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tester.report.audit.group import Group
from tester.report.audit.messages import Message
from tester.report.audit.servers import State
from tester.report.broken import Broken, listed

MAJORITY = "A leader commits an entry once a majority has answered that it has it"
OWN_TERM = "Only entries of the leader's own term are committed by counting servers"
FOLLOWS = "A follower commits up to leaderCommit, and no further than the last new entry"
LEADER_SOURCE = "Raft paper, section 5.3, and Rules for Leaders in Figure 2"
OWN_TERM_SOURCE = "Raft paper, section 5.4.2 and Figure 8"
FOLLOWER_SOURCE = "Raft paper, AppendEntries, step 5, in Figure 2"
BACK = "A commit index only grows while a server runs"
BACK_SOURCE = "Raft paper, Volatile state in Figure 2"


def broken(group: Group) -> Iterator[Broken]:
    """The first commit index that has no reason."""
    found = [
        broken
        for name, states in group.servers.states.items()
        for before, after in pairwise(states)
        if after.commit != before.commit or after.applied > max(before.applied, before.commit)
        for broken in _moved(group, name, before, after)
    ]
    yield from sorted(found, key=lambda broken: broken.place)[:1]


def _moved(group: Group, name: str, before: State, after: State) -> Iterator[Broken]:
    same = before.life == after.life
    if same and before.commit >= 0 and 0 <= after.commit < before.commit:
        yield _went_back(group, name, before, after)
        return
    index = after.commit if after.commit >= 0 else after.applied
    if after.busy or after.term < 0 or index <= max(after.base, before.base):
        return
    if not group.tells_all:
        return  # a message of an unknown kind may be the reason
    if not same and index <= before.commit:
        return
    if index <= _learnt(group, name, after.place, after.life):
        return
    led = _leading(group, name, after)
    if led is None:
        yield from _of_follower(group, name, index, before, after)
        return
    # In one step it may have got answers as a leader, and a message of a newer one.
    broken = next(_of_leader(group, name, index, before, after, led), None)
    if broken is not None:
        follows = _called_just_now(group, name, after)
        yield from _of_follower(group, name, index, before, after) if follows else [broken]


def _learnt(group: Group, name: str, until: int, life: int) -> int:
    """Up to where messages allow a server to commit as a follower, or snapshots say so."""
    allowed = 0
    for message in group.messages:
        if message.receiver != name or not _came(group, message, until, life):
            continue
        if message.kind == "snapshot":
            allowed = max(allowed, message.index or 0)
        elif message.kind == "append":
            if message.commit is None or message.last is None:
                return 1 << 62  # nobody knows what it said
            if message.agreed is not False:
                allowed = max(allowed, min(message.commit, message.last))
    return allowed


def _leading(group: Group, name: str, after: State) -> State | None:
    """How a server led when it moved its commit index, or just before; None if it did not."""
    found = None
    earlier: State | None = None
    for state in group.servers.states[name]:
        if state.time_us < after.time_us and state.life == after.life:
            earlier = state
        elif state.time_us == after.time_us and state.leads:
            found = state
    return found or (earlier if earlier is not None and earlier.leads else None)


def _called_just_now(group: Group, name: str, after: State) -> bool:
    """Whether entries or a heartbeat of another leader came at that instant."""
    return any(
        message.receiver == name and group.servers.times[at] == after.time_us
        for message in group.of("append")
        for at in message.request.arrivals
    )


def _came(group: Group, message: Message, until: int, life: int) -> bool:
    """Whether a message, or a copy of it, has reached its receiver in one life of it."""
    return any(
        at < until and group.servers.life_at(message.receiver, at) == life
        for at in message.request.arrivals
    )


def _of_leader(
    group: Group, name: str, index: int, before: State, after: State, state: State
) -> Iterator[Broken]:
    known: dict[str, Message] = {}
    beyond: list[Message] = []
    for message in group.messages:
        if message.sender != name or message.heard is None or message.heard >= after.place:
            continue
        if message.kind == "vote":
            continue
        upto = message.last if message.kind == "append" else message.index
        if upto is None or (message.kind == "append" and message.agreed is None):
            return  # nobody knows what it said
        said_yes = message.agreed if message.kind == "append" else True
        if not said_yes or (message.reply_term or 0) > message.term:
            continue
        if message.term == state.term and upto >= index:
            known.setdefault(message.receiver, message)
        elif group.servers.before(name, message.heard).term == state.term:
            beyond.append(message)
    who = [name, *known]
    if len(who) < group.servers.majority:
        yield _minority(group, name, index, state, after, known, beyond)
        return
    term = state.term_at(index)
    if term is not None and 0 <= term < state.term and index > before.commit:
        yield _old_term(group, name, index, term, state, after, known)


def _informs(group: Group, message: Message, after: State) -> bool:
    """Whether an answer may have moved the commit index: it came just then, or is an old one."""
    assert message.heard is not None
    return message.term != after.term or group.servers.times[message.heard] == after.time_us


def _minority(
    group: Group,
    name: str,
    index: int,
    state: State,
    after: State,
    known: dict[str, Message],
    beyond: list[Message],
) -> Broken:
    n, majority = len(group.servers.states), group.servers.majority
    who = [name, *known]
    have = "only its own log is" if not known else f"only the logs of {listed(who)} are"
    sentence = (
        f"{name}, leader of term {state.term}, commits up to entry {index}, and {have} known to "
        f"have it: {len(who)} of {n}; {majority} are needed."
    )
    others = [message.rpc for message in known.values()]
    last = [one for one in beyond if one.receiver not in known and _informs(group, one, after)]
    last = last[-2:]
    old: dict[int, list[str]] = {}
    for message in last:
        upto = message.last if message.kind == "append" else message.index
        if message.term == state.term:
            sentence += f" #{message.rpc} was answered for the entries up to {upto}."
        else:
            old.setdefault(message.term, []).append(f"#{message.rpc}")
        others.append(message.rpc)
    for term, numbers in old.items():
        were = "was" if len(numbers) == 1 else "were"
        sentence += (
            f" {listed(numbers)} {were} sent and answered in term {term}: that says nothing about "
            f"term {state.term}."
        )
    return Broken(
        _seen(group, name, after),
        sentence,
        f"{name} commits entry {index}, which is known to be on only {len(who)} of {n} servers",
        MAJORITY,
        LEADER_SOURCE,
        cause=last[-1].heard if last else None,
        others=others,
        seen=after.place,
        servers=group.servers.names,
        index=index,
    )


def _old_term(
    group: Group,
    name: str,
    index: int,
    term: int,
    state: State,
    after: State,
    known: dict[str, Message],
) -> Broken:
    who = [name, *known]
    last = max(known.values(), key=lambda message: message.heard or 0)
    return Broken(
        _seen(group, name, after),
        f"{name}, leader of term {state.term}, commits entry {index} of term {term} because "
        f"{listed(who)} have it, and no entry of term {state.term} after it: whoever is elected "
        "next may still replace it.",
        f"{name} commits entry {index} of term {term} by counting, as leader of term {state.term}",
        OWN_TERM,
        OWN_TERM_SOURCE,
        cause=last.heard,
        others=[message.rpc for message in known.values()],
        seen=after.place,
        servers=group.servers.names,
        index=index,
    )


def _of_follower(
    group: Group, name: str, index: int, before: State, after: State
) -> Iterator[Broken]:
    place = _seen(group, name, after)
    arrived = [
        message
        for message in group.of("append")
        if message.receiver == name and _came(group, message, after.place, after.life)
    ]
    if not arrived:
        since = "" if before.life == after.life == 0 else " since it restarted"
        yield Broken(
            place,
            f"{name} commits up to entry {index}, and has heard from no leader{since}.",
            f"{name} commits entry {index}, which no leader has said is committed",
            FOLLOWS,
            FOLLOWER_SOURCE,
            seen=after.place,
            cause=max((at for at in group.servers.starts[name] if at <= place), default=None),
            servers=group.servers.names,
            index=index,
        )
        return
    message = max(arrived, key=lambda one: max(a for a in one.request.arrivals if a < after.place))
    last = message.last or 0
    ends = f"it ends with entry {last}" if message.entries else f"it is about entry {last}"
    if message.agreed is False:
        why = f"it was refused: {name}'s log differs from {message.sender}'s there"
    else:
        why = f"leaderCommit is {message.commit} in it, and {ends}"
    yield Broken(
        place,
        f"{name} commits up to entry {index} after #{message.rpc}, but {why}.",
        f"{name} commits entry {index}, further than #{message.rpc} says",
        FOLLOWS,
        FOLLOWER_SOURCE,
        seen=after.place,
        cause=message.arrived,
        rpc=None,
        others=[message.rpc],
        servers=[message.sender, name],
        index=index,
    )


def _went_back(group: Group, name: str, before: State, after: State) -> Broken:
    place = _seen(group, name, after)
    message = next(
        (m for m in group.messages if m.receiver == name and place in (m.arrived, m.answered)),
        None,
    )
    by = ""
    if message is not None:
        by = f" after #{message.rpc}"
        if message.commit is not None:
            by += f", in which leaderCommit is {message.commit}"
    return Broken(
        place,
        f"{name} had committed up to entry {before.commit}, and goes back to {after.commit}{by}.",
        f"{name}'s commit index goes back from {before.commit} to {after.commit}",
        BACK,
        BACK_SOURCE,
        seen=after.place,
        cause=None if message is None else message.arrived,
        others=[] if message is None else [message.rpc],
        servers=[name] if message is None else [message.sender, name],
        index=after.commit + 1,
    )


def _seen(group: Group, name: str, after: State) -> int:
    """The event after which a server was seen with this commit index."""
    return group.servers.event(name, after)
