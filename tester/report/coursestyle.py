"""A lab run in the words of the course's tester: a title for each test, and what it passed with.

The figures of several seeds are those of one of them, on average; times are virtual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from tester.report.failures import plainly, show_failures
from tester.workers.results import LabResult, TestResult

_STYLES: Final = {"pass": "green", "fail": "bold red", "unknown": "bold yellow"}


class Title(NamedTuple):
    """What a test is called, and on which network it runs."""

    text: str
    network: str
    """ "reliable network"; "" where nobody knows. """


def show(console: Console, result: LabResult, titles: Mapping[str, Title]) -> None:
    """Print each test as the course does, then each way in which some failed, once."""
    for test in result.tests:
        plainly(console, opening(titles[test.name]))
        console.print(Text(closing(test), style=_STYLES[test.verdict]), soft_wrap=True)
    if any(test.counted.seeds > 1 for test in result.tests):
        plainly(console, "(time, RPCs and Ops: of one seed, on average)")
    if result.verdict != "pass":
        plainly(console, "")
        show_failures(console, result.tests)
    plainly(console, "PASS" if result.verdict == "pass" else "FAIL")
    word = "ok  " if result.verdict == "pass" else "FAIL"
    plainly(console, f"{word}\tlabtester/{result.lab}\t{result.elapsed_s:.3f}s")


def opening(title: Title) -> str:
    """`Test: one client puts (unreliable network) ...`."""
    text = title.text.rstrip(".")
    network = f" ({title.network})" if title.network else ""
    return f"Test: {text[:1].lower()}{text[1:]}{network} ..."


def closing(test: TestResult) -> str:
    """`  ... Passed --  time  2.0s #peers 1 #RPCs   106 #Ops    0`, or how it failed."""
    counted = test.counted
    seeds = max(counted.seeds, 1)
    virtual_s = counted.virtual_us / seeds / 1_000_000
    if test.verdict == "fail":
        bad = len(counted.failed) or 1
        which = f"{bad} of {counted.seeds} {'seed' if counted.seeds == 1 else 'seeds'}"
        return f"--- FAIL: {test.name} ({virtual_s:.2f}s), {which}"
    if test.verdict == "unknown":
        return f"--- UNKNOWN: {test.name}: {len(counted.unknown)} of {counted.seeds} not decided"
    rpcs, ops = round(counted.rpcs / seeds), round(counted.ops / seeds)
    return (
        f"  ... Passed --  time {virtual_s:4.1f}s #peers {counted.peers} "
        f"#RPCs {rpcs:5d} #Ops {ops:4d}"
    )
