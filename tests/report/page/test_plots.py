"""Plots over seeds: what is drawn, and that it is a page like the others."""

from __future__ import annotations

import re

from tester.report.page.plots import plots_of
from tester.workers.results import Counted, LabResult, TestResult
from tester.workers.wire import Ran


def ran(seed: int) -> Ran:
    return Ran("pass", "d", 100 + seed, 50, 1_000_000 * (1 + seed), 0, latency_us=500 * seed)


def result_of(*samples: Ran) -> LabResult:
    counted = Counted()
    for one in samples:
        counted.add(one)
    return LabResult("kvsrv", [TestResult("test_<a>", len(samples), 1, counted, None)])


def test_each_measure_has_its_distribution() -> None:
    page = plots_of(result_of(*map(ran, range(10))))
    assert "latency of an operation: 0 ms to 4.5 ms, median 2.5 ms" in page
    assert "RPCs per operation: 2 to 2.18, median 2.1" in page
    assert "virtual time of a run: 1 s to 10 s, median 6 s" in page
    counts = re.findall(r"<title>(\d+) passed</title>", page)
    assert sum(map(int, counts)) == 3 * 10


def test_failures_stand_out_and_are_counted_by_kind() -> None:
    failed = Ran("fail", "d", 100, 50, 1_000_000, 0, symptom=("Deadlock", "a.py:3"))
    page = plots_of(result_of(ran(1), failed, failed))
    assert "2 did not pass" in page
    assert '<td>Deadlock</td><td class="number">2</td>' in page
    assert "3 seeds, 2 failed" in page


def test_one_seed_and_a_test_without_operations_are_drawn() -> None:
    page = plots_of(result_of(Ran("pass", "d", 3, 0, 2_000_000, 0)))
    assert "RPCs per operation" not in page
    assert "virtual time of a run: 2 s to 2 s, median 2 s" in page


def test_names_are_text_and_the_bytes_are_the_same() -> None:
    page = plots_of(result_of(ran(1)))
    assert "test_&lt;a&gt;" in page
    assert "test_<a>" not in page
    assert page == plots_of(result_of(ran(1)))
