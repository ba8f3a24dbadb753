"""The lines of a story: what happened in a run, one event a line, from its trace."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import msgspec

from tester.report import values
from tester.report.exchange import Causes
from tester.report.width import WIDTH, wrapped
from tester.world.events import (
    Annotated,
    Answer,
    Call,
    ConditionChange,
    CutShort,
    Deliver,
    DiskLoss,
    Does,
    FaultStruck,
    FileOp,
    Held,
    NoReply,
    Note,
    OfNode,
    Partition,
    Reply,
    Return,
    Send,
    Skew,
    SlowDisk,
    TraceEvent,
    Unheard,
    only,
)
from tester.world.failure import Failure
from tester.world.files import MISSING
from tester.world.history import seconds
from tester.world.run import Outcome
from tester.world.spectator import Said

_LOSSES: Final = {
    "request lost": "no reply: the network lost the request",
    "unreachable": "no reply: no server could be reached",
    "server dead": "no reply: the server was gone",
}
_ENDS: Final = (Reply, NoReply)
_ARRIVES: Final = "arrives"
_OF_NODE: Final = {
    "crash": "crashes",
    "stop": "is stopped",
    "restart": "restarts",
    "pause": "is paused",
    "resume": "goes on",
}
_HELD_UP: Final = "no reply in time: the request is still on its way"
_AFTERMATH: Final = {
    "reply lost": ", and the network lost the reply",
    "server dead": ", and the server was gone before it could say so",
}


AGAIN: Final = "again"
"""The kind of a line that counts how often the lines before it are repeated."""
_MESSAGES: Final = frozenset({"send", "held", "deliver", "answer", "no reply", AGAIN})


@dataclass(frozen=True)
class Line:
    """One line of a story: when, on which node, what."""

    time_us: int
    who: str
    what: str
    kind: str = ""
    """The kind of event it is about, as in the trace; "no reply" for every reason there is."""
    op: int | None = None
    """The operation it belongs to, if any."""
    rpc: int | None = None
    """The RPC it is about, if any; its text begins with the number."""
    place: int = field(default=-1, compare=False)
    """Where in the trace its event is; -1 for what is none."""
    marked: bool = field(default=False, compare=False)
    """Whether it is about the answer that breaks a rule."""
    below: Sequence[str] = field(default=(), compare=False)
    """Lines of the code that made it happen."""

    @property
    def is_message(self) -> bool:
        """Whether it is about a message on its way, and not of what was done or happened."""
        return self.kind in _MESSAGES

    @property
    def is_arrival(self) -> bool:
        """Whether it tells only that a message has arrived, as was to be expected."""
        return self.kind == "deliver" and self.what == _ARRIVES

    @property
    def is_file(self) -> bool:
        """Whether it tells what was done to a file that nodes share: of that there is much."""
        return self.kind == "file"

    @property
    def is_state(self) -> bool:
        """Whether it tells what has become of a server, which the run was shown."""
        return self.kind == "does"

    @property
    def is_death(self) -> bool:
        """Whether it tells what a background task died of."""
        return self.kind == "death"

    @property
    def is_unreachable(self) -> bool:
        """Whether it is the end of an RPC that reached nobody."""
        return self.kind == "no reply" and self.what == _LOSSES["unreachable"]

    def answers(self, call: Line) -> bool:
        """Whether it ends, and repeats, the operation that another line begins."""
        return self.kind == "return" and call.kind == "call" and self.op == call.op

    def likewise(self, before: Line | None) -> Line:
        """This line, shorter, if it repeats the long message of the line before it."""
        if before is None or not self.is_message or len(str(self)) <= WIDTH:
            return self
        if (before.time_us, before.kind, before.what) != (self.time_us, self.kind, self.what):
            return self
        return replace(self, what="likewise")

    @property
    def text(self) -> str:
        """What happened; messages stand further in, behind their numbers."""
        if self.kind == AGAIN:
            return self.what
        return f"    #{self.rpc} {self.what}" if self.is_message else self.what

    def __str__(self) -> str:
        mark = ">" if self.marked else ""
        start = f"{mark}{seconds(self.time_us):>{8 - len(mark)}}  {self.who:<7} "
        text = self.text
        inside = " " * (len(start) + (8 if self.is_message else 4))
        rows = [start + text]
        if len(rows[0]) > WIDTH:
            rows = wrapped(text, start, inside)
        below = " " * _BELOW
        for code in self.below if self.marked else ():
            rows += wrapped(code, below, f"{below}    ")
        return "\n".join(rows)


_GAP: Final = f"{'...':>8}  "
"""Where a row begins that says what is left out."""
_BELOW: Final = 11
"""Columns before the lines of code below one."""

HEADER: Final = f"{'time':>8}  {'who':<7} what happened"


def gap(count: int, which: str = "line", about: str = "") -> str:
    """A row that says how many lines are left out."""
    are = f"{which} is" if count == 1 else f"{which}s are"
    return f"{_GAP}({count} {are} left out{about})"


def listed(rows: Sequence[Line | str]) -> str:
    """The rows below their header, which says as well what is left out before them."""
    if not rows:
        return ""
    first, *others = map(str, rows)
    if first.startswith(_GAP) and others:
        return "\n".join([f"{HEADER} {first.removeprefix(_GAP)}", *others])
    return "\n".join([HEADER, first, *others])


class _Narrator:
    """Walks a trace once; knows which RPC belongs to which operation, and how each ended."""

    def __init__(self, outcome: Outcome) -> None:
        events = outcome.events
        self._outcome = outcome
        self._ends = {event.rpc: event.kind for event in events if isinstance(event, _ENDS)}
        self._arrives = {event.rpc: event.time_us for event in only(Deliver, events)}
        self._answers: dict[int, int] = {}
        for answer in only(Answer, events):
            self._answers.setdefault(answer.rpc, answer.time_us)
        self._open: dict[int, str] = {}  # operations, with their texts
        self._sent: dict[int, tuple[str, int | None]] = {}  # rpc -> (end, op)
        self._delivered: dict[int, int] = {}
        self._servers: dict[int, str] = {}
        self._all_servers = {event.server for event in only(Deliver, events)}
        self._all_servers |= {one.node for one in outcome.observations}
        self._over: set[int] = set()  # RPCs whose caller knows
        self._causes = Causes(outcome)
        self._ids = values.Ids()
        self._place = 0  # in the trace, of the event that is shown of
        self._op: int | None = None  # for which the RPC was sent that is shown of

    def lines(self) -> Iterator[Line]:
        for place, event in enumerate(self._outcome.events):
            self._place = place
            self._op = self._causes.take(event)
            match event:
                case Call() | Return() | Unheard():
                    yield self._operation(event)
                case Send() | Held() | Deliver() | Answer() | Reply() | NoReply():
                    line = self._message(event)
                    if line is not None:
                        yield line
                case _:
                    said = _happened(event)
                    if said is not None:
                        yield Line(
                            event.time_us, *said, event.kind, *self._meant(event), self._place
                        )

    def _meant(self, event: TraceEvent) -> tuple[int | None, int | None]:
        """Which operation, and which RPC of it, somebody named in saying what happened."""
        match event:
            case Does(rpc=int(rpc)):
                return self._sent[rpc][1], rpc
        return None, None

    def _operation(self, event: Call | Return | Unheard) -> Line:
        op = self._outcome.history.ops[event.op]
        if isinstance(event, Call):
            args = msgspec.msgpack.decode(event.args)
            text = self._open[event.op] = values.operation(event.method, args)
        else:
            text = self._open.pop(event.op)
            text += f" -> {values.result(msgspec.msgpack.decode(event.result))}"
            if isinstance(event, Unheard):
                text += ", but its caller had given up"
        return Line(event.time_us, op.client, text, event.kind, event.op, place=self._place)

    def _message(self, event: Send | Held | Deliver | Answer | Reply | NoReply) -> Line | None:
        """The line about a message; None where another line says it all."""
        match event:
            case Send():
                self._sent[event.rpc] = event.end, self._op
                self._ids.sent(event.end, event.payload)
                asked = values.message(event.payload, self._ids)
                who, what = event.end, f"{self._method(event)}({asked})"
            case Held():
                who, what = self._sent[event.rpc][0], "is held back on its way"
            case Deliver():
                self._servers[event.rpc] = who = event.server
                said = self._arrival(event)
                if said is None:
                    return None
                what = said
            case Answer():
                reason = self._ends.get(event.rpc, "")
                aftermath = "" if event.rpc in self._over else _AFTERMATH.get(reason, "")
                who = self._servers[event.rpc]
                what = f"{values.reply(event.payload, self._ids)}{aftermath}"
            case _:
                self._over.add(event.rpc)
                if event.kind not in _LOSSES:
                    return None
                late = self._arrives.get(event.rpc, -1) >= event.time_us
                held_up = late and event.kind == "request lost"
                who, what = self._sent[event.rpc][0], _HELD_UP if held_up else _LOSSES[event.kind]
        kind = "no reply" if isinstance(event, NoReply) else event.kind
        op = self._sent[event.rpc][1]
        return Line(event.time_us, who, what, kind, op, event.rpc, self._place)

    def _method(self, event: Send) -> str:
        """The method asked for; without its class if a server asks, for its peers are like it."""
        if self._outcome.senders[event.rpc].node in self._all_servers:
            return event.method.rpartition(".")[2]
        return event.method

    def _arrival(self, event: Deliver) -> str | None:
        count = self._delivered[event.rpc] = self._delivered.get(event.rpc, 0) + 1
        if count > 1:
            return "arrives again: the network had copied it"
        if event.rpc in self._over:
            return "arrives late: its caller had given up"
        if self._answers.get(event.rpc) == event.time_us:
            return None  # handled in one go: one line is enough
        return _ARRIVES


def _happened(event: TraceEvent) -> tuple[str, str] | None:
    """Who, and what became of him; None where there is nothing to say."""
    match event:
        case OfNode():
            return event.node, _OF_NODE[event.kind]
        case CutShort():
            return event.node, f"has handled #{event.rpc}, and before it answers:"
        case DiskLoss(writes=lost):
            what = "the last write" if lost == 1 else f"the last {lost} writes"
            return event.node, f"the disk loses {what}: not synced"
        case Skew():
            return event.node, f"its clock {_clock(event)}"
        case SlowDisk(extra_ms=extra_ms):
            what = f"a sync takes {extra_ms} ms longer" if extra_ms else "syncs as usual"
            return event.node, what
        case FileOp():
            return _filed(event)
        case Partition():
            how = "is cut" if event.kind == "cut" else "heals"
            return "network", f"{how}: {_groups(event)}"
        case ConditionChange():
            how = "from here on" if event.begins else "no more"
            return "network", f"{how} {event.name.replace('_', ' ')}"
        case FaultStruck() if event.what.startswith("maybe("):  # other events tell the others
            site, _, node = event.what.rpartition(" on ")
            return node, f"{site} comes true"
        case Does():
            return event.node, event.what
        case Annotated():
            return event.node, annotated(event)
        case Note():
            return "test", " ".join(event.text.splitlines())
    return None


def _filed(event: FileOp) -> tuple[str, str] | None:
    """What a node did to the files that others can see; reading and temporary files say little."""
    if event.outcome == MISSING:
        return event.node, f"finds no file {event.name} to {event.method}"
    if event.method == "rename":
        return event.node, f"renames {event.name} to {event.other}"
    return None


def annotated(event: Annotated) -> str:
    """An annotation in words: "phase: writing", "compaction: of 3 files (since 0.120)"."""
    text = f"{event.tag}: {' '.join(event.text.split()) or 'over'}"
    return text if event.since_us < 0 else f"{text} (since {seconds(event.since_us)})"


def _clock(event: Skew) -> str:
    wrong = []
    if event.ahead_ms:
        how = "ahead" if event.ahead_ms > 0 else "behind"
        wrong.append(f"is {seconds(abs(event.ahead_ms) * 1_000)} s {how}")
    if event.drift_ppm:
        how = "gains" if event.drift_ppm > 0 else "loses"
        wrong.append(f"{how} {seconds(abs(event.drift_ppm))} s a second")
    return " and ".join(wrong) or "is right again"


def _groups(event: Partition) -> str:
    """Who is on which side: `s0 | s1, s2`, or whom s0 does not reach."""
    sides = [", ".join(group) for group in event.groups]
    if event.one_way:
        return f"what {sides[0]} sends to {sides[1]} is lost"
    return " | ".join(sides)


def lines(outcome: Outcome, said: Sequence[Said] = ()) -> list[Line]:
    """Every line of the story of a run that kept its trace.

    What background tasks died of stands where they did, and so does what was `said`.
    """
    found = list(_with_said(_Narrator(outcome).lines(), said))
    for line in sorted(_deaths(outcome.died), key=lambda line: line.time_us):
        at = bisect_right(found, line.time_us, key=lambda line: line.time_us)
        found.insert(at, line)
    return found


def _with_said(found: Iterable[Line], said: Sequence[Said]) -> Iterator[Line]:
    """Lines of events, and between them what was logged and printed at their places."""
    at = 0
    for line in found:
        while at < len(said) and said[at].place <= line.place:
            yield _said(said[at])
            at += 1
        yield line
    yield from map(_said, said[at:])


def _said(one: Said) -> Line:
    level = "prints" if one.level == "print" else one.level
    named = f" {one.logger}" if one.logger and one.logger != "root" else ""
    text = " ".join(one.text.split())
    return Line(one.time_us, one.node, f"{level}{named}: {text}", "log")


def _deaths(died: Sequence[Failure]) -> Iterable[Line]:
    """A line for each place where tasks died of one thing: when the first of them did."""
    first: dict[tuple[Any, ...], Failure] = {}
    for failure in died:
        if failure.time_us is not None:
            known = first.setdefault((failure.node, failure.kind, failure.frames[-1:]), failure)
            if failure.time_us < cast(int, known.time_us):
                first[failure.node, failure.kind, failure.frames[-1:]] = failure
    for failure in first.values():
        said = failure.message.splitlines()[:1]
        what = f"a task raised {': '.join([failure.kind, *said])}"
        yield Line(cast(int, failure.time_us), failure.node, what, "death")
