"""Two runs side by side: the one that fails, and the same one with a single fault flipped."""

from __future__ import annotations

import textwrap
from itertools import zip_longest
from typing import Final

from tester.report.lines import Line, lines
from tester.report.story import core_clients
from tester.search.explain import Explanation
from tester.world.history import seconds
from tester.world.run import Outcome

_COLUMN: Final = 38
_BEFORE: Final = 2
"""This many lines that both have are shown before the first difference."""
_AFTER: Final = 16
_SHORTER: Final = {
    "no reply: the network lost the request": "request lost",
    ", and the network lost the reply": ", reply lost",
}
"""What makes the difference must not be cut off."""


def side_by_side(explanation: Explanation) -> str:
    """From the first event that differs: on the left what fails, on the right what passes.

    Empty if no single fault makes the difference.
    """
    twin, flipped = explanation.twin, explanation.flipped
    if twin is None or flipped is None:
        return ""
    failing = explanation.shrunk.outcome
    clients = core_clients(failing)
    left, right = _about(clients, failing), _about(clients, twin)
    first = _first_difference(left, right)
    start = max(0, first - _BEFORE)
    shown = [
        f"{_cell(mine)}   {_cell(theirs)}".rstrip()
        for mine, theirs in zip_longest(
            left[start : first + _AFTER], right[start : first + _AFTER], fillvalue=None
        )
    ]
    without = textwrap.wrap(f"without {flipped.what} it passes", _COLUMN)
    title = [
        f"{mine:<{_COLUMN}}   {theirs}"
        for mine, theirs in zip_longest(["this run fails"], without, fillvalue="")
    ]
    return "\n".join([*title, "", *shown])


def _about(clients: frozenset[str], outcome: Outcome) -> list[Line]:
    """The lines about these clients' operations, and about no operation; all, without clients."""
    ops = {op.number for op in outcome.history.ops if op.client in clients}
    found = lines(outcome)
    return [line for line in found if line.op is None or line.op in ops] if clients else found


def _first_difference(left: list[Line], right: list[Line]) -> int:
    for at, (mine, theirs) in enumerate(zip(left, right, strict=False)):
        if mine != theirs:
            return at
    return min(len(left), len(right))


def _cell(line: Line | None) -> str:
    if line is None:
        return " " * _COLUMN
    text = f"{seconds(line.time_us)} {line.who} {' '.join(line.text.split())}"
    for long, short in _SHORTER.items():
        text = text.replace(long, short)
    if len(text) > _COLUMN:
        text = f"{text[: _COLUMN - 3]}..."
    return f"{text:<{_COLUMN}}"
