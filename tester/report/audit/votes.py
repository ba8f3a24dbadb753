"""The rules of elections: one vote a term, for a log that lacks nothing, and a majority."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tester.report.audit.group import Group, entry
from tester.report.audit.messages import Message
from tester.report.audit.servers import State
from tester.report.broken import Broken, listed
from tester.world.events import Does

ONCE = "A server gives one vote a term, and saves it before it answers"
ONCE_SOURCE = "Raft paper, section 5.2, and votedFor in Figure 2"
UP_TO_DATE = (
    "A vote is only for a log that is at least as up-to-date: the later last term is, and of "
    "equal terms the longer log"
)
UP_TO_DATE_SOURCE = "Raft paper, section 5.4.1"
MAJORITY = "A candidate wins with the votes of a majority in its own term"
MAJORITY_SOURCE = "Raft paper, section 5.2"
TRUTHFUL = "A candidate sends the index and the term of the last entry of its log"
TRUTHFUL_SOURCE = "Raft paper, Figure 2, RequestVote"
OLD_TERM = "A request of an older term is refused"
OLD_TERM_SOURCE = "Raft paper, section 5.1"


@dataclass(frozen=True)
class _Vote:
    place: int
    voter: str
    candidate: str
    message: Message

    @property
    def own(self) -> bool:
        return self.voter == self.candidate


def broken(group: Group) -> Iterator[Broken]:
    """The first time that each of the rules was broken."""
    for rule in (_twice, _changed, _unworthy, _untruthful, _elected):
        found = next(rule(group), None)
        if found is not None:
            yield found


def _votes(group: Group) -> list[_Vote]:
    """The votes, in the order in which they were given: a candidate votes for itself."""
    found = []
    asked: set[tuple[str, int]] = set()
    for message in group.of("vote"):
        sender = message.sender
        if (sender, message.term) not in asked:
            asked.add((sender, message.term))
            found.append(_Vote(message.request.sent, sender, sender, message))
        if message.agreed and message.answered is not None:
            found.append(_Vote(message.answered, message.receiver, sender, message))
    return sorted(found, key=lambda vote: vote.place)


def _twice(group: Group) -> Iterator[Broken]:
    given: dict[tuple[str, int], _Vote] = {}
    for vote in _votes(group):
        term = vote.message.term
        first = given.setdefault((vote.voter, term), vote)
        if first.candidate == vote.candidate:
            continue
        who = vote.voter
        one, other = _given(group, first), _given(group, vote)
        sentence = f"{who} {one}, and {other}, both in term {term}."
        restart = group.restart(who, first.place, vote.place)
        restarted = group.servers.restarted(who, first.place, vote.place)
        yield Broken(
            vote.place,
            f"{sentence} {restart}".strip(),
            f"{who} voted twice in term {term}, for {first.candidate} and for {vote.candidate}",
            ONCE,
            ONCE_SOURCE,
            cause=restarted if restarted is not None else first.place,
            rpc=vote.message.rpc,
            others=[first.message.rpc],
            events=[] if restarted is None else [restarted],
            servers=[who],
        )


def _changed(group: Group) -> Iterator[Broken]:
    """A server that is seen with another vote than before, in the same term."""
    numbers = dict(enumerate(group.servers.names))
    for name, states in group.servers.states.items():
        before = states[0]
        for after in states:
            if after.vote < 0 or after is before:
                continue
            known, before = before, after
            same = (known.life, known.vote_term) == (after.life, after.vote_term)
            if not same or known.vote == after.vote or known.vote < 0:
                continue
            place, term = group.servers.event(name, after), after.vote_term
            whom = numbers.get(after.vote, "")
            asked = [
                message
                for message in group.of("vote")
                if (message.sender, message.receiver, message.term) == (whom, name, term)
            ]
            first = [
                message
                for message in group.of("vote")
                if message.term == term and message.sender == numbers.get(known.vote)
            ]
            number = f" (#{asked[0].rpc})" if asked else ""
            yield Broken(
                place,
                f"{name} had voted for {numbers.get(known.vote)} in term {term}, and votes for "
                f"{whom} in the same term{number}.",
                f"{name} voted twice in term {term}, for {numbers.get(known.vote)} and for {whom}",
                ONCE,
                ONCE_SOURCE,
                seen=after.place,
                cause=asked[0].arrived if asked else None,
                others=[message.rpc for message in [*first[:1], *asked[:1]]],
                servers=[name],
            )


def _given(group: Group, vote: _Vote) -> str:
    when = f"#{vote.message.rpc}, {group.at(vote.place)}"
    if vote.own:
        return f"stood for election itself ({when})"
    return f"voted for {vote.candidate} ({when})"


def _unworthy(group: Group) -> Iterator[Broken]:
    """A vote for a candidate of an older term, or with a log that lacks something."""
    for message in sorted(group.of("vote"), key=lambda one: one.answered or 0):
        if not message.agreed or message.answered is None or message.arrived is None:
            continue
        voter = message.receiver
        states = [
            group.servers.before(voter, message.arrived),
            group.servers.before(voter, message.answered),
        ]
        if states[0].life != states[1].life:
            continue
        if min(state.term for state in states) > message.term:
            yield _vote_in_an_old_term(message, states[0])
        if _lacks(message, states):
            yield _unworthy_log(message, states[0])


def _vote_in_an_old_term(message: Message, state: State) -> Broken:
    who, whom = message.receiver, message.sender
    return Broken(
        message.answered or 0,
        f"{who} was in term {state.term}, and voted for {whom} in term {message.term} "
        f"(#{message.rpc}).",
        f"{who} in term {state.term} voted for a candidate of term {message.term}",
        OLD_TERM,
        OLD_TERM_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[who, whom],
    )


def _lacks(message: Message, states: list[State]) -> bool:
    index, term = message.index, message.index_term
    if index is None or term is None:
        return False
    return all(
        state.describes and (term, index) < (state.last_term, state.last) for state in states
    )


def _unworthy_log(message: Message, state: State) -> Broken:
    who, whom = message.receiver, message.sender
    assert message.index is not None
    assert message.index_term is not None
    theirs, own = entry(message.index, message.index_term), entry(state.last, state.last_term)
    return Broken(
        message.answered or 0,
        f"{who} voted for {whom} (#{message.rpc}), whose log ends with {theirs}. Its own ends "
        f"with {own}, which is more up-to-date.",
        f"{who} voted for {whom}, whose log lacks entries of its own",
        UP_TO_DATE,
        UP_TO_DATE_SOURCE,
        cause=message.arrived,
        rpc=message.rpc,
        servers=[who, whom],
        index=state.last,
    )


def _untruthful(group: Group) -> Iterator[Broken]:
    for message in group.of("vote"):
        sender, place = message.sender, message.request.sent
        states = group.servers.lately(sender, place)
        if message.index is None or message.index_term is None:
            continue
        if not all(state.describes and state.life == states[0].life for state in states):
            continue
        said = message.index, message.index_term
        if said in [(state.last, state.last_term) for state in states]:
            continue
        state = states[0]
        yield Broken(
            place,
            f"{sender} asked for votes (#{message.rpc}) with {entry(*said)} as the last of its "
            f"log, which ends with {entry(state.last, state.last_term)}.",
            f"{sender} asked for votes with another last entry than its log has",
            TRUTHFUL,
            TRUTHFUL_SOURCE,
            rpc=message.rpc,
            servers=[sender],
            index=state.last,
        )


def _elected(group: Group) -> Iterator[Broken]:
    """A leader without the votes of a majority."""
    asked = list(group.of("vote"))
    if not group.tells_all or any(
        one.answered is not None and one.agreed is None for one in asked
    ):
        return  # its votes have other names
    events = group.outcome.events
    elections = [
        (state.place, name, state)
        for name, states in group.servers.states.items()
        for before, state in pairwise(states)
        if state.leads and not (before.leads and before.term == state.term)
    ]
    for place, name, state in sorted(elections, key=lambda one: one[0]):
        heard = [
            message
            for message in asked
            if message.sender == name
            and message.agreed
            and message.heard is not None
            and message.heard < place
        ]
        voters = {message.receiver for message in heard if message.term == state.term}
        if len(voters) + 1 >= group.servers.majority:
            continue
        said = next(
            (
                at
                for at in range(place, min(place + 3, len(events)))
                if isinstance(event := events[at], Does) and event.node == name
            ),
            group.servers.event(name, state),
        )
        yield _too_few(group, name, state, said, heard)


def _too_few(group: Group, name: str, state: State, place: int, heard: list[Message]) -> Broken:
    n, majority, term = len(group.servers.states), group.servers.majority, state.term
    mine = [message for message in heard if message.term == term]
    voters = list(dict.fromkeys(message.receiver for message in mine))
    votes = [name, *voters]
    whose = "its own vote only" if not voters else f"the votes of {listed(votes)}"
    sentence = f"{name} became leader of term {term} with {whose}: {len(votes)} of {n}; "
    sentence += f"{majority} are needed."
    late = [
        message
        for message in heard
        if message.term < term
        and message.heard is not None
        and group.servers.before(name, message.heard).term == term
    ]
    if late:
        numbers = listed([f"#{message.rpc}" for message in late])
        terms = listed([str(t) for t in sorted({message.term for message in late})])
        were = "is a vote" if len(late) == 1 else "are votes"
        sentence += f" {numbers} {were} of term {terms}, and counted in term {term}."
    return Broken(
        place,
        sentence,
        f"{name} became leader with {len(votes)} of {n} votes; {majority} are needed",
        MAJORITY,
        MAJORITY_SOURCE,
        seen=state.place,
        cause=(late or mine)[-1].heard if late or mine else None,
        others=[message.rpc for message in [*mine, *late]],
        servers=votes,
    )
