"""The safety of a Raft group, watched while it runs: the properties of the paper's Figure 3.

Election Safety and State Machine Safety are judged by what every peer shows; Leader Append-Only,
Log Matching and Leader Completeness where a peer describes its log, and so is that followers, too,
keep what is committed. Nobody may apply what no majority has, nor know what no message can have
told. The run ends at the event that violates one. What the peers tell (see
`tester.labs.raft.peer`):

    started   [commands]                   from its snapshot: a new incarnation
    state     term, leads                  when it has changed; nothing: it could not be asked
    log       base, base_term, at, terms   of the entries after `base`, those from `at` on are new
    applied   index, command               in the order in which its service got them
    installed index, snapshot              likewise
    snapshot  index                        the service has handed Raft a snapshot
    unsaved   before, now                  a save replaced a snapshot by one of less
    back      before, now                  its commit index has gone back
    voted     term, before, now            it has voted for another one in the same term
    facts     term, vote, commit           as it describes itself; -1 for none: for the story
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from labrpc.errors import TesterError
from linearizability.verdict import counted
from tester.labs.raft.hearsay import Hearsay
from tester.labs.raft.peer import decode_snapshot
from tester.labs.raft.verdicts import (
    AppliedOutOfOrder,
    AppliedWithoutAMajority,
    CommittedEntryLost,
    CommitWentBack,
    ElectionSafetyViolated,
    LeaderIncomplete,
    LeaderOverwroteItsLog,
    LogMatchingViolated,
    OutOfNowhere,
    SnapshotLost,
    StateMachineSafetyViolated,
    TermWentBack,
    VotedTwice,
)
from tester.world.failure import printable
from tester.world.history import seconds
from tester.world.invariants import Monitor
from tester.world.log_view import LogView
from tester.world.probe import Count, words
from tester.world.simulation import Simulation

# It observes the code under test: see tester.guard.origin.
__harness__ = True

words(
    {
        "started": tuple[list[bytes]],
        "state": tuple[()],
        "log": tuple[Count, Count, Count, list[Count]],
        "applied": tuple[Count, bytes],
        "installed": tuple[Count, bytes],
        "snapshot": tuple[Count],
        "unsaved": tuple[Count, Count],
        "back": tuple[Count, Count],
        "voted": tuple[Count, Count, Count],
        "facts": tuple[int, int, int],
    }
)
words({"state": tuple[Count, bool]})


class _Seen(LogView):
    """What one server has shown in its present incarnation."""

    def __init__(self, name: str, applied: Sequence[bytes] = ()) -> None:
        self.name = name
        self.term = 0
        self.leads = False
        self.asked = False
        """Whether `term` and `leads` are what it said at the end of its last step."""
        self.applied = list(applied)
        self.describes = False
        self.base = 0
        self.base_term = 0
        self.terms = ()


class Safety(Monitor):
    """Hears the peers of a group, and raises the verdict when they contradict each other."""

    def __init__(
        self, sim: Simulation, names: Sequence[str], hearsay: Hearsay | None = None
    ) -> None:
        self.servers = [_Seen(name) for name in names]
        self._numbers = {name: i for i, name in enumerate(names)}
        self._hearsay = hearsay
        self._sim = sim
        self._leaders: dict[int, tuple[str, int]] = {}  # term -> who, and since when
        self._commands: list[tuple[bytes, str, int]] = []  # by index - 1: what, who first, when
        self._before: dict[tuple[int, int], tuple[int, str]] = {}
        """(index, term) of an entry -> the term of the one before it, and who had it first."""
        self._had: dict[tuple[int, int], int] = {}
        """(index, term) of an entry -> the servers whose log has had it, a bit each."""
        self._covered = [0] * len(names)
        """Up to where snapshots have covered the log of each server."""
        self._undescribed = (1 << len(names)) - 1
        """The servers that have never described their log: they may have had anything."""
        self._busy = 0
        """Those that could not be asked of late, whose logs may have changed since."""
        self._terms: dict[int, int] = {}
        """The terms of the entries that are known to be committed, by index."""
        self._committed = (0, 0, 0)
        """The last entry known to be committed: its index, its term, and by which term it was."""
        self._receivers: dict[str, Callable[..., None]] = {
            "state": self._state,
            "log": self._log,
            "applied": self._applied,
            "snapshot": self._snapshot,
            "installed": self._installed,
            "unsaved": self._unsaved,
            "back": self._went_back,
            "voted": self._voted,
            "facts": _nothing,
        }

    def applied(self, index: int) -> list[bytes]:
        """What the servers have applied at this index, of those that have, crashed ones too."""
        if index < 1:
            raise TesterError(f"the indexes of a log begin at 1, and {index} was asked for")
        return [seen.applied[index - 1] for seen in self.servers if len(seen.applied) >= index]

    def hear(self, node: str, what: str, *data: Any) -> None:
        """Take note of what a server tells: see the top of this module."""
        server = self._numbers[node]
        if what == "started":
            self.servers[server] = _Seen(node, *data)
        else:
            self._receivers[what](self.servers[server], *data)

    # -- elections --------------------------------------------------------------------------------

    def _state(self, seen: _Seen, term: int = -1, leads: bool = False) -> None:
        seen.asked = term > 0 or leads
        bit = 1 << self._numbers[seen.name]
        self._busy = self._busy | bit if term < 0 else self._busy & ~bit
        if not seen.asked:
            return
        if term < seen.term:
            raise TermWentBack(
                f"{seen.name} was in term {seen.term}, and is in term {term} now: terms only grow"
            )
        was = seen.leads and seen.term == term
        seen.term, seen.leads = term, leads
        if not leads:
            if was:
                self._sim.say(seen.name, f"is no longer leader, in term {term}")
            return
        self._sim.say(seen.name, f"leads term {term}")
        self._elected(seen, term)
        self._check_completeness(seen)

    def answered(self, server: int, term: int, leads: bool) -> None:
        """A server that could not be asked at the end of a step has answered a test."""
        if leads:
            self._elected(self.servers[server], term)

    def _elected(self, seen: _Seen, term: int) -> None:
        now = self._sim.virtual_us
        who, since = self._leaders.setdefault(term, (seen.name, now))
        if who != seen.name:
            raise ElectionSafetyViolated(
                f"{seen.name} leads term {term}, and {who} was elected in the same term "
                f"{_at(since)}: a term has at most one leader",
                moments=[since],
            )
        majority = len(self.servers) // 2 + 1
        if self._hearsay is None:
            return
        if (heard := self._hearsay.heard_from(self._numbers[seen.name])) + 1 < majority:
            raise OutOfNowhere(
                f"{seen.name} leads term {term}, and has got messages of {heard} others: it takes "
                f"the votes of {majority - 1}"
            )

    def _voted(self, seen: _Seen, term: int, before: int, now: int) -> None:
        raise VotedTwice(
            f"{seen.name} had voted for s{before} in term {term}, and votes for s{now} in the "
            "same term: a server has one vote a term"
        )

    def _check_completeness(self, seen: _Seen) -> None:
        index, term, by = self._committed
        if not (seen.describes and seen.leads and seen.term > by) or index <= seen.base:
            return
        found = seen.term_at(index)
        if found != term:
            has = "no entry there" if found is None else f"one of term {found}"
            raise LeaderIncomplete(
                f"{seen.name} leads term {seen.term}, but the entry {index} of term {term}, which "
                f"was committed by term {by}, is not in its log: it has {has}"
            )

    def electable(self, among: Sequence[int]) -> str:
        """Whose log is good enough to be elected by these servers (section 5.4.1), as a sentence.

        "" if they are no majority, or do not describe their logs.
        """
        seen = [self.servers[i] for i in among]
        majority = len(self.servers) // 2 + 1
        if len(seen) < majority or not all(server.describes for server in seen):
            return ""
        ends = [(server.last_term, server.last) for server in seen]
        can = [
            server.name
            for server, end in zip(seen, ends, strict=True)
            if sum(end >= other for other in ends) >= majority
        ]
        logs = ", ".join(
            f"{server.name}'s with {f'entry {last} of term {term}' if last else 'nothing'}"
            for server, (term, last) in zip(seen, ends, strict=True)
        )
        return (
            f"nobody leads. The logs end: {logs}. The later last term is better, then the longer "
            f"log: {' or '.join(can)} can be elected, by whoever has no better one"
        )

    # -- logs -------------------------------------------------------------------------------------

    def _log(self, seen: _Seen, base: int, base_term: int, at: int, terms: Sequence[int]) -> None:
        first = base + at + 1
        if seen.leads and seen.asked and first <= seen.last:
            raise LeaderOverwroteItsLog(
                f"{seen.name} leads term {seen.term}, and its log, which had "
                f"{counted(seen.last, 'entry', 'entries')}, "
                f"has been changed from entry {first} on: a leader only appends"
            )
        committed = self._terms.get(first)
        if committed is not None and committed == seen.term_at(first):
            raise CommittedEntryLost(
                f"{seen.name} had the entry {first} of term {committed}, which is committed, and "
                "has deleted it: only what conflicts with the leader's log may go"
            )
        seen.terms = seen.changed(base, at, terms)
        seen.base, seen.base_term = base, base_term
        seen.describes = True
        before = seen.term_at(first - 1)
        assert before is not None  # base is there, and what lies between has been told
        number = self._numbers[seen.name]
        self._undescribed &= ~(1 << number)
        self._covered[number] = max(self._covered[number], base)
        for index, term in enumerate(terms, first):
            self._had[index, term] = self._had.get((index, term), 0) | 1 << number
            wanted, who = self._before.setdefault((index, term), (before, seen.name))
            if wanted != before:
                raise LogMatchingViolated(
                    f"{seen.name} and {who} both have an entry {index} of term {term}, but before "
                    f"it {seen.name} has one of term {before}, and {who} had one of term {wanted}"
                )
            before = term

    # -- what is applied --------------------------------------------------------------------------

    def _applied(self, seen: _Seen, index: int, command: bytes) -> None:
        if index != len(seen.applied) + 1:
            raise AppliedOutOfOrder(
                f"{seen.name} applied index {index} after index {len(seen.applied)}: every index "
                "is applied once, in order"
            )
        self._sim.say(seen.name, f"applies {index}: {_shown(command)}")
        self._agree(seen, index, command)
        self._check_hearsay(seen, index, command)
        self._check_majority(seen, index, command)
        seen.applied.append(command)
        if index > self._committed[0] and (term := seen.term_at(index)) is not None:
            self._terms[index] = term
            self._committed = index, term, max(seen.term, term)

    def _check_hearsay(self, seen: _Seen, index: int, command: bytes) -> None:
        if self._hearsay is None:
            return
        if not self._hearsay.was_started(command):
            raise OutOfNowhere(
                f"{seen.name} applied {_shown(command)} at index {index}, a command that nobody "
                "has started"
            )
        if not self._hearsay.can_know(self._numbers[seen.name], command):
            raise OutOfNowhere(
                f"{seen.name} applied {_shown(command)} at index {index}, and no message can have "
                "told it of that command: servers share nothing else"
            )

    def _check_majority(self, seen: _Seen, index: int, command: bytes) -> None:
        """An entry is committed when a majority has it, and whoever applies it knows that."""
        majority = len(self.servers) // 2 + 1
        applied = f"{seen.name} applied {_shown(command)} at index {index}"
        term = seen.term_at(index) if seen.describes else None
        if term is not None and index > seen.base:
            had = self._had[index, term] | self._undescribed | self._busy
            who = [s.name for i, s in enumerate(self.servers) if self._may_have(i, index, had)]
            if len(who) < majority:
                raise AppliedWithoutAMajority(
                    f"{applied}, an entry of term {term} that has been in no log but "
                    f"{_whose(who)}: it is committed once {majority} of {len(self.servers)} "
                    "servers have it"
                )
        if self._hearsay is not None:
            known = self._hearsay.who_can_know(self._numbers[seen.name], command)
            if len(known) < majority:
                who = [self.servers[i].name for i in known]
                raise AppliedWithoutAMajority(
                    f"{applied}, and no message can have told it that anybody has that command "
                    f"but {', '.join(who)}: it is committed once {majority} of "
                    f"{len(self.servers)} servers have it"
                )

    def _may_have(self, server: int, index: int, had: int) -> bool:
        return bool(had >> server & 1) or self._covered[server] >= index

    def _went_back(self, seen: _Seen, before: int, now: int) -> None:
        raise CommitWentBack(
            f"{seen.name} knew that the log is committed up to {before}, and says {now} now: its "
            "commit index never goes back while it runs"
        )

    def _agree(self, seen: _Seen, index: int, command: bytes) -> None:
        if index <= len(self._commands):
            first, who, since = self._commands[index - 1]
            if first != command:
                raise StateMachineSafetyViolated(
                    f"{seen.name} applied {_shown(command)} at index {index}, where {who} applied "
                    f"{_shown(first)} {_at(since)}",
                    moments=[since],
                )
        elif index == len(self._commands) + 1:
            self._commands.append((command, seen.name, self._sim.virtual_us))

    def _snapshot(self, seen: _Seen, index: int) -> None:
        self._sim.say(seen.name, f"makes a snapshot up to {index}")

    def _installed(self, seen: _Seen, index: int, snapshot: bytes) -> None:
        self._sim.say(seen.name, f"installs a snapshot up to {index}")
        try:
            upto, commands = decode_snapshot(snapshot)
        except msgspec.DecodeError:
            raise StateMachineSafetyViolated(
                f"{seen.name} was delivered a snapshot up to {index} that no service has made: "
                f"{len(snapshot)} bytes, {_shown(snapshot)}"
            ) from None
        if upto != index or len(commands) != index:
            raise StateMachineSafetyViolated(
                f"{seen.name} was delivered a snapshot as one up to {index}, but it goes up to "
                f"{upto}, with {counted(len(commands), 'command')}"
            )
        if index < len(seen.applied):
            raise AppliedOutOfOrder(
                f"{seen.name} was delivered a snapshot up to {index} when it had applied "
                f"{len(seen.applied)} already: a snapshot never moves the service backwards"
            )
        for at, command in enumerate(commands, 1):
            self._agree(seen, at, command)
        seen.applied = commands

    def check_saved(self, name: str, snapshot: bytes) -> None:
        """Fail unless a service can have made what a server has saved as its snapshot."""
        try:
            upto, commands = decode_snapshot(snapshot) if snapshot else (0, [])
        except msgspec.DecodeError:
            upto, commands = -1, []
        if upto != len(commands) or commands != [one[0] for one in self._commands[:upto]]:
            raise StateMachineSafetyViolated(
                f"{name} has saved {len(snapshot)} bytes as a snapshot, and no service has made "
                "that: what Raft keeps for itself belongs into its state"
            )

    def _unsaved(self, seen: _Seen, before: int, now: int) -> None:
        less = f"one up to {now}" if now else "none of its service's"
        had = f"{seen.name} had saved a snapshot up to {before}"
        raise SnapshotLost(f"{had}, and saves {less} instead: the log before it is lost")


def _nothing(seen: _Seen, term: int, vote: int, commit: int) -> None:
    """What a server describes is judged by its log, its commit index and its votes."""


def _at(us: int) -> str:
    return f"at {seconds(us)} s"


def _whose(names: Sequence[str]) -> str:
    return ", ".join(f"{name}'s" for name in names)


def _shown(command: bytes) -> str:
    """A command as text, if it is short; else its beginning and its length."""
    text = printable(command[:24].decode("utf-8", "backslashreplace"))
    return repr(text) if len(command) <= 24 else f"{text!r}... ({len(command)} bytes)"
