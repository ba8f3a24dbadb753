"""A lab run as the course's tester prints it: labels, widths and closing lines."""

from __future__ import annotations

import io
import re

from rich.console import Console

from tester.report.coursestyle import Title, closing, opening, show
from tester.workers.results import Counted, LabResult, TestResult
from tester.workers.wire import Ran
from tests.report.test_table import failing


def result_of(name: str, *ran: Ran) -> TestResult:
    counted = Counted()
    for one in ran:
        counted.add(one)
    return TestResult(name, len(ran), 1, counted, None)


PASSED = Ran("pass", "d", 106, 40, 2_040_000, 0, peers=1)
FAILED = Ran("fail", "d", 106, 40, 2_040_000, 0, peers=1)
LINE = re.compile(r"  \.\.\. Passed --  time [ \d]\d\.\ds #peers \d+ #RPCs [ \d]{5} #Ops [ \d]{4}")


def test_the_closing_line_has_the_columns_of_the_course() -> None:
    line = closing(result_of("test_a", PASSED))
    assert line == "  ... Passed --  time  2.0s #peers 1 #RPCs   106 #Ops   40"
    assert LINE.fullmatch(line)


def test_figures_of_several_seeds_are_of_one_on_average() -> None:
    other = Ran("pass", "e", 206, 60, 4_040_000, 0, peers=3)
    line = closing(result_of("test_a", PASSED, other))
    assert line == "  ... Passed --  time  3.0s #peers 3 #RPCs   156 #Ops   50"


def test_a_failure_and_an_undecided_test_are_no_pass() -> None:
    assert closing(result_of("test_a", PASSED, FAILED)) == (
        "--- FAIL: test_a (2.04s), 1 of 2 seeds"
    )
    unknown = Ran("unknown", "d", 1, 1, 1, 0)
    assert closing(result_of("test_a", unknown)) == "--- UNKNOWN: test_a: 1 of 1 not decided"


def test_the_opening_line_has_title_and_network() -> None:
    title = Title("Ten clients race.", "unreliable network")
    assert opening(title) == "Test: ten clients race (unreliable network) ..."
    assert opening(Title("test_mine", "")) == "Test: test_mine ..."


def test_a_run_ends_as_go_test_does() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100)
    titles = {"test_a": Title("One client.", "reliable network")}
    result = LabResult("kvsrv", [result_of("test_a", PASSED)], elapsed_s=1.5)
    show(console, result, titles)
    *lines, last = out.getvalue().splitlines()
    assert last.split() == ["ok", "labtester/kvsrv", "1.500s"]
    assert lines == [
        "Test: one client (reliable network) ...",
        "  ... Passed --  time  2.0s #peers 1 #RPCs   106 #Ops   40",
        "PASS",
    ]


def test_each_way_of_failing_is_shown_once() -> None:
    tests = [failing(name, "seed 0: fails\n\nstory", "one") for name in ("test_a", "test_b")]
    out = io.StringIO()
    titles = {test.name: Title(test.name, "") for test in tests}
    show(Console(file=out, width=100), LabResult("kvsrv", tests), titles)
    assert out.getvalue().count("story") == 1
    assert "1 more test fails in the same way:\n\n    again test_b\n" in out.getvalue()
