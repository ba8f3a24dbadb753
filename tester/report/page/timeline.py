"""The events of a page: a run's trace, with what was logged, printed and died in between."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from tester.report.audit.leading_up import break_line
from tester.report.broken import Broken
from tester.report.lines import Line, lines
from tester.report.page.document import Event
from tester.report.page.texts import cut
from tester.search.watched import Watched
from tester.world.events import (
    Answer,
    Call,
    Deliver,
    End,
    FaultStruck,
    FileOp,
    Held,
    NoReply,
    Reply,
    Return,
    Send,
    TraceEvent,
    Unheard,
)
from tester.world.run import Outcome
from tester.world.spectator import Said

MOST_EVENTS: Final = 50_000
"""At most this many events are drawn; of a longer run, those around what matters."""


class Timeline:
    """The events that a page shows, in order, and which of them stands for a place in the trace.

    `focus` is a place in the trace that is to be among them, where a rule was broken; it came to
    that by what stands at `causes`. What a server did that showed only at the end of the run, or
    to the test, is an event of its own.
    """

    def __init__(
        self,
        watched: Watched,
        focus: int,
        causes: Collection[int] = (),
        broken: Broken | None = None,
    ) -> None:
        outcome = watched.outcome
        count = len(outcome.trace)
        self.first, self.last = _window(count, focus)
        self.left_out = count - (self.last - self.first)
        """How many events of the trace are not shown."""
        self.events: list[Event] = []
        self._places: list[int] = []
        rows = lines(outcome)
        by_place = {line.place: line for line in rows if line.place >= 0}
        deaths = [line for line in rows if line.is_death]
        said = [one for one in watched.spectator.said if self.first <= one.place <= self.last]
        at_said = at_death = 0
        rpcs: dict[int, int] = {}
        servers: dict[int, str] = {}
        for place, event in enumerate(outcome.events):
            line = by_place.get(place)
            _remember(event, line, rpcs, servers)
            if not self.first <= place < self.last:
                continue
            while at_said < len(said) and said[at_said].place <= place:
                self.events.append(_said(said[at_said]))
                at_said += 1
            while at_death < len(deaths) and deaths[at_death].time_us <= event.time_us:
                self.events.append(_death(deaths[at_death]))
                at_death += 1
            made = _event(event, line, outcome, rpcs, servers)
            made.marked, made.cause = place == focus, place in causes
            apart = _apart(made, broken, outcome) if made.marked else None
            self._places.append(len(self.events))
            self.events += [made] if apart is None else [apart, made]
        self.events += map(_said, said[at_said:])

    def event(self, place: int) -> int:
        """The event that stands for a place in the trace, or for the one nearest to it."""
        if not self._places:
            return 0
        return self._places[min(max(place - self.first, 0), len(self._places) - 1)]

    def shows(self, place: int) -> bool:
        """Whether a place in the trace has its event here."""
        return self.first <= place < self.last

    def before(self, place: int) -> int:
        """The last event before a place in the trace: what was seen there, was seen after it."""
        if place >= self.last:
            return max(len(self.events) - 1, 0)
        return max(self.event(place) - 1, 0) if place > self.first else 0


def _window(count: int, focus: int) -> tuple[int, int]:
    if count <= MOST_EVENTS:
        return 0, count
    last = min(count, max(focus + MOST_EVENTS // 5, MOST_EVENTS)) if focus >= 0 else count
    return last - MOST_EVENTS, last


def _remember(
    event: TraceEvent,
    line: Line | None,
    rpcs: dict[int, int],
    servers: dict[int, str],
) -> None:
    """What later events of an RPC do not say again: for which operation, between whom."""
    if isinstance(event, Send):
        if line is not None and line.op is not None:
            rpcs[event.rpc] = line.op
    elif isinstance(event, Deliver):
        servers[event.rpc] = event.server


def _event(
    event: TraceEvent,
    line: Line | None,
    outcome: Outcome,
    rpcs: dict[int, int],
    servers: dict[int, str],
) -> Event:
    node, text = "network", event.kind
    op = rpc = -1
    match event:
        case Call() | Return() | Unheard():
            op, node = event.op, outcome.history.ops[event.op].node
        case Send() | Held() | Answer() | Deliver() | Reply() | NoReply():
            rpc = event.rpc
            op = rpcs.get(rpc, -1)
            node, text = _of_message(event, outcome, servers)
        case End(failure=failure):
            node, text = "test", f"the run fails with {failure}" if failure else "the run passes"
        case FileOp():
            node, text = event.node, f"{event.method.removesuffix('s')}s {event.name}"
        case FaultStruck():
            text = f"fault: {event.what}"
    if line is not None:
        text = " ".join(line.text.split())
        if rpc < 0:
            node = line.who if op < 0 else node
            op = op if line.op is None else line.op
            rpc = -1 if line.rpc is None else line.rpc
    return Event(event.time_us, event.kind, node, cut(text), op, rpc)


def _of_message(
    event: Send | Held | Answer | Deliver | Reply | NoReply,
    outcome: Outcome,
    servers: dict[int, str],
) -> tuple[str, str]:
    """On which node it happens, and what to say where a story leaves it to another line."""
    if isinstance(event, Deliver | Answer):
        return servers.get(event.rpc, "network"), f"#{event.rpc} arrives"
    text = f"the reply to #{event.rpc} arrives"
    if event.kind == "reply lost":
        text = f"#{event.rpc} no reply: the network lost it"
    elif isinstance(event, NoReply):
        text = f"#{event.rpc} no reply: {event.kind}"
    return outcome.senders[event.rpc].node, text


def _apart(found: Event, broken: Broken | None, outcome: Outcome) -> Event | None:
    """The event that breaks a rule, if the one in the trace is not in the lane of who broke it."""
    if broken is None or found.node not in {"test", "network"}:
        return None
    line = break_line(broken, outcome)
    if line.who not in broken.servers:
        return None
    found.marked = False
    return Event(found.time_us, line.kind, line.who, cut(line.text), marked=True)


def _said(one: Said) -> Event:
    kind = "print" if one.level == "print" else "log"
    level = "" if kind == "print" else one.level
    named = f"{one.logger}: " if one.logger and one.logger != "root" else ""
    return Event(one.time_us, kind, one.node, cut(f"{named}{one.text}"), level=level)


def _death(line: Line) -> Event:
    return Event(line.time_us, line.kind, line.who, cut(line.text))
