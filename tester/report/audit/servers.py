"""What the servers of a Raft group showed of themselves over a run, step by step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final

from tester.world.events import Answer, Call, Deliver, OfNode, Reply, Return, Send
from tester.world.execution import Observation
from tester.world.log_view import LogView
from tester.world.run import Outcome

NONE: Final = -1
"""No vote, or no commit index that is known."""

LATELY_US: Final = 1_000_000
"""What is sent may have been made ready so long before: a task may have to wait."""


@dataclass(frozen=True)
class State(LogView):
    """One server as it was from some place in the trace on, until its next state."""

    place: int
    """How many events the trace had."""
    time_us: int
    life: int = 0
    """How often it has restarted."""
    term: int = NONE
    leads: bool = False
    shows: bool = False
    """Whether it has ever shown its log, term, vote and commit index."""
    busy: bool = False
    """Whether it cannot be asked just now."""
    vote: int = NONE
    vote_term: int = NONE
    """In which term it gave that vote, or none."""
    commit: int = NONE
    applied: int = 0
    base: int = 0
    """The index of the last entry that its snapshot covers."""
    base_term: int = 0
    """The term of that entry."""
    terms: Sequence[int] = ()
    """The terms of the entries after it."""

    @property
    def describes(self) -> bool:
        """Whether its log, term, vote and commit index are as it shows them now."""
        return self.shows and not self.busy

    def covers(self, index: int) -> bool:
        """Whether a snapshot has taken the place of the entry."""
        return index < self.base


_PLACE: Final = attrgetter("place")


class Servers:
    """The states of each server of the group, in order; the group is those that showed any."""

    def __init__(self, outcome: Outcome) -> None:
        self.states: dict[str, list[State]] = {}
        self.snapshots: list[tuple[str, int, int]] = []
        """Where a service handed over a snapshot: the server, up to where, the place."""
        for seen in outcome.observations:
            self._take(seen)
        self._touched: dict[str, list[int]] = {name: [] for name in self.states}
        self.downs: dict[str, list[int]] = {name: [] for name in self.states}
        """The places in the trace at which each server crashed or was stopped."""
        self.starts: dict[str, list[int]] = {name: [] for name in self.states}
        """The places at which each server restarted."""
        self.times: list[int] = []
        """The instant of each event of the trace."""
        self._read(outcome)

    @property
    def names(self) -> list[str]:
        """The servers, in the order of their numbers."""
        return sorted(self.states, key=lambda name: (len(name), name))

    @property
    def majority(self) -> int:
        """How many are one."""
        return len(self.states) // 2 + 1

    # -- the states -------------------------------------------------------------------------------

    def before(self, name: str, place: int) -> State:
        """How a server was before the event at this place."""
        states = self.states[name]
        at = bisect_right(states, place, key=_PLACE)
        return states[at - 1] if at else states[0]

    def after(self, name: str, place: int) -> State:
        """How it was at the end of the step in which it made the event at this place happen."""
        found = self.before(name, place)
        for state in self.during(name, place, self._next_touch(name, place)):
            if state.time_us != self.times[place]:
                break
            found = state
        return found

    def during(self, name: str, first: int, last: int) -> Iterator[State]:
        """Its states that began after the event at `first`, and no later than that at `last`."""
        states = self.states[name]
        for at in range(bisect_right(states, first, key=_PLACE), len(states)):
            if states[at].place > last:
                return
            yield states[at]

    def known(self, name: str, first: int, last: int) -> list[State]:
        """Its state before one event, and all up to the end of the step of another."""
        until = max(last, self.after(name, last).place)
        return [self.before(name, first), *self.during(name, first, until)]

    def lately(self, name: str, place: int) -> list[State]:
        """Its states in the second up to the end of a step, all of one life; first the last."""
        now = self.after(name, place)
        since = self.times[place] - LATELY_US
        found: list[State] = [self.before(name, place)]
        for state in reversed(self.states[name]):
            if state.place > now.place or state.life != now.life:
                if state.place > now.place:
                    continue
                break
            found.append(state)
            if state.time_us < since:
                break
        return found

    def event(self, name: str, state: State) -> int:
        """The last event at this server before it was seen in a state: what led to it.

        If nothing came in at that instant, a timer did: then the last event before that.
        """
        touched = self._touched[name]
        at = bisect_right(touched, state.place - 1)
        if at and self.times[touched[at - 1]] == state.time_us:
            return touched[at - 1]
        return max(state.place - 1, 0)

    def life_at(self, name: str, place: int) -> int:
        """How often a server had restarted when an event came, whether it had run since or not."""
        return bisect_right(self.starts[name], place)

    def restarted(self, name: str, first: int, last: int) -> int | None:
        """The place of its last restart between two events; None if it did not."""
        found = [place for place in self.starts[name] if first < place < last]
        return found[-1] if found else None

    def _next_touch(self, name: str, place: int) -> int:
        """The next event that begins another step of a server."""
        arrivals = self._arrivals[name]
        at = bisect_right(arrivals, place)
        return arrivals[at] if at < len(arrivals) else len(self.times)

    # -- reading ----------------------------------------------------------------------------------

    def _take(self, seen: Observation) -> None:
        if seen.what == "started":
            known = self.states.setdefault(seen.node, [])
            life = known[-1].life + 1 if known else 0
            applied = len(seen.data[0]) if seen.data else 0
            known.append(State(seen.place, seen.time_us, life, applied=applied))
            return
        if seen.node not in self.states:
            return
        if seen.what == "snapshot":
            self.snapshots.append((seen.node, seen.data[0], seen.place))
            return
        now = self.states[seen.node][-1]
        changes = _changes(now, seen)
        if changes:
            self.states[seen.node].append(
                replace(now, place=seen.place, time_us=seen.time_us, **changes)
            )

    def _read(self, outcome: Outcome) -> None:
        receivers: dict[int, str] = {}
        ops = outcome.history.ops
        self._arrivals: dict[str, list[int]] = {name: [] for name in self.states}
        for place, event in enumerate(outcome.events):
            self.times.append(event.time_us)
            name, arrives = "", False
            match event:
                case Deliver():
                    name, arrives = event.server, True
                    receivers[event.rpc] = name
                case Answer():
                    name = receivers.get(event.rpc, "")
                case Reply():
                    name, arrives = outcome.senders[event.rpc].node, True
                case Send():
                    name = outcome.senders[event.rpc].node
                case Call():
                    name, arrives = ops[event.op].node, True
                case Return():
                    name = ops[event.op].node
                case OfNode(node=node, kind=kind) if node in self.states:
                    name = node
                    if kind in {"crash", "stop"}:
                        self.downs[node].append(place)
                    elif kind == "restart":
                        self.starts[node].append(place)
            if name in self._touched:
                self._touched[name].append(place)
                if arrives:
                    self._arrivals[name].append(place)


def _changes(now: State, seen: Observation) -> dict[str, Any]:
    """What an observation says of a server that was in a state."""
    data = seen.data
    match seen.what:
        case "state" if data:
            return {"term": data[0], "leads": data[1], "busy": False}
        case "state":
            return {"busy": True}
        case "facts":
            term, vote, commit = data
            found = {"shows": True, "vote": vote, "vote_term": term, "commit": commit}
            return found if term == NONE else found | {"term": term}
        case "log":
            base, base_term, at, terms = data
            log = now.changed(base, at, terms)
            return {"shows": True, "base": base, "base_term": base_term, "terms": log}
        case "back":
            return {"commit": data[1]}
        case "voted":
            return {"vote": data[2], "vote_term": data[0]}
        case "applied" if len(data) == 2:  # as a service of Raft alone tells it, by the index
            return {"applied": data[0]}
        case "installed":
            return {"applied": data[0]}
    return {}
