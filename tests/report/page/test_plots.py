"""Plots over seeds: what is drawn, and that it is a page like the others."""

from __future__ import annotations

import re

from tester.report.page.plots import plots_of
from tester.workers.results import Counted, LabResult, TestResult
from tester.workers.wire import Detail, Ran


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
    assert "virtual time of a run: 2 s with each seed" in page


def test_names_are_text_and_the_bytes_are_the_same() -> None:
    page = plots_of(result_of(ran(1)))
    assert "test_&lt;a&gt;" in page
    assert "test_<a>" not in page
    assert page == plots_of(result_of(ran(1)))


def test_failures_are_counted_by_the_kinds_of_faults_that_hit_them() -> None:
    def hit(verdict: str, *faults: str) -> Ran:
        detail = Detail(0, 0, [(fault, "KVServer.put") for fault in faults])
        return Ran(verdict, "d", 1, 1, 1_000_000, 0, detail=detail)

    page = plots_of(
        result_of(
            hit("fail", "lost reply", "crash"),
            hit("pass", "crash"),
            hit("pass", "crash", "crash"),
            hit("pass"),
        )
    )
    number = '</td><td class="number">'
    rows = re.findall(r"<tr><td>([^<]+)" + number + r"(\d+)" + number + r"(\d+)<", page)
    assert rows == [("lost reply", "1", "1"), ("crash", "3", "1"), ("no fault", "1", "0")]
    assert re.findall(r'aria-label="(\d+ %)"', page) == ["100 %", "33 %", "0 %"]
    assert "hit by" not in plots_of(result_of(hit("pass"), ran(1)))


def test_recovery_is_drawn_for_seeds_that_had_to_recover() -> None:
    detail = Detail(0, 0, [], 1_500_000)
    recovered = Ran("pass", "d", 1, 1, 1_000_000, 0, detail=detail)
    name = "to recover from a crash, a pause or a partition"
    page = plots_of(result_of(recovered, ran(1), recovered))
    assert f"{name}: 1.5 s with each seed" in page
    assert name not in plots_of(result_of(ran(1)))
