"""Runs of like lines: what a node repeats over and over becomes one line that counts it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from tester.report.lines import AGAIN, Line

_PERIODS: Final = range(1, 9)
"""This many lines may be what is repeated."""
_TIMES: Final = 3
"""It is shown once if it comes so often, and that saves lines."""
_SAVED: Final = 3
_NUMBER: Final = re.compile(r"\d+")


class _Run(NamedTuple):
    """Of the lines of one lane: those from `start` on, `period` of them, come `times` times."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.times

    @property
    def saved(self) -> int:
        """Lines fewer, with the one that says so."""
        return self.period * (self.times - 1) - 1


def collapse(
    lines: Sequence[Line], kept: Collection[int] = (), *, alike: bool = False
) -> list[Line]:
    """The lines, but what a node repeats is shown the first time, and counted the last time.

    What a node asked and was answered belongs together, whoever else did something meanwhile.
    Lines at the places `kept` are shown whatever they repeat. `alike`: lines that differ in
    numbers only count as repetitions, too.
    """
    lanes: dict[str, list[int]] = {}
    senders: dict[int, str] = {}
    for at, line in enumerate(lines):
        if line.rpc is not None and line.kind == "send":
            senders[line.rpc] = line.who
        sender = senders.get(line.rpc, line.who) if line.rpc is not None else line.who
        lanes.setdefault(sender, []).append(at)
    rows: dict[int, Line | None] = {}
    for name, lane in lanes.items():
        rows |= _collapsed(name, lane, lines, kept, alike=alike)
    left = (rows.get(at, line) for at, line in enumerate(lines))
    return [line for line in left if line is not None]


def collapse_crowd(lines: Sequence[Line], kept: Collection[int] = ()) -> list[Line]:
    """The same for nodes whose names differ in numbers only: of a crowd, each of which does alike.

    Lines that differ in numbers only count as repetitions.
    """
    numbered = [replace(line, who=_NUMBER.sub("0", line.who)) for line in lines]
    rows = _collapsed("", range(len(lines)), numbered, kept, alike=True)
    left = []
    for at, line in enumerate(lines):
        row = rows.get(at, line)
        if row is not None:
            left.append(replace(row, who=line.who))
    return left


def _collapsed(
    name: str,
    lane: Sequence[int],
    lines: Sequence[Line],
    kept: Collection[int],
    *,
    alike: bool,
) -> dict[int, Line | None]:
    """What becomes of the lines of a lane that are repetitions: one of them counts all."""
    exact = [_token(lines[at], kept, alike=False) for at in lane]
    tokens = [_token(lines[at], kept, alike=alike) for at in lane]
    rows: dict[int, Line | None] = {}
    for run in _runs(tokens):
        equal = exact[run.start : run.end - run.period] == exact[run.start + run.period : run.end]
        one = "the same" if equal else "the like of that"
        several = "the same" if equal else "the like of these"
        again = [lane[at] for at in range(run.start + run.period, run.end)]
        rows |= dict.fromkeys(again)
        last = lines[again[-1]]
        numbers = [rpc for at in again if (rpc := lines[at].rpc) is not None]
        which = f": #{numbers[0]}" if numbers else ""
        if len(set(numbers)) > 1:
            which += f" to #{numbers[-1]}"
        what = f"{one} {run.times - 1} times more{which}"
        if run.period > 1:
            what = f"{several} {run.period} lines {run.times - 1} times more{which}"
        if all(lines[at].is_message for at in again):
            what = f"    {what}"
        rows[again[-1]] = Line(last.time_us, name, what, AGAIN, last.op, None)
    return rows


def _token(line: Line, kept: Collection[int], *, alike: bool) -> tuple[object, ...]:
    """What is equal of lines that are about the same again."""
    apart = line.place if line.place in kept or line.is_death else None
    what = _NUMBER.sub("0", line.what) if alike else line.what
    return line.who, line.kind, what, line.rpc is None, apart


def _runs(tokens: Sequence[tuple[object, ...]]) -> list[_Run]:
    found: list[_Run] = []
    at = 0
    while at < len(tokens):
        best = max((_run(tokens, at, period) for period in _PERIODS), key=lambda run: run.saved)
        if best.times >= _TIMES and best.saved >= _SAVED:
            found.append(best)
            at = best.end
        else:
            at += 1
    return found


def _run(tokens: Sequence[tuple[object, ...]], start: int, period: int) -> _Run:
    end = start + period
    while end < len(tokens) and tokens[end] == tokens[end - period]:
        end += 1
    return _Run(start, period, (end - start) // period)
