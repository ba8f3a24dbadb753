"""The log on a terminal: a colour for each node, where colours are wanted."""

from __future__ import annotations

import io

from rich.console import Console

from tester.report.log import line, show
from tester.workers.wire import Logged

SAID = [
    Logged(1_500, "s0", "INFO", "raft", "votes [for s1]"),
    Logged(2_000, "s1", "ERROR", "", "lost"),
]


def printed(**options: object) -> str:
    out = io.StringIO()
    show(Console(file=out, width=80, **options), SAID, ["s0", "s1"])  # type: ignore[arg-type]
    return out.getvalue()


def test_lines_have_columns() -> None:
    assert printed().splitlines()[:2] == [line(one) for one in SAID]
    assert line(SAID[0]) == "   0.002  s0      INFO     raft: votes [for s1]"


def test_each_node_has_a_colour_on_a_terminal_only() -> None:
    coloured = printed(force_terminal=True, color_system="standard", no_color=False)
    assert "\x1b[36ms0" in coloured
    assert "\x1b[35ms1" in coloured
    assert "\x1b[" not in printed()


def test_nothing_said_is_said() -> None:
    out = io.StringIO()
    show(Console(file=out), [], [])
    assert "No line was logged" in out.getvalue()
