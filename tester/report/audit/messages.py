"""The messages of Raft in a run: votes, entries and snapshots, whatever a submission calls them.

A peer's messages are its own, so a field is found by the words in its name: `prevLogIndex`,
`prev_log_index` and `prev_index` are one. Where a field is missing, no rule that needs it is
asked; where servers also send what is none of the three, none that concludes from silence.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tester.report.exchange import Request
from tester.world.run import Outcome

_KINDS: Final = (
    ("vote", ("vote",)),
    ("snapshot", ("snapshot", "install")),
    ("append", ("append", "heartbeat", "entries", "replicate")),
)
_AGREED: Final = ("grant", "vote", "success", "ok", "accept", "yes")

_ENTRIES: Final = ("entr", "log", "command")


@dataclass(frozen=True)
class Message:
    """One RPC between two servers, as Figures 2 and 13 of the Raft paper have it."""

    kind: str
    """ "vote", "append" or "snapshot". """
    request: Request
    sender: str
    receiver: str
    term: int
    index: int | None
    """lastLogIndex, prevLogIndex or lastIncludedIndex."""
    index_term: int | None
    """Its term."""
    entries: Sequence[int] | None
    """The terms of the entries; None if they cannot be read."""
    commit: int | None
    """leaderCommit."""
    reply_term: int | None
    agreed: bool | None
    """voteGranted, or success; None without an answer, or if it does not say so."""

    @property
    def rpc(self) -> int:
        """Its number."""
        return self.request.rpc

    @property
    def arrived(self) -> int | None:
        """The place at which it reached the receiver first; None if it did not."""
        return self.request.arrivals[0] if self.request.arrivals else None

    @property
    def answered(self) -> int | None:
        """The place at which it was answered first."""
        return self.request.answers[0][0] if self.request.answers else None

    @property
    def heard(self) -> int | None:
        """The place at which the answer reached the sender; None if it did not."""
        return self.request.ended if self.request.fate == "reply" else None

    @property
    def last(self) -> int | None:
        """The index of its last entry; without any, that of the one before them."""
        if self.index is None or self.entries is None:
            return None
        return self.index + len(self.entries)


def messages(outcome: Outcome, sent: Sequence[Request], servers: Container[str]) -> list[Message]:
    """The messages that these servers sent each other, in the order in which they were sent."""
    read = (_read(*one) for one in _between(outcome, sent, servers))
    return [message for message in read if message is not None]


def all_are_known(outcome: Outcome, sent: Sequence[Request], servers: Container[str]) -> bool:
    """Whether each request between these servers is one of the three kinds, or a pre-vote."""
    return all(
        _is_pre_vote(one[0]) or _read(*one) is not None for one in _between(outcome, sent, servers)
    )


def _between(
    outcome: Outcome, sent: Sequence[Request], servers: Container[str]
) -> Iterator[tuple[Request, str, str]]:
    """The requests that these servers sent each other: each with its sender and receiver."""
    for request in sent:
        sender = outcome.senders[request.rpc].node
        receiver = request.server or request.end.rpartition("-")[2]
        if sender != receiver and sender in servers and receiver in servers:
            yield request, sender, receiver


def _read(request: Request, sender: str, receiver: str) -> Message | None:
    kind = "" if _is_pre_vote(request) else _kind(request)
    term = _number(request.args, "term", but=("log", "last", "prev", "index"))
    return _message(kind, request, sender, receiver, term) if kind and term is not None else None


def _message(kind: str, request: Request, sender: str, receiver: str, term: int) -> Message:
    args, reply = request.args, request.answered or {}
    word = "prev" if kind == "append" else "last"
    index, index_term = _number(args, word, "index"), _number(args, word, "term")
    if kind == "snapshot" and index is None:
        index, index_term = _number(args, "index", but=("term",)), _number(args, "index", "term")
    if kind == "append" and index is None:
        index = _number(args, "prev", but=("term",))
    return Message(
        kind,
        request,
        sender,
        receiver,
        term,
        index,
        index_term,
        _entries(args) if kind == "append" else None,
        _number(args, "commit"),
        _number(reply, "term", but=("conflict", "hint", "x", "last", "prev", "log")),
        _agreed(reply),
    )


def _is_pre_vote(request: Request) -> bool:
    """Whether it asks for a vote that binds nobody."""
    asks = any("pre" in name.lower() and value is True for name, value in request.args.items())
    return asks or "prevote" in _plain(request.verb)


def _kind(request: Request) -> str:
    verb = _plain(request.verb)
    return next((kind for kind, words in _KINDS if any(word in verb for word in words)), "")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _number(fields: Mapping[str, Any], *words: str, but: Sequence[str] = ()) -> int | None:
    """The first integer whose name has all these words in it, and none of the others."""
    for name, value in fields.items():
        plain = _plain(name)
        if type(value) is not int or not all(word in plain for word in words):
            continue
        if not any(word in plain for word in but):
            return value
    return None


def _agreed(reply: Mapping[str, Any]) -> bool | None:
    """What the answer says to it; None if no field is known to."""
    found = {_plain(name): value for name, value in reply.items() if type(value) is bool}
    for word in _AGREED:
        for name, value in found.items():
            if word in name:
                return value
    return None


def _entries(args: Mapping[str, Any]) -> list[int] | None:
    """The terms of the entries that a message carries; none, if it has no field for any."""
    fields = {_plain(name): value for name, value in args.items()}
    lists = {name: value for name, value in fields.items() if isinstance(value, list)}
    named = {n: v for n, v in fields.items() if any(word in n for word in _ENTRIES)}
    if not lists:
        return None if any(not isinstance(value, int) for value in named.values()) else []
    terms = [value for name, value in lists.items() if "term" in name]
    if not terms:
        terms = (
            list(lists.values()) if len(lists) == 1 else [named[n] for n in named if n in lists]
        )
    if len(terms) != 1:
        return None
    found = [_term_of(entry) for entry in terms[0]]
    known = [term for term in found if term is not None]
    return known if len(known) == len(found) else None


def _term_of(entry: Any) -> int | None:
    if isinstance(entry, dict):
        return _number(entry, "term")
    return entry if type(entry) is int else None
