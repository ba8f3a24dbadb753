"""The rules of snapshots: handed to the service, with their term, and saved with the log."""

from __future__ import annotations

from collections.abc import Iterator

from tester.report.audit.group import Group, entry
from tester.report.audit.messages import Message
from tester.report.broken import Broken

HANDS_OVER = "A snapshot that is installed resets the state machine: the service gets it"
KEEPS_TERM = "lastIncludedIndex and lastIncludedTerm are kept with the snapshot"
TOGETHER = "A snapshot and the log that begins after it are saved together"
SOURCE = "Raft paper, section 7 and Figure 13"


def broken(group: Group) -> Iterator[Broken]:
    """The first time that each of the rules was broken."""
    for rule in (_withheld, _other_term, _apart):
        found = next(rule(group), None)
        if found is not None:
            yield found


def _installed(group: Group) -> Iterator[tuple[Message, int, int]]:
    """The snapshots that were answered: the message, the place of the answer, and up to where."""
    for message in group.of("snapshot"):
        if message.answered is not None and message.index:
            yield message, message.answered, message.index


def _withheld(group: Group) -> Iterator[Broken]:
    """A server that goes on after a snapshot, which its service has never got."""
    for message, answered, index in _installed(group):
        who = message.receiver
        assert message.arrived is not None
        state = group.servers.before(who, message.arrived)
        if state.applied >= index or message.term < state.term:
            continue
        following = next(
            (
                seen
                for seen in group.outcome.observations
                if seen.node == who
                and seen.place > message.arrived
                and seen.what in {"applied", "installed", "started"}
            ),
            None,
        )
        if following is None or following.what != "applied" or len(following.data) != 2:
            continue
        if following.data[0] <= index:
            continue
        yield Broken(
            answered,
            f"{who} took over the snapshot of #{message.rpc}, up to entry {index}, and its "
            f"service, which had applied up to {state.applied}, got entry {following.data[0]} "
            "next, and not the snapshot.",
            f"{who} installs a snapshot, and its service goes on without it",
            HANDS_OVER,
            SOURCE,
            cause=message.arrived,
            rpc=message.rpc,
            servers=[message.sender, who],
            index=index + 1,
        )


def _other_term(group: Group) -> Iterator[Broken]:
    for message, answered, index in _installed(group):
        state = group.servers.after(message.receiver, answered)
        if not state.describes or state.base != index or message.index_term is None:
            continue
        if state.base_term != message.index_term:
            yield Broken(
                answered,
                f"{message.receiver} took over the snapshot of #{message.rpc}, which ends with "
                f"{entry(index, message.index_term)}, as one that ends with term "
                f"{state.base_term}.",
                f"{message.receiver} installs a snapshot with the wrong last term",
                KEEPS_TERM,
                SOURCE,
                cause=message.arrived,
                rpc=message.rpc,
                servers=[message.sender, message.receiver],
                index=index + 1,
            )


def _apart(group: Group) -> Iterator[Broken]:
    """A server that restarts with a log that begins after more than its snapshot covers."""
    for name, starts in group.servers.starts.items():
        for start in starts:
            state = group.woken(name, start)
            if state is None or not state.describes:
                continue
            covered = next(
                (
                    len(seen.data[0])
                    for seen in group.outcome.observations
                    if seen.node == name and seen.place > start and seen.what == "started"
                ),
                None,
            )
            if covered is None or state.base <= covered:
                continue
            down = max((at for at in group.servers.downs[name] if at < start), default=start)
            had = f"one up to {covered}" if covered else "none"
            yield Broken(
                start,
                f"{name} restarts with a log that begins after entry {state.base}, and its "
                f"snapshot is {had}: the entries up to {state.base} are in neither.",
                f"{name} restarts without the snapshot that its log begins after",
                TOGETHER,
                SOURCE,
                cause=down,
                events=[down],
                servers=[name],
                index=state.base + 1,
            )
