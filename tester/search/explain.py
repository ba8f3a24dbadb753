"""The explanation of a shrunk failure: which faults it needs, and its nearest passing run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tester.engine.choices import Choices, Record, Replayed
from tester.engine.stream import Fault
from tester.search.shrink import Shrunk, symptom
from tester.world.events import Does, FaultStruck, Send, TraceEvent, only
from tester.world.group import CUT_OFF
from tester.world.run import Outcome, Scenario, run
from tester.world.streams import FATE_FIELDS, FATE_KINDS, FATE_SIZE, NETWORK

_NETWORK_FAULTS: Final = {
    "request_lost": "the lost request #{}",
    "reply_lost": "the lost reply to #{}",
    "duplicated": "the duplicate of #{}",
    "late": "the late arrival of #{}",
    "reply_held": "the held-back reply to #{}",
}
_MOST_NAMED: Final = 3
"""Of more faults that are needed together, only the number is said."""
_BY_TEST: Final = {
    "crash": "crashes",
    "stop": "stops",
    "pause": "pauses",
    "cut": "cuts",
    "unreachable": "cuts",
}
"""What a test may do to nodes, by kinds of events, in words.

The last one shows that ends are disabled, which is not an event by itself.
"""


@dataclass(frozen=True)
class Cause:
    """One of the remaining faults, and what happens to the run without it."""

    fault: Fault
    what: str
    """ "the lost reply to #1". """
    kind: str
    """ "lost reply". """
    necessary: bool
    """Whether the failure disappears when this fault alone is flipped."""
    passes: bool
    """Whether the run passes then, rather than failing in another way."""


@dataclass(frozen=True)
class Explanation:
    """Why a shrunk run fails."""

    shrunk: Shrunk
    causes: Sequence[Cause]
    twin: Outcome | None
    """The same run with the fault `flipped` turned off; None if there is no such fault."""
    runs: int
    """How many runs shrinking and explaining took."""

    @property
    def necessary(self) -> list[Cause]:
        """The faults without which this run does not fail as it does."""
        return [cause for cause in self.causes if cause.necessary]

    @property
    def flipped(self) -> Cause | None:
        """The first fault without which this run passes."""
        return next((cause for cause in self.causes if cause.passes), None)

    @property
    def sentence(self) -> str:
        """What the failure needs, in one sentence."""
        causes = self.necessary
        if not self.causes:
            done = _done_by_the_test(self.shrunk.outcome.events)
            if done:
                return f"No random fault is needed, only the {done} of the test itself."
            return "No fault is needed: it fails on a perfect network."
        if not causes:
            return "Each fault that is left can be replaced by another one."
        passes = all(cause.passes for cause in causes)
        then = "this seed passes" if passes else "this seed does not fail in this way"
        if len(causes) == 1:
            return f"One {causes[0].kind} is enough: without it {then}."
        if len(causes) > _MOST_NAMED:
            return (
                f"It takes {len(causes)} faults at their moments: without any one of them {then}."
            )
        names = [cause.what for cause in causes]
        together = f"{', '.join(names[:-1])} and {names[-1]}"
        each = "either" if len(names) == 2 else "any one"
        return f"It takes {together}: without {each} of them {then}."


def _done_by_the_test(events: Sequence[TraceEvent]) -> str:
    """What a test itself has done to nodes, as "crashes and cuts"; "" if that is nothing."""
    done = {
        _BY_TEST["cut"]
        if isinstance(event, Does) and event.what == CUT_OFF
        else _BY_TEST.get(event.kind, "")
        for event in events
    }
    return " and ".join(
        ", ".join(name for name in dict.fromkeys(_BY_TEST.values()) if name in done).rsplit(
            ", ", 1
        )
    )


def explain(
    scenario: Scenario, shrunk: Shrunk, attempt: Callable[[], None] = lambda: None
) -> Explanation:
    """Turn off each remaining fault alone, and see whether the run passes.

    `attempt` is called before each run, as a sign of life.
    """
    causes = []
    twin = None
    for fault in shrunk.faults:
        attempt()
        outcome = _without(scenario, shrunk.record, fault)
        necessary = symptom(outcome) != symptom(shrunk.outcome)
        passes = outcome.error is None
        if passes and twin is None:
            twin = outcome
        what, kind = describe(fault, shrunk.outcome.events)
        causes.append(Cause(fault, what, kind, necessary, passes))
    return Explanation(shrunk, causes, twin, shrunk.runs + len(causes))


def _without(scenario: Scenario, record: Record, fault: Fault) -> Outcome:
    stream, index = fault
    values = list(record[stream])
    values[index] = 0
    edited = {**record, stream: values}
    return run(scenario, Choices(Replayed(edited)), keep_trace=True)


def place_of(fault: Fault, events: Sequence[TraceEvent]) -> int | None:
    """Where in the trace a fault struck: a message's, where it was sent; None if it never did."""
    stream, index = fault
    end, number = stream.removeprefix(NETWORK), index // FATE_SIZE
    sent = 0
    for place, event in enumerate(events):
        match event:
            case FaultStruck() if (event.stream, event.choice) == fault:
                return place
            case Send() if stream.startswith(NETWORK) and event.end == end:
                if sent == number:
                    return place
                sent += 1
    return None


def describe(fault: Fault, events: Sequence[TraceEvent]) -> tuple[str, str]:
    """A fault in words: ("the lost reply to #1", "lost reply").

    A fault that is not part of a message's fate has an event in the trace that describes it.
    """
    stream, index = fault
    if stream.startswith(NETWORK):
        number, place = divmod(index, FATE_SIZE)
        field = FATE_FIELDS[place]
        end = stream.removeprefix(NETWORK)
        sent = [send.rpc for send in only(Send, events) if send.end == end]
        rpc = sent[number] if number < len(sent) else "?"
        return _NETWORK_FAULTS[field].format(rpc), FATE_KINDS[field]
    for struck in only(FaultStruck, events):
        if (struck.stream, struck.choice) == fault:
            return struck.what, struck.short
    return f"fault {index} of {stream}, which never struck", "fault that never struck"
