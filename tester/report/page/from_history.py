"""The document of a page about a recorded history: operations, orders and whys, without a run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from linearizability import Illegal, Ok, Operation, Unknown, Verdict
from linearizability.explanation.text import summary
from linearizability.operation import Annotation, client_name
from linearizability.verdict import counted
from tester.report.page.checked import partitions
from tester.report.page.document import Band, Document, Event, Node, Partition, Run
from tester.report.page.document import Operation as Drawn
from tester.report.page.texts import cut, visible

MOST_OPERATIONS: Final = 20_000
"""At most this many operations are drawn: those of the failing keys first."""


def of_history(
    verdict: Verdict,
    operations: Sequence[Operation],
    *,
    source: str,
    line_of: Callable[[Operation], int | None] = lambda op: None,
    command: str = "",
    annotations: Sequence[Annotation] = (),
) -> Document:
    """The document of a history and the verdict on it.

    `operations` are those that were checked, `line_of` says where each stands in its file.
    """
    number_of = _numbering(operations)
    kept = _kept(verdict, operations, number_of)
    shown = [(number, op) for number, op in enumerate(operations) if number in kept]
    events, calls, returns = _events(verdict, shown)
    found = partitions(verdict, number_of)
    drawn = [
        Drawn(
            number,
            client_name(op.client),
            _halves(verdict, op)[0],
            op.call,
            op.ret,
            call=calls[number],
            ret=returns.get(number, -1),
            answer=_halves(verdict, op)[1],
            kind=type(op.input).__name__,
            ambiguous=op.ret is None,
            line=line_of(op) or 0,
        )
        for number, op in shown
    ]
    _relate(found, drawn, kept)
    run = Run(
        verdict=_outcome(verdict),
        kind="NotLinearizable" if isinstance(verdict, Illegal) else "",
        digest="",
        nodes=_lanes(annotations),
        events=events,
        messages=[],
        operations=drawn,
        partitions=found,
        bands=_bands(annotations, events),
        notes=_notes(operations, shown),
    )
    focus = max((op.ret if op.ret >= 0 else op.call for op in drawn if op.core), default=0)
    return Document(
        kind="history",
        title=visible(f"{source}: {_headline(verdict)}"),
        headline=_headline(verdict),
        verdict=_outcome(verdict),
        sentences=_sentences(verdict),
        run=run,
        command=visible(command),
        source=f"model {verdict.model.name}, {counted(len(operations), 'operation')}",
        focus=focus,
    )


def _outcome(verdict: Verdict) -> str:
    match verdict:
        case Ok():
            return "pass"
        case Illegal():
            return "fail"
    return "unknown"


def _headline(verdict: Verdict) -> str:
    match verdict:
        case Ok():
            return "linearizable"
        case Illegal():
            return "not linearizable"
    return "undecided: the budget was spent"


def _sentences(verdict: Verdict) -> list[str]:
    match verdict:
        case Illegal():
            first = verdict.headline
            missing = f"{first.missing[:1].upper()}{first.missing[1:]}." if first.missing else ""
            return [visible(one) for one in (first.why, missing) if one]
        case Unknown():
            return [cut(str(verdict), 2_000)]
    return [visible(summary(verdict, explained=False))]


def _halves(verdict: Verdict, op: Operation) -> tuple[str, str]:
    """What was asked, and what was answered: the two sides of the arrow in its description."""
    asked, _, answer = verdict.model.describe(op).partition(" -> ")
    return cut(asked), "" if op.ret is None else cut(answer or "done")


def _numbering(operations: Sequence[Operation]) -> Callable[[Operation], int]:
    """The number of an operation; also of a copy that a checker has made of one."""
    numbers = {id(op): number for number, op in enumerate(operations)}
    alike: dict[tuple[object, int], int] = {}
    for number, op in enumerate(operations):
        alike.setdefault((op.client, op.call), number)

    def number_of(op: Operation) -> int:
        found = numbers.get(id(op))
        return alike[op.client, op.call] if found is None else found

    return number_of


def _kept(
    verdict: Verdict, operations: Sequence[Operation], number_of: Callable[[Operation], int]
) -> set[int]:
    """The numbers of the operations that are drawn: all, or those of the failing keys first."""
    if len(operations) <= MOST_OPERATIONS:
        return set(range(len(operations)))
    if not isinstance(verdict, Illegal):
        return set(range(MOST_OPERATIONS))
    first = verdict.headline
    core = {number_of(op) for op in first.core}
    middle = max(op.call for op in first.core)
    inside = {number_of(op) for op in first.operations}
    ranked = sorted(
        range(len(operations)),
        key=lambda n: (n not in core, n not in inside, abs(operations[n].call - middle), n),
    )
    return set(ranked[:MOST_OPERATIONS])


def _events(
    verdict: Verdict, shown: Sequence[tuple[int, Operation]]
) -> tuple[list[Event], dict[int, int], dict[int, int]]:
    """Calls and returns in the order of their stamps; at a tie calls come first: they overlap."""
    ends: list[tuple[int, int, int]] = []
    known = dict(shown)
    for number, op in shown:
        ends.append((op.call, 0, number))
        if op.ret is not None:
            ends.append((op.ret, 1, number))
    ends.sort()
    events: list[Event] = []
    calls: dict[int, int] = {}
    returns: dict[int, int] = {}
    for stamp, is_return, number in ends:
        op = known[number]
        asked, answer = _halves(verdict, op)
        (returns if is_return else calls)[number] = len(events)
        text = f"{asked} -> {answer}" if is_return else asked
        kind = "return" if is_return else "call"
        events.append(Event(stamp, kind, client_name(op.client), text, number))
    return events, calls, returns


def _relate(found: Sequence[Partition], drawn: Sequence[Drawn], kept: set[int]) -> None:
    """Give each operation its partition and its fate, and each partition what is drawn of it."""
    known = {op.number: op for op in drawn}
    for part in found:
        part.operations = list(dict.fromkeys(n for n in part.operations if n in kept))
        part.order = list(dict.fromkeys(n for n in part.order if n in kept))
        placed = {number: at for at, number in enumerate(part.order)}
        for number in part.operations:
            op = known[number]
            op.key = part.key
            op.core = number in part.core
            if op.ambiguous and part.verdict != "undecided":
                op.fate = (
                    f"took effect, as number {placed[number] + 1} of the order"
                    if number in placed
                    else "need never have taken effect"
                    if part.verdict == "ok"
                    else "has no place in the longest prefix"
                )


def _lanes(annotations: Sequence[Annotation]) -> list[Node]:
    names = [_lane(one) for one in annotations]
    return [Node(name, "network") for name in dict.fromkeys(names)]


def _lane(one: Annotation) -> str:
    return visible(one.tag or (client_name(one.client) if one.client is not None else "notes"))


def _bands(annotations: Sequence[Annotation], events: Sequence[Event]) -> list[Band]:
    stamps = [event.time_us for event in events]

    def rank(stamp: int) -> int:
        return min(bisect_left(stamps, stamp), len(stamps) - 1)

    return [
        Band(
            _lane(one),
            "annotation",
            rank(one.start),
            rank(one.end if one.end is not None else one.start) + 1,
            cut(one.description, 120),
            cut(one.details),
        )
        for one in annotations[:2_000]
        if events
    ]


def _notes(operations: Sequence[Operation], shown: Sequence[tuple[int, Operation]]) -> list[str]:
    missing = len(operations) - len(shown)
    if not missing:
        return []
    return [f"{missing} operations are not on this page, which shows those around what matters."]
