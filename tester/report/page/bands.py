"""What lasts, for a page: crashes, partitions, roles of servers, locks; and logs and votes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from tester.report.exchange import Request
from tester.report.lines import annotated
from tester.report.page.document import (
    Band,
    Election,
    Kept,
    LogEntry,
    Message,
    Operation,
    State,
    Vote,
)
from tester.report.page.timeline import Timeline
from tester.search.watched import Watched
from tester.world.events import Annotated, ConditionChange, Does, OfNode, Partition
from tester.world.group import CUT_OFF, JOINED
from tester.world.run import Outcome

K = TypeVar("K")

_BEGINS: Final = {"crash": "down", "stop": "down", "pause": "paused"}
_ENDS: Final = {"restart": "down", "resume": "paused"}
_WORDS: Final = {"crash": "crashed", "stop": "stopped", "pause": "paused"}
_ROLES: Final = ("follower", "candidate", "leader")
_MOST_CHARACTERS: Final = 6_000_000
"""At most this many characters of states are kept."""


def bands(outcome: Outcome, timeline: Timeline) -> list[Band]:
    """What lasted in a run, but for what objects say of themselves."""
    found: list[Band] = []
    open_: dict[object, Band] = {}
    for place, event in enumerate(outcome.events):
        at = timeline.event(place)
        match event:
            case OfNode(kind=kind, node=node) if kind in _BEGINS:
                open_[node, _BEGINS[kind]] = band = Band(node, _BEGINS[kind], at, -1, _WORDS[kind])
                found.append(band)
            case OfNode(kind=kind, node=node):
                _close(open_, (node, _ENDS[kind]), at)
            case Partition(kind="cut", groups=groups, one_way=one_way):
                text = _sides(groups, one_way=one_way)
                open_["cut", groups, one_way] = band = Band("network", "cut", at, -1, text)
                found.append(band)
            case Partition(groups=groups, one_way=one_way):
                _close(open_, ("cut", groups, one_way), at)
            case Does(node=node, what=what) if what == CUT_OFF:
                open_[node, "cut"] = band = Band(node, "cut", at, -1, "cut off")
                found.append(band)
            case Does(node=node, what=what) if what == JOINED:
                _close(open_, (node, "cut"), at)
            case ConditionChange(name=name, begins=True):
                open_["conditions", name] = band = Band(
                    "network", "conditions", at, -1, name.replace("_", " ")
                )
                found.append(band)
            case ConditionChange(name=name):
                _close(open_, ("conditions", name), at)
            case Annotated():
                found += _annotation(event, at, open_, timeline)
    return [band for band in found if band.last < 0 or band.last > band.first]


def _annotation(
    event: Annotated, at: int, open_: dict[object, Band], timeline: Timeline
) -> list[Band]:
    """The band of an annotation that has a duration; a point is an event alone."""
    key = "annotation", event.node, event.tag
    if event.since_us >= 0:
        began = bisect_left(timeline.events, event.since_us, key=lambda one: one.time_us)
        first = min(began, max(at - 1, 0))
        return [Band(event.node, "annotation", first, at, annotated(event), event.details)]
    if not event.lasting:
        return []
    _close(open_, key, at)
    if not event.text:
        return []
    open_[key] = Band(event.node, "annotation", at, -1, annotated(event), event.details)
    return [open_[key]]


def _close(open_: dict[K, Band], key: K, at: int) -> None:
    band = open_.pop(key, None)
    if band is not None:
        band.last = at


def _sides(groups: Iterable[Iterable[str]], *, one_way: bool) -> str:
    sides = [", ".join(group) for group in groups]
    return f"{sides[0]} -x-> {sides[1]}" if one_way else " | ".join(sides)


# -- what objects hold ----------------------------------------------------------------------------


def states(watched: Watched, timeline: Timeline) -> tuple[list[State], int]:
    """The changes of objects, and how many are left out because there are too many."""
    kept: list[State] = []
    left_out, characters = watched.spectator.unseen, 0
    for one in watched.spectator.seen:
        if one.place > timeline.last:
            break
        characters += sum(len(name) + len(text or "") for name, text in one.rows.items())
        if characters > _MOST_CHARACTERS:
            left_out += 1
            continue
        kept.append(State(timeline.before(one.place), one.node, one.key, dict(one.rows)))
    return kept, left_out


def disks(watched: Watched, timeline: Timeline) -> list[Kept]:
    """What was on disks when their nodes crashed and restarted."""
    return [
        Kept(timeline.before(one.place), one.node, one.when, dict(one.files))
        for one in watched.spectator.kept
        if timeline.first <= one.place <= timeline.last
    ]


def roles(seen: Iterable[State], outcome: Outcome, timeline: Timeline) -> list[Band]:
    """The role and term of each Raft server over time: as it says, or as the test has said."""
    found: list[Band] = []
    latest: dict[tuple[str, str], tuple[str, int]] = {}
    open_: dict[tuple[str, str], Band] = {}
    for state in seen:
        key = state.node, state.object
        was = latest.get(key, ("", -1))
        now = _role(state.rows, was)
        if now == was:
            continue
        latest[key] = now
        _close(open_, key, state.event)
        role, term = now
        if role and term >= 0:
            open_[key] = band = Band(
                state.node, "role", state.event, -1, f"{role} t{term}", term=term
            )
            found.append(band)
    return found or list(_said_roles(outcome, timeline))


def _role(rows: dict[str, str | None], was: tuple[str, int]) -> tuple[str, int]:
    role, term = was
    for name, text in rows.items():
        bare = name.rpartition(".")[2].replace("_", "").lower()
        if bare in {"role", "state", "status"}:
            said = (text or "").strip("'\"").lower()
            role = next((known for known in _ROLES if known in said), "")
        elif bare in {"isleader", "leading"} and text in {"True", "False"}:
            role = "leader" if text == "True" else "follower"
        elif bare in {"term", "currentterm"}:
            term = int(text) if text and text.isascii() and text.isdecimal() else -1
    return role, term


def _said_roles(outcome: Outcome, timeline: Timeline) -> Iterator[Band]:
    open_: dict[str, Band] = {}
    for place, event in enumerate(outcome.events):
        if isinstance(event, Does) and event.what.startswith("leads term "):
            term = event.what.removeprefix("leads term ").split()[0].strip(",.")
            if not (term.isascii() and term.isdecimal()):
                continue
            at = timeline.event(place)
            _close(open_, event.node, at)
            open_[event.node] = band = Band(
                event.node, "role", at, -1, f"leader t{term}", term=int(term)
            )
            yield band
        elif isinstance(event, OfNode) and event.kind in {"crash", "stop"}:
            _close(open_, event.node, timeline.event(place))


# -- elections ------------------------------------------------------------------------------------


def elections(sent: Iterable[tuple[Request, Message]], servers: int) -> list[Election]:
    """The votes of each candidate for each term, as it came to hear of them."""
    found: dict[tuple[str, int], Election] = {}
    for request, message in sent:
        if "vote" not in request.verb.lower().replace("_", ""):
            continue
        term = next((value for name, value in request.args.items() if _bare(name) == "term"), None)
        if type(term) is not int:
            continue
        at = message.source, term
        if at not in found:
            itself = Vote(message.sent, message.source, True)
            found[at] = Election(message.source, term, message.sent, servers // 2 + 1, [itself])
        answer = request.heard
        granted = None if answer is None else next(
            (value for name, value in answer.items() if "grant" in name.lower()), None
        )  # fmt: skip
        if isinstance(granted, bool) and message.ended >= 0:
            found[at].votes.append(Vote(message.ended, message.target, granted))
    return list(found.values())


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


# -- locks, and entries of logs -------------------------------------------------------------------


def held_locks(operations: Iterable[Operation]) -> list[Band]:
    """From the return of each Acquire to the call of its client's next Release."""
    found: list[Band] = []
    open_: dict[str, Band] = {}
    for op in sorted(operations, key=lambda op: op.call):
        if op.kind == "Acquire" and op.ret >= 0:
            name = op.client.partition(".")[2]
            open_[op.client] = band = Band(op.client, "holds", op.ret, -1, "holds it", name)
            found.append(band)
        elif op.kind == "Release":
            _close(open_, op.client, op.call)
    return found


def entries(
    sent: Iterable[tuple[Request, Message]], outcome: Outcome, timeline: Timeline
) -> list[LogEntry]:
    """Which requests became which entries of a log, as those who start them are told."""
    ops = {message.rpc: message.op for _, message in sent}
    found = []
    for one in outcome.observations:
        if one.what == "logged" and timeline.first <= one.place <= timeline.last:
            rpc, index, term = one.data
            at = timeline.event(one.place)  # at which the test has said so, too
            if timeline.events[at].node != one.node:
                at = timeline.before(one.place)
            found.append(LogEntry(at, one.node, index, term, ops.get(rpc, -1), rpc))
    return found
