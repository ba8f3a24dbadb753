"""The suites beside those in Go: what a line says, and that it is measured."""

import pytest

from bench import suites
from bench.suites import SUITES, Suite, Taken
from tester.labs import LABS, suite


def test_every_suite_of_ours_stands_beside_one_in_go() -> None:
    assert [suite.lab for suite in SUITES] == [*LABS]
    measured = [suite for suite in SUITES if suite.lab != "kvraft-dedup"]
    assert all(0 < suite.least_s <= suite.most_s for suite in measured)


def test_a_suite_is_run_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    suites.main([Suite("lock", "2025", 10.6, 11.0)], times=1)
    heading, lock, every = capsys.readouterr().out.splitlines()
    assert lock.split()[:2] == ["lock", str(len(suite.tests_of(LABS["lock"].suite)))]
    assert lock.split()[4:7] == ["10.6", "to", "11.0"]
    assert every.split()[1:] == lock.split()[1:-1]
    assert max(map(len, (heading, lock, every))) <= 80


def test_a_line_tells_how_much_faster() -> None:
    line = suites.line(Suite("raft", "2025", 380, 400), Taken(10.0, 9.5, 28))
    assert line == "raft           28   10.00   9.50 380.0 to 400.0        38 to 40  2025"


def test_what_nobody_has_measured_in_go_is_left_open() -> None:
    line = suites.line(Suite("kvraft-dedup", "", 0, 0), Taken(10.0, 9.5, 25))
    assert line == "kvraft-dedup   25   10.00   9.50"
