"""A Raft group under audit: its servers, what they said to each other, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tester.report.audit.messages import Message, all_are_known, messages
from tester.report.audit.servers import Servers, State
from tester.report.exchange import Request
from tester.world.events import DiskLoss, only
from tester.world.history import seconds
from tester.world.run import Outcome


class Group:
    """All that the rules of Raft are asked of."""

    def __init__(self, outcome: Outcome, sent: Sequence[Request]) -> None:
        self.outcome = outcome
        self.servers = Servers(outcome)
        self.messages = messages(outcome, sent, self.servers.states)
        self.tells_all = all_are_known(outcome, sent, self.servers.states)
        """Whether what `messages` does not have was not sent: no message is of an unknown kind."""
        self._losses = [
            (loss.node, loss.time_us, loss.writes) for loss in only(DiskLoss, outcome.events)
        ]

    def of(self, kind: str) -> Iterator[Message]:
        """The messages of one kind: "vote", "append" or "snapshot"."""
        return (message for message in self.messages if message.kind == kind)

    def at(self, place: int) -> str:
        """When an event was: "at 2.344 s"."""
        return f"at {seconds(self.servers.times[place])} s"

    def lost_writes(self, name: str, first: int, last: int) -> int:
        """How many writes a power failure took from a server between two events."""
        start, end = self.servers.times[first], self.servers.times[last]
        return sum(
            writes
            for node, time_us, writes in self._losses
            if node == name and start <= time_us <= end
        )

    def restart(self, name: str, first: int, last: int) -> str:
        """What a restart between two events took from a server, as a sentence; "" without one."""
        place = self.servers.restarted(name, first, last)
        if place is None:
            return ""
        before, after = self.servers.before(name, place), self.woken(name, place)
        changes = changed(before, after) if after is not None else ""
        had = f": {changes}" if changes else ""
        return f"{name} restarted in between, {self.at(place)}{had}."

    def woken(self, name: str, place: int) -> State | None:
        """The first state that a server described after a restart; None if it describes none."""
        life = None
        for state in self.servers.during(name, place, len(self.servers.times)):
            if life is None:
                life = state.life
            if state.life != life:
                return None
            if state.describes or state.term >= 0:
                return self._settled(name, state)
        return None

    def _settled(self, name: str, state: State) -> State:
        """The last of its states at the same instant, before anything reached the server."""
        place = self.servers.event(name, state)
        after = self.servers.after(name, place)
        return after if after.place >= state.place and after.life == state.life else state


def changed(before: State, after: State) -> str:
    """What is less or other than it was: "term 6 -> 5, vote s0 -> none, last entry 3 -> 0"."""
    parts = []
    if after.term < before.term:
        parts.append(f"term {before.term} -> {after.term}")
    if before.describes and after.describes:
        if after.vote != before.vote and after.term <= before.term:
            parts.append(f"vote {voter(before.vote)} -> {voter(after.vote)}")
        if after.last < before.last:
            parts.append(f"last entry {before.last} -> {after.last}")
        elif after.base < before.base:
            parts.append(f"snapshot up to {before.base} -> {after.base}")
    return ", ".join(parts)


def differing(before: State, after: State) -> str:
    """The same in words: "its log ended at entry 3 before, and at 0 after"."""
    parts = []
    if after.term < before.term:
        parts.append(f"its term was {before.term} before, and is {after.term} after")
    if before.describes and after.describes:
        if after.vote != before.vote and after.term <= before.term:
            vote = "no vote" if after.vote < 0 else f"a vote for {voter(after.vote)}"
            had = "no vote" if before.vote < 0 else f"a vote for {voter(before.vote)}"
            parts.append(f"it had {had} before, and {vote} after")
        if after.last < before.last:
            parts.append(f"its log ended at entry {before.last} before, and at {after.last} after")
        elif after.base < before.base:
            parts.append(
                f"its snapshot reached entry {before.base} before, and {after.base} after"
            )
    return ", ".join(parts)


def voter(vote: int) -> str:
    """For whom a server has voted."""
    return "none" if vote < 0 else f"s{vote}"


def entry(index: int, term: int) -> str:
    """The end of a log: "entry 3 of term 2"."""
    return f"entry {index} of term {term}" if index else "nothing"
