"""How two runs of one seed parted: the first event that differs, why, and the lines to look at."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence
from typing import Final

from tester.report.width import WIDTH
from tester.workers.wire import Suspected, Traced

_BEFORE: Final = 5
_MOST: Final = 10
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


def parted(left: Traced | None, right: Traced | None) -> tuple[str, str]:
    """The first event in which two runs differ, after what came before; and that event's text."""
    if left is None or right is None:
        return "One of the two runs hung or ended its process.", ""
    if left.events == right.events:
        return "When both were repeated to be compared, event by event, they went one way.", ""
    at = next(
        (
            i
            for i, pair in enumerate(zip(left.events, right.events, strict=False))
            if pair[0] != pair[1]
        ),
        min(len(left.events), len(right.events)),
    )
    before = [f"    {event}" for event in left.events[max(0, at - _BEFORE) : at]]
    theirs = [
        trace.events[at] if at < len(trace.events) else "(its end)" for trace in (left, right)
    ]
    lines = [f"The first event that differs is number {at}. Before it, both had:", "", *before]
    lines += ["", "Then one had, and the other:", "", *(f"    {event}" for event in theirs)]
    return "\n".join(lines), " ".join([*left.events[max(0, at - 1) : at], *theirs])


def ranked(suspects: Sequence[Suspected], kind: str, event: str) -> list[Suspected]:
    """The suspects that would explain this cause, if there are any, or else all of them.

    First those in a method that the event names; then those whose likeliest effect this is.
    """
    fitting = [one for one in suspects if kind in one.kinds] or list(suspects)
    words = set(_WORD.findall(event))

    def key(one: Suspected) -> tuple[bool, int, str, int]:
        rank = one.kinds.index(kind) if kind in one.kinds else len(one.kinds)
        return one.function not in words, rank, one.file, one.line

    return sorted(fitting, key=key)


def divergence(left: Traced | None, right: Traced | None, kind: str, why: str) -> str:
    """The whole of it; `kind` and `why` are the cause that an inquiry has found."""
    text, event = parted(left, right)
    sections = [text, textwrap.fill(why, WIDTH)]
    known = left or right
    lines = ranked(known.suspects if known is not None else (), kind, event)
    if lines:
        fits = any(kind in one.kinds for one in lines)
        head = "Lines to look at:" if fits else "No line is known that would explain this. Others:"
        shown = [f"    {_shown(one)}" for one in lines[:_MOST]]
        more = [f"    and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
        sections.append("\n".join([head, "", *shown, *more]))
    return "\n\n".join(sections)


def lines_of(traced: Traced | None, kind: str) -> list[str]:
    """The lines that would explain a cause of this kind, and nothing else."""
    found = [] if traced is None else traced.suspects
    return [_shown(one) for one in ranked(found, kind, "") if kind in one.kinds][:_MOST]


def _shown(one: Suspected) -> str:
    here = os.path.relpath(one.file)
    return f"{one.file if here.startswith('..') else here}:{one.line} {one.why}"
