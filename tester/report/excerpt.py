"""An excerpt: of the lines of a long run, those that are worth telling."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from tester.report.lines import Line

_WHOLE: Final = 24
"""A run of so many lines is told whole."""
_GROUP_ROWS: Final = 24
"""Of what a group of servers was asked for, so many rows."""
_TAIL: Final = 24
"""Of a longer one, so many last lines, unless the failure says which operations matter."""
_DETAIL: Final = 12
"""Of a run of many servers, so many lines up to each moment that matters, messages included,"""
_MILESTONES: Final = 20
"""so many of the latest others in which something happened to a server,"""
_DONE: Final = 8
"""and so many of those about what the test did."""
_OF_LATE_US: Final = 3_000_000
"""What servers said to each other so long before the last of it is of no use any more."""
_EXCHANGES: Final = 12
"""Of servers that do not get on: the last exchanges of so many pairs of them."""


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
    if any(line.is_state for line in worth):
        worth = _asked_of_a_group(worth)
    told = [str(line) for line in worth]
    left_out = len(all_lines) - len(told)
    return [*told, _left_out(left_out, about=", about other operations")] if left_out else told


def _asked_of_a_group(worth: Sequence[Line]) -> list[Line]:
    """Of operations that a group of servers was asked for, as many lines as are worth telling.

    First the operations, with the messages that a server did something about; then who led; then
    what else happened to servers; and at last what was asked in vain. Of each, the latest.
    """
    heeded = {line.rpc for line in worth if line.is_state}

    def rank(line: Line) -> int:
        if line.is_message:
            return 0 if line.rpc in heeded else 3
        if line.op is not None:
            return 0
        return 1 if line.is_state else 2

    rows = 0
    chosen = []
    for at in sorted(range(len(worth)), key=lambda at: (rank(worth[at]), -at)):
        rows += len(str(worth[at]).splitlines())
        if rows > _GROUP_ROWS:
            break
        chosen.append(at)
    return [worth[at] for at in sorted(chosen)]


def latest(
    all_lines: Sequence[Line],
    struck: Sequence[int],
    moments: Sequence[int],
    *,
    stuck: bool = False,
) -> list[str]:
    """All lines, or the last ones, where nobody knows which operations matter.

    Before them are those about messages that met with faults, whose places are `struck`. Of a run
    of servers that talk to each other, what happened to them is told instead; if they are stuck,
    with the last that each said to each other: what was asked, and what was answered.
    """
    if len(all_lines) <= _WHOLE:
        return [*map(str, all_lines)]
    if any(line.is_state for line in all_lines):
        return _of_servers(all_lines, struck, moments, stuck=stuck)
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
    all_lines: Sequence[Line], struck: Sequence[int], moments: Sequence[int], *, stuck: bool
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
    chosen = {*struck[-_DETAIL:]}
    if stuck and (said := _last_exchanges(all_lines)):
        chosen |= {*said, *[at for at in heard if not all_lines[at].is_message][-_DONE // 2 :]}
    else:
        chosen |= {*heard[-_DETAIL:]}
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


def _last_exchanges(all_lines: Sequence[Line]) -> list[int]:
    """Of each pair of servers of which one has answered the other of late: their last exchange."""
    sent: dict[int, int] = {}
    answered: dict[str, tuple[int, int]] = {}
    for at, line in enumerate(all_lines):
        if line.rpc is None:
            continue
        if line.kind == "send":
            sent[line.rpc] = at
        elif line.kind == "answer" and line.rpc in sent:
            asked = sent[line.rpc]
            answered[all_lines[asked].who] = asked, at  # whoever asks has an end to each other
    latest_ = sorted(answered.values())[-_EXCHANGES:]
    since = max((all_lines[at].time_us for _, at in latest_), default=0) - _OF_LATE_US
    return [at for pair in latest_ if all_lines[pair[0]].time_us >= since for at in pair]


def _left_out(count: int, which: str = "line", about: str = "") -> str:
    are = f"{which} is" if count == 1 else f"{which}s are"
    return f"{'...':>8}  ({count} {are} left out{about})"
