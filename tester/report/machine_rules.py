"""The rules of a replicated state machine: what was applied where, and what may be answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from tester.report import values
from tester.report.audit.group import Group
from tester.report.audit.restored import TAKEN_OVER, entries_of, entry_of, since, unwanted
from tester.report.broken import Broken, listed
from tester.report.exchange import Request
from tester.world.events import Call, OfNode, Return, Send, only
from tester.world.execution import Observation
from tester.world.failure import Stuck
from tester.world.history import Op, operation_name, seconds

_SOURCE: Final = "docs/7-kvraft.md, What is agreed"
_LOG: Final = "Every operation goes through the log, reads too: a leader may have been deposed"
_LEADS: Final = "A server that does not lead answers ErrWrongLeader"
_APPLIED: Final = "A request is answered when this server has applied that very request"
_ORDER: Final = "All replicas apply the same requests in the same order, each once"
_ONCE: Final = "A request that is submitted once is applied once"
_LOST: Final = "submit returns ErrWrongLeader when the server is no longer leader, or is shut down"
_NEXT: Final = (
    "When a majority can talk, a clerk finds the leader: it asks one server after the other"
)
_STAYS: Final = 20
"""This many requests to one server in a row are no chance."""
_ALL: Final = "Every replica applies all that is committed, whoever has submitted it"
_SNAPSHOT: Final = "A snapshot takes the place of all requests that it covers, and of no other"
_REQUEST: Final = 30
"""Columns for a request that is no message."""
_REPLY: Final = 30
"""Columns for a reply, or one field of it."""
_FIELD: Final = 14
"""Columns for a field of a request."""
JUDGED: Final = frozenset({"NotApplied", "AppliedTwice", "ReplicasDiverged", "UnwantedSnapshot"})
"""The verdicts of which a broken rule here says all, and more."""
_OK: Final = frozenset({"OK", "ErrNoKey", "ErrVersion"})


@dataclass(frozen=True, eq=False)
class _Log:
    """What the replicas showed: who applied what, and in which order."""

    group: Group

    @property
    def is_of_machines(self) -> bool:
        """Whether there are machines above the Rafts: what they apply has replies."""
        return any(len(one.data) == 3 for one in self.of("applied"))

    def shown(self, request: bytes) -> str:
        """A request for a reader: as plain data, if that is what it is."""
        try:
            fields = msgspec.msgpack.decode(request)
        except (msgspec.DecodeError, ValueError):
            return values.shown(request, _REQUEST)
        if not isinstance(fields, dict):
            return values.shown(request, _REQUEST)
        method = fields.pop("method", "")
        named = self.ids.named(fields)
        parts = [values.field(str(name), value, _FIELD) for name, value in named.items() if value]
        name = operation_name(method) if isinstance(method, str) else ""
        return f"{name}({', '.join(parts)})"

    @cached_property
    def ids(self) -> values.Ids:
        """Whose ids are in the requests of clients."""
        ids = values.Ids()
        for send in only(Send, self.group.outcome.events):
            ids.sent(send.end, send.payload)
        return ids

    def of(self, *kinds: str) -> Iterator[Observation]:
        return (one for one in self.group.outcome.observations if one.what in kinds)

    @property
    def first_applied(self) -> dict[bytes, tuple[int, str]]:
        """For each request the number that it had where it was applied first, and where."""
        found: dict[bytes, tuple[int, str]] = {}
        for one in self.of("applied"):
            found.setdefault(one.data[1], (one.data[0], one.node))
        return found

    def last_of(self, node: str, *kinds: str) -> Observation | None:
        found = [one for one in self.of(*kinds) if one.node == node]
        return found[-1] if found else None


def first_broken(group: Group, core: Sequence[Op], sent: Sequence[Request]) -> Broken | None:
    """The first answer, or request applied, that a replicated machine must not give or apply."""
    log = _Log(group)
    match group.outcome.kind:
        case "NotApplied":
            return _answered_too_soon(log)
        case "AppliedTwice":
            return _applied_twice(log)
        case "StateMachineSafetyViolated" | "ReplicasDiverged":
            return _other_request(log)
        case "UnwantedSnapshot":
            return unwanted(group)
        case "NotLinearizable":
            found = [broken for op in core for broken in _past_the_log(log, op, sent)]
            return min(found, key=lambda broken: broken.place, default=None)
    return _stuck(log, sent) if isinstance(group.outcome.error, Stuck) else None


def _decoded(reply: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(reply)
    except (msgspec.DecodeError, ValueError):
        return reply


def _reply(reply: bytes) -> str:
    """A reply for a reader."""
    return values.shown(_decoded(reply), _REPLY)


def _both(one: bytes, other: bytes) -> tuple[str, str]:
    """Two replies that are not the same, for a reader."""
    return values.differing(_decoded(one), _decoded(other), _REPLY)


def _submitted(log: _Log, request: bytes) -> tuple[int, Op] | None:
    """Where in the trace a request was submitted, by the operation with it for its argument."""
    outcome = log.group.outcome
    for place, event in enumerate(outcome.events):
        if isinstance(event, Call) and outcome.history.ops[event.op].args[:1] == (request,):
            return place, outcome.history.ops[event.op]
    return None


def _end(log: _Log) -> int:
    return len(log.group.outcome.trace) - 1


# -- what is answered ---------------------------------------------------------------------------


def _answered_too_soon(log: _Log) -> Broken | None:
    answered = next(reversed([*log.of("answered")]), None)
    if answered is None:
        return None
    who, request = answered.node, answered.data[0]
    mine = [one for one in log.of("applied") if one.node == who and one.data[1] == request]
    just = [
        one
        for one in log.of("applied")
        if one.node == who and one.time_us == answered.time_us and one.data[1] != request
    ]
    submitted = _submitted(log, request)
    since = "" if submitted is None else f", submitted {log.group.at(submitted[0])},"
    sentence = f"{who} answered {log.shown(request)}{since} with OK"
    if mine:
        sentence += (
            f" and another reply than its machine gave to it: {_replies(answered, mine[-1])}"
        )
    else:
        sentence += f", though its machine had not applied it, {_count(log, who)}"
    if just and not mine:
        by = _submitted(log, just[-1].data[1])
        whose = "" if by is None else f", submitted to {by[1].node} {log.group.at(by[0])}"
        sentence += (
            f". What it had applied at that moment was {log.shown(just[-1].data[1])}{whose}, "
            "which is another request"
        )
    return Broken(
        _end(log),
        f"{sentence}.",
        f"{who} answered {log.shown(request)} with OK, and had not applied it"
        if not mine
        else f"{who} answered {log.shown(request)} with another request's reply",
        _APPLIED,
        _SOURCE,
        op=None if submitted is None else submitted[1].number,
        cause=None if submitted is None else submitted[0],
        events=[] if submitted is None else [submitted[0]],
        servers=[who],
    )


def _replies(answered: Observation, applied: Observation) -> str:
    return " instead of ".join(_both(answered.data[1], applied.data[2]))


def _count(log: _Log, who: str) -> str:
    last = log.last_of(who, "applied", "restored", "started")
    number = last.data[0] if last is not None and last.what != "started" else 0
    if not number:
        return "nor any other"
    return f"only {number} other {'request' if number == 1 else 'requests'}"


def _past_the_log(log: _Log, op: Op, sent: Sequence[Request]) -> Iterator[Broken]:
    """Operations that cannot be ordered, and that a server answered without its log."""
    own = [one for one in sent if one.op == op.number and one.fate == "reply"]
    heard = [one for one in own if (one.answered or {}).get("err") in _OK]
    if not heard:
        return
    last = heard[-1]
    logged = {one.data[0]: one for one in log.of("logged")}
    place, answer = last.answers[0]
    asked = f"#{last.rpc} ({values.operation(op.method, op.args)})"
    said = f"{asked} with {values.reply(answer)}"
    entry = logged.get(last.rpc)
    state, leads = log.group.servers.before(last.server, place), _leader(log, place)
    there = "" if leads is None else f"{leads[0]} led term {leads[1]}"
    if logged and entry is None and not _led(log, last):
        sentence = f"{last.server} did not lead and must answer ErrWrongLeader: it answered {said}"
        sentence += f", without an entry in the log.{there and f' {there}.'}"
        what = f"did not lead, and answered {values.operation(op.method, op.args)}"
        rule = _LEADS
    elif op.method == "get" and logged and entry is None:
        here = f"believed that it led term {state.term}" if state.leads else "led no more"
        sentence = f"{last.server} answered {said} from what it had, without an entry in the log."
        sentence += f" It {here}{there and f', and {there}'}."
        what, rule = "answered a read without its log", _LOG
    elif op.method != "get" and entry is not None:
        applied = [one for one in log.of("applied") if one.node == last.server]
        if any(entry.place <= one.place <= place for one in applied):
            return
        sentence = f"{last.server} answered {said} as soon as it was entry {entry.data[1]} of its "
        sentence += "log, and its machine had not applied it."
        what, rule = "answered a write before it had applied it", _APPLIED
    else:
        return
    yield Broken(
        place,
        sentence,
        f"{last.server} {what}",
        rule,
        _SOURCE,
        rpc=last.rpc,
        others=[last.rpc],
        events=_events(log, op),
        servers=[last.server],
    )


def _led(log: _Log, request: Request) -> bool:
    """Whether a server led when it got a request, or when it answered it."""
    servers = log.group.servers
    moments = request.arrivals[-1], request.answers[0][0]
    return any(servers.before(request.server, place).leads for place in moments)


def _leader(log: _Log, place: int) -> tuple[str, int] | None:
    """Who led the latest term before an event."""
    states = [(log.group.servers.before(name, place), name) for name in log.group.servers.names]
    leaders = [(state.term, name) for state, name in states if state.leads]
    if not leaders:
        return None
    term, name = max(leaders)
    return name, term


def _events(log: _Log, op: Op) -> list[int]:
    return [
        place
        for place, event in enumerate(log.group.outcome.events)
        if isinstance(event, Call | Return) and event.op == op.number
    ]


# -- what is applied ----------------------------------------------------------------------------


def _applied_twice(log: _Log) -> Broken | None:
    again = next(reversed([*log.of("applied")]), None)
    if again is None or not log.is_of_machines:
        return None
    who, (number, request, _) = again.node, again.data
    first, by = log.first_applied[request]
    entries = entries_of(log.group, request)
    shown = log.shown(request)
    sentence = f"{who} applied {shown} as request {number}, and it was request {first} already"
    others: list[int] = []
    if len(entries) > 1:
        found = sorted(entries)[:2]
        others = [entries[one] for one in found]
        stands = [f"entry {i} of term {t} (#{entries[i, t]})" for i, t in found]
        sentence += f". It stands in the log twice, as {listed(stands)}: it was submitted again"
    elif by == who:
        sentence += ". It stands in the log once: the machine was called twice for one entry"
    submitted = _submitted(log, request)
    return Broken(
        _end(log),
        f"{sentence}.",
        f"{who} applied {shown} twice",
        _ONCE,
        _SOURCE,
        cause=None if submitted is None else submitted[0],
        others=others,
        events=[] if submitted is None else [submitted[0]],
        servers=[who],
    )


def _other_request(log: _Log) -> Broken | None:
    """A replica that applies another request than others did, or replies another way to it."""
    wrong = next(reversed([*log.of("applied")]), None)
    if wrong is None or not log.is_of_machines:
        return None
    who, (number, request, reply) = wrong.node, wrong.data
    theirs = next(
        (one for one in log.of("applied") if one.data[0] == number and one.node != who), None
    )
    if theirs is None or theirs.data[1:] == (request, reply):
        return None
    shown = log.shown(request)
    if theirs.data[1] == request:
        ours, others = _both(reply, theirs.data[2])
        headline = f"{who} replied to request {number} in another way than {theirs.node}"
        sentence = (
            f"{who} replied to request {number}, {shown}, with {ours}, where {theirs.node} "
            f"replied {others}: their machines are in different states"
        )
    else:
        headline = f"{who} applied {shown} as request {number}, and {theirs.node} another one"
        sentence = (
            f"{who} applied {shown} as request {number}, where {theirs.node} applied "
            f"{log.shown(theirs.data[1])}{_left_out(log, wrong)}"
        )
    start, how, message = since(log.group, who, wrong)
    return Broken(
        _end(log),
        f"{sentence}{how}.",
        headline,
        _SNAPSHOT if how else _ORDER,
        _SOURCE,
        cause=start or None,
        others=[] if message is None else [message.rpc],
        events=[start] if start else [],
        servers=[who],
        way="after a snapshot" if how.startswith(TAKEN_OVER) else "",
    )


def _left_out(log: _Log, wrong: Observation) -> str:
    """Which requests a replica has left out, by the numbers that others gave them."""
    number, request, _ = wrong.data
    known = [one for one in log.of("applied") if one.data[1] == request and one is not wrong]
    if len({one.data[0] for one in known}) != 1:
        return ""  # it is no request of its own, such as a get
    at = known[0].data[0]
    said = f". For {known[0].node} it was request {at}: {wrong.node} has "
    if at <= number:
        return f"{said}applied it again"
    if at > number + 1:
        return f"{said}left out requests {number} to {at - 1}"
    entry = entry_of(log.group, known[0].node, number)
    return f"{said}left out request {number}{entry and f' ({entry})'}"


# -- what never returns -------------------------------------------------------------------------


def _stuck(log: _Log, sent: Sequence[Request]) -> Broken | None:
    return _never_answered(log) or _asks_only_one(log, sent) or _lags(log)


def _asks_only_one(log: _Log, sent: Sequence[Request]) -> Broken | None:
    """A clerk that stays with one server, which does not lead."""
    outcome = log.group.outcome
    names = log.group.servers.names
    for op in outcome.history.ops:
        own = [one for one in sent if one.op == op.number and one.ended is not None]
        if op.ret is not None or len(own) < _STAYS:
            continue
        where = own[-1].end.rpartition("-")[2].rpartition(".")[2]
        alike = 0
        for one in reversed(own):
            if one.end != own[-1].end:
                break
            alike += 1
        leads = _leader(log, own[-1].sent)
        if alike < _STAYS or where not in names or leads is None or leads[0] == where:
            continue
        first = own[-alike]
        others = [one for one in own[-alike:] if one.fate == "reply"]
        answer = "none was answered"
        if others:
            answer = f"answered {values.reply(others[-1].answers[0][1])} each time"
        which = f"all its {alike}" if alike == len(own) else f"its last {alike}"
        return Broken(
            own[-1].ended or own[-1].sent,
            f"{op.client}'s {values.operation(op.method, op.args)} sent {which} "
            f"requests to {where}, #{first.rpc} to #{own[-1].rpc}: {answer}. {leads[0]} led term "
            f"{leads[1]}.",
            f"{op.client} asks only {where}, and {leads[0]} leads",
            _NEXT,
            _SOURCE,
            cause=first.sent,
            rpc=own[-1].rpc,
            op=op.number,
            others=[first.rpc, own[-1].rpc],
            events=_events(log, op),
            servers=[where],
        )
    return None


def _never_answered(log: _Log) -> Broken | None:
    """A submission that waits though its server leads no more, or was shut down."""
    outcome = log.group.outcome
    events = [*outcome.events]
    for op in outcome.history.ops:
        if op.ret is not None or op.method != "submit" or op.node not in log.group.servers.states:
            continue
        place = _events(log, op)[0]
        states = [*log.group.servers.during(op.node, place, _end(log))]
        before = log.group.servers.before(op.node, place)
        lost = next((s for s in states if not s.leads and s.term > before.term), None)
        down = next((at for at in _shut(log, op.node) if at > place), None)
        if lost is None and down is None:
            continue
        at = down if down is not None else log.group.servers.event(op.node, lost or before)
        when = events[at].time_us if down is not None or lost is None else lost.time_us
        what = "was shut down" if down is not None else "heard of a newer term"
        led = f"{op.node} took {values.operation(op.method, op.args)} {log.group.at(place)}"
        return Broken(
            at,
            f"{led}, and {what} at {seconds(when)} s; submit had not returned at "
            f"{seconds(outcome.virtual_us)} s.",
            f"{op.node}'s submit does not return after it {what}",
            _LOST,
            _SOURCE,
            seen=None if lost is None or down is not None else lost.place,
            cause=place,
            op=op.number,
            events=[place, at],
            servers=[op.node],
        )
    return None


def _shut(log: _Log, node: str) -> Iterator[int]:
    """Where a server was stopped, or shut down by an operation."""
    ops = log.group.outcome.history.ops
    for place, event in enumerate(log.group.outcome.events):
        if isinstance(event, OfNode) and event.node == node and event.kind == "stop":
            yield place
        elif isinstance(event, Return) and ops[event.op].node == node:
            down = ops[event.op].method in {"shut_down", "kill"}
            yield from [place] if down else []


def _lags(log: _Log) -> Broken | None:
    """A replica that was shown that entries are committed, and has applied fewer requests."""
    outcome = log.group.outcome
    if not log.is_of_machines:
        return None
    for name in log.group.servers.names:
        commits = [
            message
            for message in log.group.of("append")
            if message.receiver == name and message.agreed and message.commit
        ]
        last = log.last_of(name, "applied", "restored", "started")
        if not commits or last is None:
            continue
        number = last.data[0] if last.what != "started" and last.data else 0
        message = commits[-1]
        if number >= (message.commit or 0) or message.answered is None:
            continue
        first = next(one for one in commits if (one.commit or 0) > number)
        return Broken(
            first.answered or 0,
            f"#{first.rpc} said to {name} that all entries up to {first.commit} are committed, "
            f"and its machine had applied {number} {'request' if number == 1 else 'requests'} at "
            f"{seconds(outcome.virtual_us)} s.",
            f"{name} does not apply what is committed",
            _ALL,
            _SOURCE,
            cause=first.arrived,
            rpc=first.rpc,
            servers=[name],
        )
    return None
