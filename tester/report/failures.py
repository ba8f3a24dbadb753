"""The failures of a lab run: each way in which its tests fail once, in few lines altogether."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from tester.report import aborted
from tester.report.broken import listed
from tester.report.ways import alike
from tester.report.width import WIDTH
from tester.search.shortest import in_words
from tester.workers.results import Rerun, TestResult

MOST_LINES: Final = 60
"""Of what does not fit into this many lines, only the headline is shown."""
_PRINTED_LINES: Final = 10
_PRINTED_COLUMNS: Final = 200
_SEEDS_SHOWN: Final = 10
_FRAME: Final = 14
"""As many of them stand around the stories and the table, or say where records are kept."""
_BRIEF: Final = 5
"""As many lines say briefly how a test fails."""
_MOST_BRIEF: Final = 3
"""At most this many ways are shown in short."""
_COUNTED: Final = 2
"""As many lines count the ways that are not shown."""
_NOTATION: Final = {
    r"^[ >].* #\d": "#4: the 4th RPC",
    r"^[ >].*\bv\d": "v2: version 2",
    r"^[ >].* -> ": "->: returned",
    r"^>": ">: the event that decides",
}
"""What the rows of a story may contain, and what each of that means."""
_MOST_NAMED: Final = 3
"""Of tests about which there is the same to say, this many have their name or command shown."""
_MOST_OTHERS: Final = 2
"""Of tests that never reach something, this many are spoken of one by one."""

_Way = Sequence[TestResult]


def show_failures(console: Console, tests: Sequence[TestResult], besides: int = 0) -> int:
    """Print how tests fail, the ways for which there is room; return how many lines that takes.

    The lines count those that are to stand around the stories, and those for what is `besides`.
    """
    failing = [test for test in tests if test.rerun is not None]
    untold = [test for test in failing if _is_untold(test)]
    if len(untold) == len(failing) == 1:
        untold = []  # then there is room to say so
    ways = sorted(
        alike([test for test in failing if test not in untold], _likeness),
        key=lambda way: min(map(_length, way)),
    )
    if len(failing) > 1:
        how = "in the same way" if len(ways) == 1 else f"in {len(ways)} ways"
        plainly(console, f"{len(failing)} tests fail{'' if untold else f', {how}'}\n")
    others = [*_never_reached(tests), *_differences(tests)]
    taken = besides + sum(str(text).count("\n") + 1 for text in others)
    taken += min(len(untold), _MOST_NAMED + 1) + 3 if untold else 0
    told, brief, lines = _by_room(ways, _FRAME + taken)
    for way in told:
        first = min(way, key=_length)
        _show_failure(console, first)
        _show_alike(console, [test for test in way if test is not first])
    for way in brief:
        _show_briefly(console, way)
    if known := _notation(told):
        plainly(console, f"({known})\n")
    if left := ways[len(told) + len(brief) :]:
        how = f"in {len(left)} more ways" if len(left) > 1 else "in another way"
        plainly(console, f"{_tests_fail(sum(map(len, left)))} {how} (--all lists them)\n")
    if untold:
        has = "1 failing test has" if len(untold) == 1 else f"{len(untold)} failing tests have"
        plainly(console, f"{has} no story yet:\n")
        _show_commands(console, untold)
    for text in others:
        console.print(text, soft_wrap=True)
    return lines


def _notation(told: Sequence[_Way]) -> str:
    """What the signs mean that the stories make use of; "" if they make use of none."""
    stories = [aborted.story(rerun) for way in told if (rerun := min(way, key=_length).rerun)]
    rows = "\n".join(story.partition("what happened")[2].partition("\n\n")[0] for story in stories)
    found = [said for sign, said in _NOTATION.items() if re.search(sign, rows, re.MULTILINE)]
    return "; ".join(found)


def _is_untold(test: TestResult) -> bool:
    """Whether a run was interrupted before anything was known of how the test fails."""
    rerun = test.rerun
    return rerun is not None and rerun.report is None and rerun.lost is None and not rerun.draft


def _by_room(ways: Sequence[_Way], taken: int) -> tuple[list[_Way], list[_Way], int]:
    """The ways whose stories there is room for, those to be shown in short, and the lines of all.

    The first one is always shown, however long it is; those in neither list are only counted.
    Other things have `taken` so many lines.
    """
    told: list[_Way] = []
    lines = taken
    for at, way in enumerate(ways):
        others = len(ways) - at - 1
        rest = min(others, _MOST_BRIEF) * _BRIEF + _COUNTED * (others > _MOST_BRIEF)
        if told and lines + _room(way) + rest > MOST_LINES:
            break
        told.append(way)
        lines += _room(way)
    left = ways[len(told) :]
    brief = min(len(left), _MOST_BRIEF)
    while brief and lines + brief * _BRIEF + _COUNTED * (brief < len(left)) > MOST_LINES:
        brief -= 1
    lines += brief * _BRIEF + _COUNTED * (brief < len(left))
    return told, [*left[:brief]], lines


def _room(way: _Way) -> int:
    """How many lines the story of a way takes, with what stands around it."""
    first = min(way, key=_length)
    assert first.rerun is not None
    alike = min(len(way) - 1, _MOST_NAMED + 1)
    printed = min(len(first.rerun.printed.splitlines()), _PRINTED_LINES)
    return _length(first)[1] + 4 + (alike and alike + 3) + (printed and printed + 3)


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


def _show_failure(console: Console, test: TestResult) -> None:
    assert test.rerun is not None
    console.print(Text(f"{test.name}: {bad_seeds(test)}", style="bold red"), soft_wrap=True)
    if test.counted.seeds < test.asked:
        how = "failed"  # and the run was to end there
        if test.counted.used_up:
            how = f"used up its {test.counted.used_up}"
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
    _show_commands(console, others)


def _show_commands(console: Console, tests: Sequence[TestResult]) -> None:
    """What runs the failing seed of each test again, of the first ones."""
    most = _MOST_NAMED + (len(tests) == _MOST_NAMED + 1)
    for test in tests[:most]:
        assert test.rerun is not None
        plainly(console, f"    {test.rerun.command}")
    if len(tests) > most:
        plainly(console, f"    and {len(tests) - most} others (--all lists them)")
    plainly(console, "")


def _never_reached(tests: Sequence[TestResult]) -> list[Text]:
    """What some run of each test has to come to, and none did."""
    missing = [test for test in tests if test.missing]
    shown = missing[:_MOST_OTHERS]
    texts = [
        _headed(f"{test.name}: never reached", textwrap.fill(test.missing, WIDTH))
        for test in shown
    ]
    return [*texts, *_too(missing[len(shown) :], "did not reach what a run of them must")]


def _differences(tests: Sequence[TestResult]) -> list[Text]:
    """Of which tests a seed went another way in another process; of the first of them, how."""
    differing = [test for test in tests if test.differs]
    texts = [
        _headed(f"{test.name}: its runs depend on more than their seeds", test.differs)
        for test in differing[:1]
    ]
    return [*texts, *_too(differing[1:], "went another way there, too")]


def _headed(head: str, text: str) -> Text:
    return Text.assemble((f"{head}\n", "bold red"), f"\n{text}\n")


def _too(tests: Sequence[TestResult], what: str) -> list[Text]:
    """That of more tests there is the same to say; nothing if there are none."""
    names = [test.name for test in tests[:_MOST_NAMED]]
    if len(tests) > len(names):
        names.append(f"{len(tests) - len(names)} more")
    return [Text(f"{textwrap.fill(f'{listed(names)} {what}', WIDTH)}\n")] if names else []


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
