"""The document of a page about a run: its trace, its history and what was seen, in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from linearizability import Illegal, Operation, Verdict
from tester.report import values
from tester.report.broken import Broken
from tester.report.exchange import Request, requests
from tester.report.inside import NOTHING, Inside
from tester.report.page import bands, document
from tester.report.page.checked import partitions
from tester.report.page.document import Document, Message, Node, Run, Twin
from tester.report.page.texts import cut, visible
from tester.report.page.timeline import Timeline
from tester.report.reason import reason
from tester.report.story import consequence, headline, render_story, still_waiting
from tester.search.explain import Explanation, place_of
from tester.search.watched import Watched
from tester.world.events import Call, Held, Return, Send, Unheard
from tester.world.failure import Verdict as Failed
from tester.world.failure import message as message_of
from tester.world.history import Op, operation_name
from tester.world.run import Outcome

Look = Callable[[Broken | None], Inside]
"""What the code did at a broken rule: see `tester.report.inside.look`."""
Watch = Callable[[Outcome], Watched]
"""Runs an outcome once more, watched: see `tester.search.watched.watch`."""

_TELLING: Final = frozenset({"return", "answer", "reply", "does", "restart"})
"""What may show that a rule is broken, where a verdict knows no more than the moment."""
_MOST_CAUSES: Final = 2
"""More events than these explain nothing."""
_NUMBER: Final = re.compile(r"#(\d{1,9})").findall
_LONG_TITLE: Final = 80
_AMBIGUOUS: Final = ("ErrMaybe",)
MOST_OPERATIONS: Final = 20_000
"""At most this many operations are drawn; of more, those that are called last, and the core."""


def of_run(
    seed: int,
    outcome: Outcome,
    watch: Watch,
    *,
    command: str,
    source: str,
    explanation: Explanation | None = None,
    look: Look = lambda broken: NOTHING,
) -> Document:
    """The document of a run; with an explanation, `outcome` is the shrunken one.

    The nearest run that passes stands beside it, if there is one. `look` is asked what the code
    did when a rule was broken.
    """
    watched, twin = watch(outcome), None
    outcome = watched.outcome
    run, focus = _run(watched, explanation)
    if explanation is not None and explanation.twin is not None:
        flipped = explanation.flipped
        passing, _ = _run(watch(explanation.twin), None)
        if flipped is not None:
            twin = Twin(passing, visible(flipped.what), _first_difference(run, passing))
    broken = reason(outcome)
    text = broken.headline if broken is not None and broken.headline else headline(outcome)
    inside = look(broken)
    sentences = _sentences(outcome, broken, inside)
    if explanation is not None:
        sentences.append(explanation.sentence)
    sentences = [cut(one, 2_000) for one in dict.fromkeys(sentences) if one]
    text = _title(text, sentences)
    return Document(
        kind="run",
        title=visible(f"seed {seed}: {text}"),
        headline=visible(text),
        verdict=outcome.verdict if outcome.verdict != "misuse" else "fail",
        sentences=sentences,
        run=run,
        command=visible(command),
        seed=str(seed),
        source=visible(source),
        focus=focus,
        causes=[] if explanation is None else [one.what for one in explanation.necessary],
        cited=_cited(broken, outcome),
        code=[cut(line, 300) for line in inside.lines],
        waiting=[visible(one) for one in still_waiting(outcome)],
        story=visible(render_story(seed, outcome, command, explanation, look=lambda _: inside)),
        twin=twin,
    )


def _sentences(outcome: Outcome, broken: Broken | None, inside: Inside) -> list[str]:
    """The rule that was broken and by what, where it stands, what a node held, what came of it."""
    verdict = "" if outcome.error is None else message_of(outcome.error)
    if broken is None:
        return [inside.held, verdict]
    said, came = broken.sentence, consequence(outcome, broken)
    cause = said.removeprefix(verdict).removeprefix(".").lstrip() if verdict else said
    if cause not in {"", said}:  # the verdict stands first, and what it came of behind it
        said, came = cause, f"So the test failed: {verdict}"
    elif not came and not broken.stands_alone and verdict not in said:
        came = verdict
    perhaps = "" if inside.is_atomic else broken.perhaps
    return [said, perhaps, broken.reference, inside.held, came]


def _title(text: str, sentences: Sequence[str]) -> str:
    """A headline that is long because a sentence stands in it leaves that to the sentence."""
    for sentence in sentences:
        if len(text) > _LONG_TITLE and text.endswith(f": {sentence}"):
            return text.removesuffix(f": {sentence}")
    return text


def _cited(broken: Broken | None, outcome: Outcome) -> list[int]:
    """The messages that the sentence of a broken rule names."""
    named = set() if broken is None else {int(number) for number in _NUMBER(broken.sentence)}
    return sorted(named & {one.rpc for one in requests(outcome)})


def _run(watched: Watched, explanation: Explanation | None) -> tuple[Run, int]:
    """A run as data, and the event to begin at."""
    outcome = watched.outcome
    broken = reason(outcome)
    core = _core(outcome.checked)
    focus = broken.place if broken is not None else _place_of_failure(outcome)
    causes = _causes(broken, outcome) or _faults(outcome, explanation)
    timeline = Timeline(watched, focus, causes, broken)
    sent = list(zip(requests(outcome), _messages(watched, timeline), strict=True))
    seen, unseen = bands.states(watched, timeline)
    servers = _servers(outcome, watched)
    operations = _operations(outcome, timeline, core)
    run = Run(
        verdict=outcome.verdict,
        kind=outcome.kind,
        digest=outcome.digest,
        nodes=_nodes(outcome, watched, timeline, servers),
        events=timeline.events,
        messages=[
            message
            for request, message in sent
            if timeline.first <= _last(request, message) and message.sent >= 0
        ],
        operations=operations,
        partitions=partitions(outcome.checked, _number),
        bands=[
            *bands.bands(outcome, timeline),
            *bands.roles(seen, outcome, timeline),
            *bands.held_locks(operations),
        ],
        states=seen,
        disks=bands.disks(watched, timeline),
        elections=bands.elections(sent, len(servers)),
        entries=bands.entries(sent, outcome, timeline),
    )
    _add_fates(run, outcome)
    run.notes = _notes(run, outcome, watched, timeline, unseen)
    if focus >= 0:
        return run, timeline.event(focus)
    if outcome.verdict == "pass":
        return run, 0  # it is read from its beginning
    shown = [place for place in sorted(causes) if timeline.shows(place)]
    return run, timeline.event(shown[0]) if shown else max(len(timeline.events) - 1, 0)


def _causes(broken: Broken | None, outcome: Outcome) -> set[int]:
    """The places of the events by which it came to a broken rule; to call is no cause."""
    if broken is None:
        return set()
    found = set(broken.events) if broken.cause is None else {broken.cause}
    kinds = {place: event.kind for place, event in enumerate(outcome.events)}
    found = {at for at in found if at < broken.place and kinds[at] != "call"}
    return found if len(found) <= _MOST_CAUSES else set()


def _faults(outcome: Outcome, explanation: Explanation | None) -> set[int]:
    """Where the few faults struck that it takes."""
    if explanation is None or len(explanation.necessary) > _MOST_CAUSES:
        return set()
    found = (place_of(cause.fault, outcome.events) for cause in explanation.necessary)
    return {place for place in found if place is not None}


def _last(request: Request, message: Message) -> int:
    """The last place in the trace at which there was something of a request."""
    places = [place for place, _ in request.answers] + request.arrivals
    return max([*places, -1 if request.ended is None else request.ended, message.sent])


def _number(op: Operation) -> int:
    return int(op.metadata)


def _core(checked: Verdict | None) -> set[int]:
    if not isinstance(checked, Illegal):
        return set()
    return {_number(op) for part in checked.partitions[:20] for op in part.core}


def _place_of_failure(outcome: Outcome) -> int:
    """The place of the last return of the core, or at which a verdict was found; else -1."""
    core: set[int] = set()
    if isinstance(outcome.checked, Illegal):
        core = {_number(op) for op in outcome.checked.headline.core}
    moments = outcome.error.moments if isinstance(outcome.error, Failed) else ()
    found = -1
    for place, event in enumerate(outcome.events):
        if core and isinstance(event, Return) and event.op in core:
            found = place
        elif not core and moments and event.time_us <= max(moments):
            found = place if event.kind in _TELLING else found
    return found


# -- who there is ---------------------------------------------------------------------------------


def _servers(outcome: Outcome, watched: Watched) -> list[str]:
    """The nodes that serve, in the order in which they were registered."""
    return list(dict.fromkeys(watched.spectator.homes.values()))


def _nodes(
    outcome: Outcome, watched: Watched, timeline: Timeline, servers: Sequence[str]
) -> list[Node]:
    """A group of servers first, a single one below its clients; then the network and the test."""
    owners = {op.node for op in outcome.history.ops}
    clients = sorted(
        owners | {owner for owner, _ in watched.spectator.ends.values()}, key=_natural
    )
    present = {event.node for event in timeline.events}
    others = [name for name in present if name not in clients and name not in servers]
    above = [Node(name, "client") for name in clients if name not in servers and name in present]
    below = [Node(name, "server") for name in servers]
    lanes = [*below, *above] if len(below) > 1 else [*above, *below]
    lanes += [Node(name, "client") for name in sorted(others) if name not in {"network", "test"}]
    lanes += [Node(name, name) for name in ("network", "test") if name in present]
    return lanes


def _natural(name: str) -> tuple[str, int]:
    """c2 before c10."""
    digits = len(name) - len(name.rstrip("0123456789"))
    return name[: len(name) - digits], int(name[-digits:][:9]) if digits else -1


# -- messages -------------------------------------------------------------------------------------


def _messages(watched: Watched, timeline: Timeline) -> list[Message]:
    outcome, spectator = watched.outcome, watched.spectator
    sends: dict[int, int] = {}
    held: dict[int, int] = {}
    ids = values.Ids()
    for place, event in enumerate(outcome.events):
        if isinstance(event, Send):
            sends[event.rpc] = place
            ids.sent(event.end, event.payload)
        elif isinstance(event, Held):
            held[event.rpc] = place

    def shown(place: int | None) -> int:
        return timeline.event(place) if place is not None and timeline.shows(place) else -1

    found = []
    for request in requests(outcome):
        _, server = spectator.ends.get(request.end, ("", request.server))
        server = request.server or server
        answers = [place for place, _ in request.answers]
        found.append(
            Message(
                request.rpc,
                -1 if request.op is None else request.op,
                request.verb,
                outcome.senders[request.rpc].node,
                spectator.homes.get(server, server),
                shown(sends[request.rpc]),
                shown(held.get(request.rpc)),
                [shown(place) for place in request.arrivals if timeline.shows(place)],
                [shown(place) for place in answers if timeline.shows(place)],
                shown(request.ended),
                request.fate,
                _marks(request, held=request.rpc in held),
                cut(values.message(request.payload, ids)),
                cut(values.reply(request.answers[0][1], ids)) if request.answers else "",
            )
        )
    return found


def _marks(request: Request, *, held: bool) -> list[str]:
    """What the network did to a request, in the words of the page."""
    marks = ["held"] if held else []
    late = request.ended is not None and any(at > request.ended for at in request.arrivals)
    if late:
        marks.append("late")
    if len(request.arrivals) > 1:
        marks.append("duplicated")
    known = {
        "request lost": "" if late else "lost",
        "reply lost": "reply lost",
        "unreachable": "unreachable",
        "server dead": "server gone",
    }
    return [*marks, *filter(None, [known.get(request.fate, "")])]


# -- operations -----------------------------------------------------------------------------------


def _operations(outcome: Outcome, timeline: Timeline, core: set[int]) -> list[document.Operation]:
    calls: dict[int, int] = {}
    returns: dict[int, int] = {}
    for place, event in enumerate(outcome.events):
        if isinstance(event, Call):
            calls[event.op] = place
        elif isinstance(event, Return | Unheard):
            returns.setdefault(event.op, place)
    ops = outcome.history.ops
    first = max(0, len(ops) - MOST_OPERATIONS)
    found = []
    for op in ops:
        if op.number < first and op.number not in core:
            continue
        ended = returns.get(op.number)
        if ended is not None and ended < timeline.first and op.number not in core:
            continue
        answer = "" if op.ret is None else _answer(op)
        found.append(
            document.Operation(
                op.number,
                op.client,
                cut(values.operation(op.method, op.args)),
                op.call_us,
                op.ret_us,
                timeline.event(calls.get(op.number, 0)),
                -1 if op.ret is None or ended is None else timeline.event(ended),
                answer,
                kind=operation_name(op.method),
                ambiguous=op.ret is None or answer in _AMBIGUOUS,
                core=op.number in core,
            )
        )
    return found


def _answer(op: Op) -> str:
    try:
        return cut(values.result(msgspec.to_builtins(op.result)))
    except (TypeError, ValueError, msgspec.EncodeError):
        return cut(values.result(op.result))


def _add_fates(run: Run, outcome: Outcome) -> None:
    """Say of each ambiguous operation what came of it, and of each the partition it belongs to."""
    known = {op.number: op for op in run.operations}
    for part in run.partitions:
        part.operations = [number for number in part.operations if number in known]
        placed = {number: at for at, number in enumerate(part.order)}
        for number in part.operations:
            op = known[number]
            op.key = part.key
            if not op.ambiguous or part.verdict == "undecided":
                continue
            if number in placed:
                op.fate = f"took effect, as number {placed[number] + 1} of the order"
            elif part.verdict == "ok":
                op.fate = "need never have taken effect"
            else:
                op.fate = "has no place in the longest prefix"


# -- what is left out -----------------------------------------------------------------------------


def _notes(
    run: Run, outcome: Outcome, watched: Watched, timeline: Timeline, unseen: int
) -> list[str]:
    spectator = watched.spectator
    missing = len(outcome.history.ops) - len(run.operations)
    counts = (
        (timeline.left_out, "events are not on this page, which shows those around what matters"),
        (missing, "operations are not on this page"),
        (unseen, "changes of objects were too many to keep"),
        (spectator.unheard, "lines of output were too many to keep"),
    )
    notes = [f"{count} {what}." for count, what in counts if count]
    if not watched.faithful:
        notes.append(
            "States, logs and disks are not on this page: with somebody looking at it, the run "
            "went another way. Does a describe() change something?"
        )
    return notes


def _first_difference(here: Run, there: Run) -> int:
    def events(run: Run) -> Iterable[tuple[Any, ...]]:
        return ((e.time_us, e.kind, e.node, e.text) for e in run.events)

    for at, (mine, theirs) in enumerate(zip(events(here), events(there), strict=False)):
        if mine != theirs:
            return at
    return min(len(here.events), len(there.events))
