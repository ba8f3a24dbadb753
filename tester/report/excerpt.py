"""An excerpt: of the lines of a long run, those that are worth telling."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Final

from tester.report import values
from tester.report.broken import listed
from tester.report.collapse import collapse, collapse_crowd
from tester.report.lines import Line, gap
from tester.report.matters import Matters
from tester.report.width import WIDTH

_KEYS: Final = 2
"""The most other keys that are named."""
_MOST: Final = 18
"""The most rows about what matters."""
_FIRST: Final = 6
"""How many of them are from its beginning."""
_WHOLE: Final = 24
"""The longest run that is shown whole."""
_RULE_ROWS: Final = 12
"""The most rows about what matters where a broken rule is known, but for what it speaks of."""
_OTHERS: Final = 2
"""The rank of the first lines that it does not speak of."""
_SHORT: Final = 12
"""The longest that is shown whole if it is known which answer breaks which rule."""
_WITHOUT_EFFECT: Final = 3
"""The rank of what was asked of servers that did nothing about it."""
_GROUP_ROWS: Final = 18
"""The most rows about requests to a group of servers."""
_TAIL: Final = 16
"""How many last lines of a longer run are shown if no operations matter to the failure."""
_DETAIL: Final = 8
"""The most lines up to each moment that matters, with messages, in a run of many servers."""
_MILESTONES: Final = 6
"""The most other lines in which something happened to a server."""
_DONE: Final = 4
"""The most other lines about what the test did."""
_OF_LATE_US: Final = 3_000_000
"""What servers said to each other so long before the last of it is of no use any more."""
_EXCHANGES: Final = 6
"""Of servers that do not get on: the last exchanges of this many pairs of them."""


def about(all_lines: Sequence[Line], matter: Matters, room: int = 0) -> list[str]:
    """The lines about what matters, where there are many; another says what is left out.

    There are not too many if they take no more rows than there is `room` for. What came after
    what matters is of no use to anybody, however little it is.
    """
    end = max((at for at, line in enumerate(all_lines, 1) if matter.tells(line)), default=None)
    shown = before = list(all_lines[:end])
    marked = {line.place for line in shown if line.marked}
    whole = _SHORT if marked or matter.named else _WHOLE
    if rows_of(before, room) <= room:
        whole = max(whole, len(before))
    missing: list[Line] = []
    if len(shown) > whole:
        shown = collapse(shown, marked)
    if len(shown) > whole:
        shown = [
            line
            for line in before
            if matter.tells(line) or (line.op is None and not line.is_message)
        ]
        if matter.named:
            shown = _of_rule(shown, matter)
        elif any(line.is_state for line in shown):
            shown = _asked_of_a_group(shown)
        else:
            missing = _left_out(before, shown)
            shown = collapse(shown, marked)
            if len(shown) > whole:
                shown = collapse(shown, marked, alike=True)
            shown, over = _ends(shown)
            missing += over
        missing = missing or _left_out(before, shown)
    later = 0 if end is None else len(all_lines) - end
    return [*map(str, shown), *_gap(missing, later, matter)]


def _left_out(lines: Sequence[Line], shown: Sequence[Line]) -> list[Line]:
    there = set(shown)  # a run may have a hundred thousand lines
    return [line for line in lines if line not in there]


def rows_of(rows: Sequence[Line | str], most: int) -> int:
    """How many rows lines take; of more than `most` lines, that they are more."""
    if len(rows) > most:
        return len(rows)
    return sum(len(str(row).splitlines()) for row in rows)


def _of_rule(worth: Sequence[Line], matter: Matters) -> list[Line]:
    """Of the lines about what matters, first those that the broken rule speaks of.

    Then how the operations of the verdict began and ended, and who led; then the other requests
    for them, then what befell servers, up to the mark and beyond: of each, the latest.
    """
    mark = max((at for at, line in enumerate(worth) if line.marked), default=len(worth))
    led = max(
        (at for at, line in enumerate(worth[:mark]) if line.what.startswith("leads ")), default=-1
    )

    def rank(at: int) -> int:
        line = worth[at]
        if line.marked:
            return 0
        if line.rpc in matter.named:
            return 4 if line.is_arrival and line.rpc not in matter.together else 1
        if at == led or (line.op in matter.core and not line.is_message):
            return 2
        if line.is_arrival or line.is_state:
            return 5
        return 3 if line.op is not None else 4

    rows = 0
    chosen = []
    for at in sorted(range(len(worth)), key=lambda at: (rank(at), at > mark, -at)):
        rows += len(str(worth[at]).splitlines())
        if rows > (_WHOLE if rank(at) < _OTHERS else _RULE_ROWS):
            break
        chosen.append(at)
    return [worth[at] for at in sorted(_with_requests(chosen, worth, matter))]


def _with_requests(chosen: Sequence[int], worth: Sequence[Line], matter: Matters) -> set[int]:
    """The chosen lines, none of which is an answer to what nobody has read.

    An answer that the broken rule speaks of has its request shown; another one is left out.
    """
    sent = {line.rpc: at for at, line in enumerate(worth) if line.kind == "send"}
    shown = set(chosen)
    for at in chosen:
        line = worth[at]
        request = sent.get(line.rpc)
        if line.kind != "answer" or request is None or request in shown:
            continue
        if line.marked or line.rpc in matter.named:
            shown.add(request)
        else:
            shown.discard(at)
    return shown


def _ends(shown: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Of too many lines the first and the last, and those between about a mark; and the others."""
    over = len(shown) - _MOST
    if over <= 1:
        return [*shown], []
    left_out = range(_FIRST, _FIRST + over)
    kept = [line for at, line in enumerate(shown) if at not in left_out or line.marked]
    return kept, [line for at, line in enumerate(shown) if at in left_out and not line.marked]


