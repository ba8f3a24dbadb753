"""The lines that the nodes of a run have logged and printed, as text for people."""

from __future__ import annotations

from collections.abc import Sequence

from tester.grading.printed import LINES, Heard
from tester.report.log import line
from tester.workers.wire import plain
from tester.world.spectator import Said


def shown(heard: Sequence[tuple[str, Heard]]) -> str:
    """The last lines of all nodes, in the order of their times; "" if there were none."""
    lines = [(one, node) for node, found in heard for one in found.lines]
    lines.sort(key=lambda pair: pair[0].time_us)  # stable: those of one node stay in their order
    left_out = sum(found.before for _, found in heard) + max(0, len(lines) - LINES)
    rows = [
        line(Said(0, one.time_us, node, one.level, one.logger, one.text)).rstrip()
        for one, node in lines[-LINES:]
    ]
    if left_out:
        rows.insert(0, f"({left_out} earlier {'line' if left_out == 1 else 'lines'})")
    return "\n".join(plain(row).replace("\n", " ") for row in rows)
