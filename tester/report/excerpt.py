"""An excerpt: of the lines of a long run, those that are worth telling."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from tester.report.lines import Line

_WHOLE: Final = 24
"""A run of so many lines is told whole."""
_TAIL: Final = 24
"""Of a longer one, so many last lines, unless the failure says which operations matter."""
_DETAIL: Final = 12
"""Of a run of many servers, so many lines up to each moment that matters, messages included,"""
_MILESTONES: Final = 20
"""so many of the latest others in which something happened to a server,"""
_DONE: Final = 8
"""and so many of those about what the test did."""


def about(all_lines: Sequence[Line], ops: Collection[int | None]) -> list[str]:
    """The lines about these operations, where there are many; another says what is left out.

    What came after the operations that matter is of no use to anybody, however little it is.
    """
    end = max((at for at, line in enumerate(all_lines, 1) if line.op in ops), default=None)
    worth = all_lines[:end]
    if len(worth) > _WHOLE:
        worth = [
            line for line in worth if line.op in ops or (line.op is None and not line.is_message)
        ]
    told = [str(line) for line in worth]
    left_out = len(all_lines) - len(told)
    return [*told, _left_out(left_out, about=", about other operations")] if left_out else told


def latest(all_lines: Sequence[Line], struck: Sequence[int], moments: Sequence[int]) -> list[str]:
    """All lines, or the last ones, where nobody knows which operations matter.

    Before them are those about messages that met with faults, whose places are `struck`. Of a run
    of servers that talk to each other, what happened to them is told instead.
    """
    if len(all_lines) <= _WHOLE:
        return [*map(str, all_lines)]
    if any(line.is_state for line in all_lines):
        return _of_servers(all_lines, struck, moments)
    start = len(all_lines) - _TAIL
    told: list[str] = []
    next_ = 0
    before = [at for at in struck if at < start]
    for at in (*before[-_WHOLE:], *range(start, len(all_lines))):
        if at > next_:
            told.append(_left_out(at - next_, "line" if told else "earlier line"))
        told.append(str(all_lines[at]))
        next_ = at + 1
    return told


def _of_servers(
    all_lines: Sequence[Line], struck: Sequence[int], moments: Sequence[int]
) -> list[str]:
    """What happened to the servers of late, and before each moment that matters all of it.

    Messages that reached nobody are told nowhere.
    """
    cut = {line.rpc for line in all_lines if line.is_unreachable}
    heard = [
        at
        for at, line in enumerate(all_lines)
        if line.rpc is None or not (line.rpc in cut or line.is_arrival)
    ]
    chosen = {*struck[-_DETAIL:], *heard[-_DETAIL:]}
    for moment in moments:
        chosen |= {*[at for at in heard if all_lines[at].time_us <= moment][-_DETAIL:]}
    milestones = [
        at
        for at, after in pairwise(heard)
        if at not in chosen
        and not all_lines[at].is_message
        and not all_lines[after].answers(all_lines[at])
    ]
    happened = [at for at in milestones if all_lines[at].op is None]
    done = [at for at in milestones if all_lines[at].op is not None]
    chosen |= {*happened[-_MILESTONES:], *done[-_DONE:]}
    told = [all_lines[at] for at in sorted(chosen)]
    shown = [str(line.likewise(before)) for before, line in zip([None, *told], told, strict=False)]
    return [_left_out(len(all_lines) - len(told), about=", most of them about messages"), *shown]


def _left_out(count: int, which: str = "line", about: str = "") -> str:
    are = f"{which} is" if count == 1 else f"{which}s are"
    return f"{'...':>8}  ({count} {are} left out{about})"
