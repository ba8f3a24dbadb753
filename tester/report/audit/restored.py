"""What a replica began from: the snapshot that its machine took over, who made it, and of what."""

from __future__ import annotations

from typing import Final

from tester.report.audit.group import Group
from tester.report.audit.messages import Message
from tester.report.broken import Broken
from tester.report.exchange import Request
from tester.world.execution import Observation
from tester.world.history import seconds

_NONE: Final = "With a maxraftstate of -1 a service makes no snapshots"
_SOURCE: Final = "docs/7-kvraft.md, What is agreed"
TAKEN_OVER: Final = ", after its machine had taken over a snapshot of"
"""How that begins which is said of a replica whose machine has taken over a snapshot."""
_COUNTS: Final = frozenset({"applied", "restored", "started"})
"""By which a replica shows how many requests its machine has applied by then."""


def since(group: Group, who: str, until: Observation) -> tuple[int, str, Message | None]:
    """What a replica began from: where it restarted (0: it did not), and with which snapshot."""
    start = max((at for at in group.servers.starts[who] if at < until.place), default=0)
    seen = [one for one in group.outcome.observations if start <= one.place <= until.place]
    restored = [one for one in seen if one.node == who and one.what == "restored"]
    message = next(
        (
            one
            for one in reversed(group.messages)
            if one.kind == "snapshot"
            and one.receiver == who
            and one.arrived is not None
            and one.arrived >= start
        ),
        None,
    )
    if restored:
        last = restored[-1]
        by = "" if message is None else f" (#{message.rpc})"
        had = _count_before(group, who, last)
        here = f", of which it had applied {had} before" if had else ""
        said = f"{TAKEN_OVER} {_requests(last.data[0])}{by}"
        return start, f"{said}{here}{_made(group, who, last, message)}", message
    if message is not None:
        said = (
            f". #{message.rpc} had brought a snapshot up to entry {message.index}, and its "
            f"machine has taken over none{_made(group, who, until, message)}"
        )
        return start, said, message
    if start:
        said = f". Since it restarted {group.at(start)}, its machine has taken over no snapshot"
        return start, f"{said}{_made(group, who, until, None)}", None
    return 0, "", None


def _made(group: Group, who: str, until: Observation, message: Message | None) -> str:
    """Who handed a snapshot over to Raft, up to where, and what the machine had applied by then.

    It is the one that a message brought, or else the last one of this replica, of as many requests
    as it took over if it did; "" if nobody was seen to hand it over.
    """
    seen = [one for one in group.outcome.observations if one.place <= until.place]
    handed = [one for one in seen if one.what == "handed"]
    if message is not None:
        handed = [one for one in handed if one.data[0] == message.index]
        handed = [one for one in handed if one.node == message.sender] or handed
    else:
        handed = [one for one in handed if one.node == who]
    for one in reversed(handed):
        before = [other for other in seen[: seen.index(one)] if other.node == one.node]
        packed = [other.data[0] for other in before if other.what == "packed"]
        if not packed or (until.what == "restored" and packed[-1] != until.data[0]):
            continue
        done = next((other for other in reversed(before) if other.what in _COUNTS), None)
        count = done.data[0] if done is not None and done.what != "started" else 0
        entry = entry_of(group, one.node, count)
        return (
            f". {one.node} had handed Raft one up to entry {one.data[0]} at "
            f"{seconds(one.time_us)} s, when its machine had applied {_requests(count)}"
            f"{entry and f' (up to {entry})'}"
        )
    return ""


def unwanted(group: Group) -> Broken | None:
    """The first snapshot that a service handed to Raft, of a test in which it must make none."""
    handed = [one for one in group.outcome.observations if one.what == "handed"]
    for one in handed[:1]:
        count = _count_before(group, one.node, one)
        return Broken(
            max(one.place - 1, 0),
            f"{one.node} handed Raft a snapshot up to entry {one.data[0]} at "
            f"{seconds(one.time_us)} s, when its machine had applied {_requests(count)}.",
            f"{one.node} makes a snapshot though maxraftstate is -1",
            _NONE,
            _SOURCE,
            seen=one.place,
            servers=[one.node],
        )
    return None


def _count_before(group: Group, who: str, until: Observation) -> int:
    """How many requests a machine had applied before it took over a snapshot."""
    count = 0
    for one in group.outcome.observations:
        if one is until:
            break
        if one.node == who and one.what in _COUNTS:
            count = 0 if one.what == "started" else one.data[0]
    return count


def _requests(count: int) -> str:
    return f"{count} {'request' if count == 1 else 'requests'}"


def entry_of(group: Group, who: str, number: int) -> str:
    """Which entry of the log a request was that a replica applied: "entry 91"; "" if unknown."""
    requests = [
        one.data[1]
        for one in group.outcome.observations
        if one.what == "applied" and one.node == who and one.data[0] == number
    ]
    places = entries_of(group, requests[-1]) if requests else {}
    indexes = {index for index, _ in places}
    return f"entry {indexes.pop()}" if len(indexes) == 1 else ""


def entries_of(group: Group, request: bytes) -> dict[tuple[int, int], int]:
    """Where in the log a request stood: index and term, and the first message that says so."""
    found: dict[tuple[int, int], int] = {}
    for message in group.of("append"):
        for at, command in enumerate(_commands(message.request)):
            if message.index is not None and message.entries and request in command:
                place = message.index + 1 + at, message.entries[at]
                found.setdefault(place, message.rpc)
    return found


def _commands(request: Request) -> list[bytes]:
    entries = next((v for v in request.args.values() if isinstance(v, list)), [])
    found = []
    for entry in entries:
        fields = entry.values() if isinstance(entry, dict) else [entry]
        found.append(next((v for v in fields if isinstance(v, bytes)), b""))
    return found
