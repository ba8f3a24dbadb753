"""The partitions of a checked history for a page: failing first, with orders, states and whys."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from linearizability import Illegal, Ok, Operation, Unknown, Verdict
from linearizability.model import Model, next_states
from linearizability.verdict import Linearized, Refuted, Undecided
from tester.report.page.document import Candidate, Partition, Span
from tester.report.page.texts import cut

NumberOf = Callable[[Operation], int]

_STATE: Final = 60
"""At most this many characters of what an object holds are shown."""
_MOST_STATE: Final = 4_000_000
"""At most this many characters of states are written out to be cut: objects may grow."""
_NOT_KEPT: Final = "(more than is kept)"
_CANDIDATES: Final = 50


def partitions(verdict: Verdict | None, number_of: NumberOf) -> list[Partition]:
    """Each partition of what was checked: the headline, others that fail, undecided, and the rest.

    `number_of` gives the number by which the page knows an operation.
    """
    match verdict:
        case Ok(model, parts):
            return [_linearized(model, part, number_of) for part in parts]
        case Illegal(model, parts, undecided):
            first = verdict.headline
            failing = [first, *(part for part in parts if part is not first)]
            return [_refuted(model, part, number_of) for part in failing] + [
                _undecided(part, number_of) for part in undecided
            ]
        case Unknown(_, undecided, _):
            return [_undecided(part, number_of) for part in undecided]
    return []


def key_text(key: Hashable) -> str:
    """How a page calls a partition."""
    return "" if key is None else cut(key if isinstance(key, str) else repr(key), _STATE)


def _linearized(model: Model, part: Linearized, number_of: NumberOf) -> Partition:
    order = part.witness()
    spans = _spans(model, order, number_of)
    return Partition(
        key_text(part.key), "ok", _numbers(part.operations, number_of), _numbers(order, number_of),
        spans,
    )  # fmt: skip


def _refuted(model: Model, part: Refuted, number_of: NumberOf) -> Partition:
    order = part.prefix
    spans = _spans(model, order, number_of)
    return Partition(
        key_text(part.key),
        "illegal",
        _numbers(part.operations, number_of),
        _numbers(order, number_of),
        spans,
        cut(model.described_state(part.state), 4 * _STATE),
        [
            Candidate(number_of(op), cut(why, 8 * _STATE))
            for op, why in part.candidates[:_CANDIDATES]
        ],
        _numbers(part.core, number_of),
        part.why,
        part.missing,
    )


def _undecided(part: Undecided, number_of: NumberOf) -> Partition:
    return Partition(key_text(part.key), "undecided", _numbers(part.operations, number_of))


def _numbers(operations: Iterable[Operation], number_of: NumberOf) -> list[int]:
    return [number_of(op) for op in operations]


def _spans(model: Model, order: Sequence[Operation], number_of: NumberOf) -> list[Span]:
    """What the object holds along an order, wherever that changes, as far as that is kept."""
    states = list(model.first_states())[:1]
    text = model.described_state(states[0])
    spans, written = [Span(-1, cut(text, _STATE))], 0
    for op in order:
        before, states = states, next_states(model, states, op)
        if not states:
            return spans
        states = states[:1] if not model.nondeterministic else states
        if model.read_only(op.input, op.output) and not model.nondeterministic:
            continue
        if states[0] is before[0]:
            continue
        new = model.described_state(states[0])
        written += len(new)
        if new != text:
            text = new
            spans.append(Span(number_of(op), cut(text, _STATE)))
        if written > _MOST_STATE:
            return [*spans, Span(number_of(op), _NOT_KEPT)]
    return spans