def _gap(missing: Sequence[Line], later: int, matter: Matters) -> list[str]:
    """What the lines are about that are left out."""
    by_topic: dict[Hashable, int] = {}
    for line in missing:
        topic = matter.topic(line)
        by_topic[topic] = by_topic.get(topic, 0) + 1
    others = [topic for topic in by_topic if topic is not None and topic not in matter.about]
    parts = []
    if others:
        names = ", ".join(values.shown(topic, 12) for topic in others[:_KEYS])
        more = ", ..." if len(others) > _KEYS else ""
        keys = "1 other key" if len(others) == 1 else f"{len(others)} other keys"
        parts.append(
            f"{_lines(sum(by_topic[topic] for topic in others))} about {keys} ({names}{more})"
        )
    mine = [topic for topic in by_topic if topic in matter.about]
    parts += [f"{_lines(by_topic[topic])} about {values.shown(topic, 12)}" for topic in mine]
    if by_topic.get(None):
        parts.append(f"{_lines(by_topic[None])} about no key")
    if later:
        parts.append("1 later line" if later == 1 else f"{later} later lines")
    if not parts:
        return []
    text = f"(left out: {listed(parts)})"
    start = f"{'...':>8}  "
    return [textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * 11)]


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _asked_of_a_group(worth: Sequence[Line]) -> list[Line]:
    """Of operations that a group of servers was asked for, as many lines as are worth telling.

    First the operations, with the messages that a server did something about; then who led; then
    what else happened to servers. What was asked without effect is left out if there is more.
    Of each, the latest.
    """
    heeded = {line.rpc for line in worth if line.is_state}

    def rank(line: Line) -> int:
        if line.is_message:
            return 0 if line.rpc in heeded else _WITHOUT_EFFECT
        if line.op is not None:
            return 0
        return 1 if line.is_state else 2

    if heeded or any(rank(line) < 1 for line in worth if line.is_message):
        worth = [line for line in worth if rank(line) < _WITHOUT_EFFECT or line.marked]
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
    room: int = 0,
    *,
    stuck: bool = False,
) -> list[str]:
    """All lines, or the last ones, where nobody knows which operations matter.

    All of them if they take no more rows than there is `room` for.

    Before them are those about messages that met with faults, whose places are `struck`. Of a run
    of servers that talk to each other, what happened to them is shown instead; if they are stuck,
    with the last that each said to each other: what was asked, and what was answered.
    """
    if rows_of(all_lines, room) <= room:
        return [*map(str, all_lines)]
    if len(all_lines) > _WHOLE:
        hit = {all_lines[at].place for at in struck}
        all_lines = collapse(all_lines, hit)
        if len(all_lines) > _WHOLE and not any(line.is_state for line in all_lines):
            all_lines = collapse_crowd(collapse(all_lines, hit, alike=True), hit)
        struck = [at for at, line in enumerate(all_lines) if line.place in hit]
    if len(all_lines) <= _WHOLE:
        return [*map(str, all_lines)]
    if any(line.is_state for line in all_lines):
        return _of_servers(all_lines, struck, moments, stuck=stuck)
    start = len(all_lines) - _TAIL
    rows: list[str] = []
    next_ = 0
    before = [at for at in struck if at < start]
    for at in (*before[-_WHOLE:], *range(start, len(all_lines))):
        if at > next_:
            rows.append(gap(at - next_, "line" if rows else "earlier line"))
        rows.append(str(all_lines[at]))
        next_ = at + 1
    return rows


def _of_servers(
    all_lines: Sequence[Line], struck: Sequence[int], moments: Sequence[int], *, stuck: bool
) -> list[str]:
    """What happened to the servers of late, and before each moment that matters all of it.

    Messages that reached nobody are shown nowhere.
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
        and not all_lines[at].is_file
        and not all_lines[after].answers(all_lines[at])
    ]
    happened = [at for at in milestones if all_lines[at].op is None]
    done = [at for at in milestones if all_lines[at].op is not None]
    chosen |= {*happened[-_MILESTONES:], *done[-_DONE:]}
    rows = [all_lines[at] for at in sorted(chosen)]
    shown = [str(line.likewise(before)) for before, line in zip([None, *rows], rows, strict=False)]
    return [gap(len(all_lines) - len(rows), about=", mostly messages"), *shown]


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
