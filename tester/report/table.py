"""What `labtester run` prints: the stories of what failed, one table, and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.text import Text

from tester.report import aborted
from tester.report.ways import alike
from tester.report.width import WIDTH
from tester.search.shortest import in_words
from tester.workers.results import LabResult, Rerun, TestResult

_PRINTED_LINES: Final = 10
_PRINTED_COLUMNS: Final = 200
_SEEDS_SHOWN: Final = 10
_MOST_LINES: Final = 60
"""Of what does not fit into this many lines, only the headline is shown."""
_FRAME: Final = 8
"""As many of them stand around the stories and the table."""
_BRIEF: Final = 5
"""As many lines say briefly how a test fails."""
_MOST_BRIEF: Final = 3
"""At most this many ways are shown in short."""
_COUNTED: Final = 2
"""As many lines count the ways that are not shown."""
_MOST_ALIKE: Final = 3
"""Of tests that fail in the same way, this many have their command shown."""
_MOST_ROWS: Final = 6
"""Where tests fail, a table of more rows is printed only if it is asked for."""
_GAP: Final = 2
_HEADS: Final = ("seeds", "failed", "unknown", "peers", "rpcs", "ops", "virtual", "seeds/s")
_GIVES_WAY: Final = ("seeds/s", "peers", "virtual", "ops", "rpcs")
"""Columns that are left out, in this order, where names are long or the terminal is narrow."""


def show(console: Console, result: LabResult, *, every: bool = False) -> None:
    """Print a lab run: what went wrong, each way once, then the table and the verdict.

    Where a test fails, those that passed are counted; with `every`, they are in the table too.
    """
    failing = [test for test in result.tests if test.rerun is not None]
    ways = sorted(alike(failing, _likeness), key=lambda way: min(map(_length, way)))
    if len(failing) > 1:
        how = "in the same way" if len(ways) == 1 else f"in {len(ways)} ways"
        plainly(console, f"{len(failing)} tests fail, {how}\n")
    told, brief, lines = _by_room(ways)
    for way in told:
        first = min(way, key=_length)
        _show_failure(console, first)
        _show_alike(console, [test for test in way if test is not first])
    for way in brief:
        _show_briefly(console, way)
    if left := ways[len(told) + len(brief) :]:
        how = f"in {len(left)} more ways" if len(left) > 1 else "in another way"
        plainly(console, f"{_tests_fail(sum(map(len, left)))} {how} (--all lists them)\n")
    for test in result.tests:
        if test.differs:
            _show_difference(console, result.lab, test)
        if test.missing:
            console.print(Text(f"{test.name}: never reached", style="bold red"), soft_wrap=True)
            plainly(console, f"\n{textwrap.fill(test.missing, WIDTH)}\n")
    reported = figures(result)
    room = _MOST_LINES - lines - reported.count("\n")
    shown = result.tests if every or not ways else _beside(result.tests, room)
    if shown:
        console.print(table(replace(result, tests=shown), console.width), soft_wrap=True)
    if passed := sum(test.verdict == "pass" for test in result.tests) * (shown != result.tests):
        plainly(
            console, f"{passed} {'test' if passed == 1 else 'tests'} passed (--all lists them)"
        )
    if reported:
        plainly(console, reported)
    console.print(verdict_line(result))


_Way = Sequence[TestResult]


def _by_room(ways: Sequence[_Way]) -> tuple[list[_Way], list[_Way], int]:
    """The ways whose stories there is room for, those to be shown in short, and the lines of both.

    The first one is always shown, however long it is; those in neither list are only counted.
    """
    told: list[_Way] = []
    lines = _FRAME
    for at, way in enumerate(ways):
        others = len(ways) - at - 1
        rest = min(others, _MOST_BRIEF) * _BRIEF + _COUNTED * (others > _MOST_BRIEF)
        if told and lines + _room(way) + rest > _MOST_LINES:
            break
        told.append(way)
        lines += _room(way)
    left = ways[len(told) :]
    brief = min(len(left), _MOST_BRIEF)
    while brief and lines + brief * _BRIEF + _COUNTED * (brief < len(left)) > _MOST_LINES:
        brief -= 1
    lines += brief * _BRIEF + _COUNTED * (brief < len(left))
    return told, [*left[:brief]], lines


def _room(way: _Way) -> int:
    """How many lines the story of a way takes, with what stands around it."""
    alike = min(len(way) - 1, _MOST_ALIKE + 1)
    return _length(min(way, key=_length))[1] + 4 + (alike and alike + 3)


def _beside(tests: Sequence[TestResult], room: int) -> list[TestResult]:
    """The rows of the table where tests failed: those that did not pass, if there is room."""
    bad = [test for test in tests if test.verdict != "pass"]
    return bad if len(bad) < min(room, _MOST_ROWS + 1) else []


def _tests_fail(count: int) -> str:
    return "1 test fails" if count == 1 else f"{count} tests fail"


def _likeness(test: TestResult) -> str:
    assert test.rerun is not None
    return test.rerun.likeness


def _length(test: TestResult) -> tuple[bool, int]:
    """How little a story tells: one that takes no fault tells least, and a long one."""
    assert test.rerun is not None
    size = test.rerun.size
    return size is None or not size.faults, aborted.story(test.rerun).count("\n")


def _show_briefly(console: Console, way: Sequence[TestResult]) -> None:
    """Of tests that fail in a way for whose story there is no room, its headline and a command."""
    first = min(way, key=_length)
    assert first.rerun is not None
    head = aborted.story(first.rerun).partition("\n\n")[0]
    console.print(Text(f"{first.name}: {bad_seeds(first)}", style="bold red"), soft_wrap=True)
    others = len(way) - 1
    tests = "test" if others == 1 else "tests"
    more = f"\n    and {others} more {tests} in the same way" if others else ""
    plainly(console, f"{head}\n    {first.rerun.command}{more}\n")


def _show_alike(console: Console, others: Sequence[TestResult]) -> None:
    """Tests that failed as the one before them did: what runs each again."""
    if not others:
        return
    many = f"{len(others)} more tests fail" if len(others) > 1 else "1 more test fails"
    plainly(console, f"{many} in the same way:\n")
    most = _MOST_ALIKE + (len(others) == _MOST_ALIKE + 1)
    for test in others[:most]:
        assert test.rerun is not None
        plainly(console, f"    {test.rerun.command}")
    if len(others) > most:
        plainly(console, f"    and {len(others) - most} others (--all lists them)")
    plainly(console, "")


def show_unfinished(console: Console, result: LabResult) -> None:
    """Print what there is of a run that was interrupted: most stories have not been shown."""
    begun = [test for test in result.tests if test.counted.seeds]
    for test in begun:
        if test.rerun is not None:
            console.print(Text(f"{test.name}: {bad_seeds(test)}", style="bold red"))
            plainly(console, f"\n{aborted.story(test.rerun)}\n")
    if begun:
        console.print(table(LabResult(result.lab, begun), console.width), soft_wrap=True)
    plainly(console, "interrupted; the seeds counted above are finished, the others are not")


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


def _show_failure(console: Console, test: TestResult) -> None:
    assert test.rerun is not None
    console.print(Text(f"{test.name}: {bad_seeds(test)}", style="bold red"), soft_wrap=True)
    if test.counted.seeds < test.asked:
        how = "failed"  # and the run was to end there
        if test.counted.leaked_state:
            how = "changed what outlives a run"
        if test.lost is not None:
            how = "ended its process"
            if test.lost.stuck_s or test.lost.what:
                how = "was stuck" if test.lost.stuck_s else "cost its process"
        plainly(console, f"seed {test.counted.seeds - 1} {how}: its later seeds were not run")
    if test.rerun.rivals:
        plainly(console, in_words(test.rerun.seed, test.rerun.rivals))
    plainly(console, "")
    plainly(console, aborted.story(test.rerun))
    plainly(console, "")
    show_printed(console, test.rerun, most=_PRINTED_LINES)


def _show_difference(console: Console, lab: str, test: TestResult) -> None:
    """A seed of the test went another way in another process."""
    heading = f"{test.name}: its runs depend on more than their seeds"
    console.print(Text(heading, style="bold red"), soft_wrap=True)
    plainly(console, f"\n{test.differs}\n")


def show_printed(console: Console, rerun: Rerun, *, most: int | None = None) -> None:
    """Print what the code under test printed, the last of it where it is long."""
    lines = rerun.printed.splitlines()
    if lines:
        last = lines if most is None else lines[-most:]
        what = f"the last {len(last)} lines " if len(last) < len(lines) else "what "
        plainly(console, f"seed {rerun.seed}, {what}it printed:\n")
        short = [
            line if len(line) <= _PRINTED_COLUMNS else f"{line[:_PRINTED_COLUMNS]}..."
            for line in last
        ]
        plainly(console, "\n".join(f"    {line}" for line in short) + "\n")


def plainly(console: Console, text: str) -> None:
    """Print a text as it is: not wrapped, not highlighted, and nothing in it is markup."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def bad_seeds(test: TestResult) -> str:
    """`12 of 100 seeds fail: 4, 9, 17, ...`, and the same of those that stayed unknown."""
    parts = []
    for seeds, one, many in (
        (test.counted.failed, "fails", "fail"),
        (test.counted.unknown, "stays unknown", "stay unknown"),
    ):
        if seeds:
            verb = one if len(seeds) == 1 else many
            run = test.counted.seeds
            noun = "seed" if run == 1 else "seeds"
            parts.append(f"{len(seeds)} of {run} {noun} {verb}: {_listed(seeds)}")
    return "; ".join(parts)


def _listed(seeds: Sequence[int]) -> str:
    shown = ", ".join(map(str, seeds[:_SEEDS_SHOWN]))
    return shown if len(seeds) <= _SEEDS_SHOWN else shown + ", ..."


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


def figures(result: LabResult) -> str:
    """What the tests have reported, a line each: figures, and how often they came where."""
    lines = [
        f"\n{test.name}: {name} {_grouped(figure.least)} to {_grouped(figure.most)}, "
        f"{figure.mean:.1f} on average"
        for test in result.tests
        for name, figure in test.counted.figures.items()
    ]
    lines += [
        f"\n{test.name}: {line}" for test in result.tests for line in test.counted.reached.lines()
    ]
    return "".join(lines)


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
