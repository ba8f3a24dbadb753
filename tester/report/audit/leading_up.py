"""What led up to a broken rule of Raft: of all lines, those by which a reader sees how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tester.report.audit.beside import moment
from tester.report.broken import Broken
from tester.report.excerpt import rows_of
from tester.report.lines import Line, gap
from tester.world.events import Note, only
from tester.world.group import CUT_OFF, JOINED
from tester.world.history import seconds
from tester.world.run import Outcome

_WHOLE: Final = 12
"""The longest run that is shown whole, up to the break."""
_MILESTONES: Final = 5
"""The most lines about what happened to servers; the latest are shown."""
_LEADERS: Final = 2
"""The most lines about who leads."""
_STRUCK: Final = 4
"""The most lines about faults that the run needs."""
_EXCHANGES: Final = 6
"""The most messages that the rule speaks of; the latest are shown."""
_SAME: Final = 12
"""A sentence that begins with this many characters of the verdict's says the same."""
_NUMBER: Final = re.compile(r"\d+")
_PLURALS: Final = {
    "is": "are",
    "crashes": "crash",
    "restarts": "restart",
    "stands": "stand",
    "goes": "go",
    "leads": "lead",
    "installs": "install",
    "makes": "make",
    "applies": "apply",
}
_VERB: Final = re.compile(rf"^({'|'.join(_PLURALS)})\b")
_CLAUSE: Final = re.compile(r": (?=[a-z])|, but |\. (?=[A-Z])")


def leading_up(
    all_lines: Sequence[Line],
    struck: Sequence[int],
    broken: Broken,
    outcome: Outcome,
    below: Sequence[str] = (),
    room: int = 0,
) -> list[Line | str]:
    """The lines about the messages of the rule, who led, and what befell servers; the break last.

    `struck` are the places, among the lines, of what faults did that the run needs; `below` are
    the lines of code below the break. All lines up to it, if there is `room` for their rows.
    """
    end = next((at for at, line in enumerate(all_lines) if line.place > broken.place), None)
    before = list(all_lines[:end])
    if len(before) <= room:
        rows = _together(_ending(before, broken, outcome, below))
        if rows_of(rows, room) <= room:
            return rows
    chosen = _of_rule(before, broken, outcome)
    if len(before) <= _WHOLE:
        chosen = set(range(len(before)))
    chosen |= {*[at for at in struck if at < len(before)][-_STRUCK:]}
    happened = [at for at, line in enumerate(before) if line.op is None and not line.is_message]
    led = [at for at in happened if before[at].what.startswith("leads ")]
    rest = [at for at in happened if at not in led and _matters(before[at], broken)]
    chosen |= {*led[-_LEADERS:], *_news(before, rest)[-_MILESTONES:]}
    chosen |= _cut_off(before, chosen)
    rows = _together(
        _ending([before[at] for at in sorted(chosen)], broken, outcome, below),
    )
    left_out = len(before) - len(chosen)
    if left_out <= 0:
        return rows
    return [gap(left_out), *rows]


def _ending(
    shown: Sequence[Line], broken: Broken, outcome: Outcome, below: Sequence[str]
) -> list[Line]:
    """The lines with the break among them, marked, and its code below it."""
    if broken.seen is not None and not any(_says_it(line) for line in shown):
        shown = [replace(line, marked=False) for line in shown]
    if not any(line.marked for line in shown):
        shown = [*shown, break_line(broken, outcome)]
    return [replace(line, below=below) if line.marked else line for line in shown]


def _of_rule(before: Sequence[Line], broken: Broken, outcome: Outcome) -> set[int]:
    """The lines about the messages, operations and events that the rule speaks of."""
    rpcs = broken.named
    others = [rpc for rpc in broken.others if rpc not in rpcs]
    rpcs |= {*others[len(rpcs) - _EXCHANGES :]} if len(rpcs) < _EXCHANGES else set()
    places = {broken.place, *broken.events} | (
        {broken.cause} if broken.cause is not None else set()
    )
    chosen = {
        at
        for at, line in enumerate(before)
        if (line.rpc in rpcs and line.is_message and not line.is_arrival)
        or (line.place in places and not line.is_arrival)
        or (broken.op is not None and line.op == broken.op and not line.is_message)
    }
    if broken.index is not None:
        chosen |= {at for at, line in enumerate(before) if _puts(line, broken.index, outcome)}
    return chosen


