"""What `labtester run` prints: the stories of what failed, one table, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.text import Text

from tester.report import aborted
from tester.report.failures import MOST_LINES, plainly, show_failures, show_printed
from tester.workers.results import LabResult, Rerun, TestResult

_MOST_ROWS: Final = 6
"""Where tests fail, a table of more rows is printed only if it is asked for."""
_MOST_FIGURES: Final = 6
"""Where tests fail, so many of the figures that they report, unless all are asked for."""
_GAP: Final = 2
_HEADS: Final = ("seeds", "failed", "unknown", "peers", "rpcs", "ops", "virtual", "seeds/s")
_GIVES_WAY: Final = ("seeds/s", "peers", "virtual", "ops", "rpcs")
"""Columns that are left out, in this order, where names are long or the terminal is narrow."""


def show(console: Console, result: LabResult, *, every: bool = False) -> None:
    """Print a lab run: what went wrong, each way once, then the table and the verdict.

    Where a test fails, those that passed are counted; with `every`, they are in the table too.
    """
    _show_tests(console, result, every=every)
    console.print(verdict_line(result))


def show_unfinished(console: Console, result: LabResult, *, every: bool = False) -> None:
    """Print what there is of a run that was interrupted: some stories have not been written."""
    begun = [test for test in result.tests if test.counted.seeds]
    if begun:
        _show_tests(console, replace(result, tests=begun), every=every)
    plainly(console, "interrupted; only the seeds that are finished are counted above")


def _show_tests(console: Console, result: LabResult, *, every: bool) -> None:
    """Print how tests fail, a table of the tests, and what they report of their runs."""
    reported = figures(result)
    lines = show_failures(console, result.tests, 2 * bool(reported))
    failing = any(test.rerun is not None for test in result.tests)
    room = MOST_LINES - lines
    shown = result.tests
    if failing and not every:
        shown = _beside(result.tests, room - min(len(reported), _MOST_FIGURES) * 2)
    if shown:
        console.print(table(replace(result, tests=shown), console.width), soft_wrap=True)
        room -= len(shown)
    if passed := sum(test.verdict == "pass" for test in result.tests) * (shown != result.tests):
        plainly(
            console, f"{passed} {'test' if passed == 1 else 'tests'} passed (--all lists them)"
        )
    if (
        failing
        and not every
        and len(reported) > (most := max(0, min(room // 2 - 1, _MOST_FIGURES)))
    ):
        left = len(reported) - most
        noun = "figure that a test reports is" if left == 1 else "figures that tests report are"
        reported = [*reported[:most], f"{left} {noun} left out (--all lists them)"]
    for line in reported:
        plainly(console, f"\n{line}")


def _beside(tests: Sequence[TestResult], room: int) -> list[TestResult]:
    """The rows of the table where tests failed: those that did not pass, if there is room."""
    bad = [test for test in tests if test.verdict != "pass"]
    return bad if len(bad) < min(room, _MOST_ROWS + 1) else []


def show_replay(console: Console, rerun: Rerun) -> None:
    """Print what became of one seed, all that is known of what it printed, and its digest."""
    ran = rerun.report.ran if rerun.report is not None else None
    show_printed(console, rerun)
    if rerun.verdict == "pass" and ran is not None:
        virtual_s = ran.virtual_us / 1_000_000
        assert rerun.report is not None
        plainly(
            console,
            f"{rerun.report.story}seed {rerun.seed} passes: {_grouped(ran.rpcs)} RPCs, "
            f"{_grouped(ran.ops)} operations, {virtual_s:.3f} s of virtual time",
        )
    else:
        plainly(console, aborted.story(rerun))
    if ran is not None:
        plainly(console, f"\ndigest {ran.digest}")


def table(result: LabResult, width: int) -> Text:
    """One row a test. `seeds/s` is of one core: the seeds over the time that their runs took.

    A name is never broken, for people look for it and paste it: what can be read elsewhere gives
    way to it, and where even that is not enough the figures stand in a line of their own.
    """
    known = not any(test.counted.unknown for test in result.tests)
    rows = [_cells(test, result.recorded.count(test.name)) for test in result.tests]
    columns = {
        head: max(len(head), *(len(row[head]) for row in rows))
        for head in _HEADS
        if not (known and head == "unknown")
    }
    longest = max(len(test.name) for test in result.tests)
    fitting = _fitting(columns, width - longest)
    apart = fitting is None
    if fitting is None:
        fitting = _fitting(columns, width) or list(columns)[:2]
    first = 0 if apart else longest
    head = {name: Text(name) for name in fitting}
    lines = [Text("test\n" if apart else "test".ljust(first), "bold")]
    lines[0].append_text(_figures(head, {name: columns[name] for name in fitting}, "bold"))
    for test, row in zip(result.tests, rows, strict=True):
        line = Text(f"{test.name}\n" if apart else test.name.ljust(first))
        lines.append(line.append_text(_figures(row, {name: columns[name] for name in fitting})))
    return Text("\n").join(lines)


def _fitting(columns: dict[str, int], room: int) -> list[str] | None:
    """The columns that fit, all of them if possible; None if the least do not."""
    fitting = list(columns)
    for head in ("", *_GIVES_WAY):
        if head in fitting:
            fitting.remove(head)
        if sum(_GAP + columns[head] for head in fitting) <= room:
            return fitting
    return None


def _figures(row: dict[str, Text], columns: dict[str, int], style: str = "") -> Text:
    line = Text(style=style)
    for head, width in columns.items():
        line.append(" " * (_GAP + width - len(row[head]))).append_text(row[head])
    return line


def _cells(test: TestResult, recorded: int) -> dict[str, Text]:
    counted = test.counted
    failed = _grouped(len(counted.failed)) + (f" + {recorded} recorded" if recorded else "")
    return {
        "seeds": _seeds(test),
        "failed": Text(failed, "red" if counted.failed or recorded else ""),
        "unknown": Text(_grouped(len(counted.unknown)), "yellow" if counted.unknown else ""),
        "peers": Text(str(counted.peers)),
        "rpcs": Text(_grouped(counted.rpcs)),
        "ops": Text(_grouped(counted.ops)),
        "virtual": Text(_seconds(counted.virtual_us)),
        "seeds/s": Text(_rate(test)),
    }


def _seeds(test: TestResult) -> Text:
    weight = f" (1 in {test.weight})" if test.weight > 1 else ""
    return Text(f"{_grouped(test.counted.seeds)}{weight}")


def _rate(test: TestResult) -> str:
    runs, wall_us = test.counted.seeds, test.counted.wall_us
    if not wall_us:
        return "-"
    rate = runs * 1_000_000 / wall_us
    return _grouped(round(rate)) if rate >= 10 else f"{rate:.1f}"


def figures(result: LabResult) -> list[str]:
    """What the tests have reported, a line each: figures, and how often they came where."""
    lines = [
        f"{test.name}: {name} {_grouped(figure.least)} to {_grouped(figure.most)}, "
        f"{figure.mean:.1f} on average"
        for test in result.tests
        for name, figure in test.counted.figures.items()
    ]
    lines += [
        f"{test.name}: {line}" for test in result.tests for line in test.counted.reached.lines()
    ]
    return lines


def verdict_line(result: LabResult) -> Text:
    """`kvsrv: pass, 1 400 seeds of 14 tests in 2.1 s, digest 3f...`."""
    seeds = sum(test.counted.seeds for test in result.tests)
    tests = f"{len(result.tests)} test{'' if len(result.tests) == 1 else 's'}"
    style = {"pass": "bold green", "fail": "bold red"}.get(result.verdict, "bold yellow")
    line = Text(f"\n{result.lab}: ")
    line.append(result.verdict, style)
    noun = "seed" if seeds == 1 else "seeds"
    line.append(f", {_grouped(seeds)} {noun} of {tests} in {result.elapsed_s:.1f} s")
    if any(test.rerun is not None for test in result.tests):
        line.append(f", and {result.rerun_s:.1f} s for the stories")
    if result.not_run:
        left = f"{len(result.not_run)} test{' was' if len(result.not_run) == 1 else 's were'}"
        line.append(f"\nstopped at the first failure: {left} not run")
    line.append(f"\ndigest {result.digest}")
    return line


def _seconds(microseconds: int) -> str:
    tenths = microseconds // 100_000
    return f"{_grouped(tenths // 10)}.{tenths % 10} s"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")