def _puts(line: Line, index: int, outcome: Outcome) -> bool:
    """Whether the line says that a leader gave a command this place in its log."""
    if line.kind != "return" or line.op is None:
        return False
    op = outcome.history.ops[line.op]
    result = op.result
    if op.method != "start" or not isinstance(result, list | tuple) or len(result) != 3:
        return False
    return bool(result[0] == index and result[2] is True)


def _matters(line: Line, broken: Broken) -> bool:
    """Whether something befell a server of the rule, or the network."""
    if line.what.startswith("applies "):
        return line.what.startswith(f"applies {broken.index}:")
    return line.who in {*broken.servers, "network", "test"} or not broken.servers


def _cut_off(before: Sequence[Line], chosen: set[int]) -> set[int]:
    """Where servers were cut off that a chosen line connects again."""
    last: dict[str, int] = {}
    found = set()
    for at, line in enumerate(before):
        if line.what == CUT_OFF:
            last[line.who] = at
        elif at in chosen and line.what == JOINED and line.who in last:
            found.add(last[line.who])
    return found


def _news(before: Sequence[Line], happened: Sequence[int]) -> list[int]:
    """Of the lines about what befell servers, those that later ones do not make old.

    Of the snapshots that a server makes it is the last, and of those who apply one command at one
    index the first.
    """
    last = {(before[at].who, _NUMBER.sub("", before[at].what)): at for at in happened}
    first: dict[str, int] = {}
    for at in happened:
        first.setdefault(before[at].what, at)
    return [
        at
        for at in happened
        if before[at].marked
        or (
            first[before[at].what] == at
            if before[at].what.startswith("applies ")
            else last[before[at].who, _NUMBER.sub("", before[at].what)] == at
            or not before[at].what.startswith("makes ")
        )
    ]


def _says_it(line: Line) -> bool:
    """Whether the marked line is itself about a state that a server is in."""
    return line.marked and line.kind == "does"


def break_line(broken: Broken, outcome: Outcome) -> Line:
    """The row of a break that is no line of its own: what a server was seen to have done."""
    who, _, what = broken.headline.partition(" ")
    if who not in broken.servers:
        who, what = "", broken.headline
    return Line(moment(outcome, broken), who, what, "does", marked=True, place=broken.place)


def _together(shown: Sequence[Line]) -> list[Line | str]:
    """The lines; what befell several servers at one instant is one of them."""
    rows: list[Line | str] = []
    batch: list[Line] = []
    for line in [*shown, None]:
        alike = line is not None and line.op is None and not line.is_message and not line.marked
        if batch and (line is None or not alike or line.time_us != batch[0].time_us):
            rows += _merged(batch)
            batch = []
        if line is None:
            break
        if alike:
            batch.append(line)
        else:
            last = rows[-1] if rows and isinstance(rows[-1], Line) else None
            rows.append(line.likewise(last))
    return rows


def _merged(batch: Sequence[Line]) -> list[Line]:
    of: dict[str, list[str]] = {}
    for line in batch:
        of.setdefault(line.who, []).append(line.what)
    groups: dict[tuple[str, ...], list[str]] = {}
    for who, what in of.items():
        groups.setdefault(tuple(what), []).append(who)
    return [
        replace(batch[0], who=", ".join(who), what=", ".join(map(verb, what)))
        for what, who in groups.items()
        for verb in [_of_several if len(who) > 1 else str]
    ]


def _of_several(what: str) -> str:
    """What befell one server, said of several: "are cut off from the others"."""
    return _VERB.sub(lambda verb: _PLURALS[verb[0]], what)


def later(outcome: Outcome, broken: Broken, kind: str, said: str) -> str:
    """The verdict as what came of a broken rule: "Later, at 3.828 s, the test failed: ...".

    In short, for the rule says more; and with what the test noted at that moment. `kind` is what
    kind of failure it is, where a reader can make use of that. "" if the rule says all of it.
    """
    said = ": ".join(filter(None, [kind, _CLAUSE.split(said, maxsplit=1)[0]]))
    end_us = outcome.trace[-1][0]
    notes = [note.text for note in only(Note, outcome.events) if note.time_us == end_us]
    said = ". ".join([said, *(f"{text[:1].upper()}{text[1:]}" for text in notes[-1:])])
    if broken.place == len(outcome.trace) - 1 and broken.sentence[:_SAME] in said:
        return ""
    if end_us == outcome.trace[broken.place][0]:
        return f"So the test failed: {said}"
    return f"Later, at {seconds(end_us)} s, the test failed: {said}"
