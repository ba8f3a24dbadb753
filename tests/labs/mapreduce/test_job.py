"""What the suite says of a wrong solution: which worker, which file, which word."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.mapreduce.corpus import BOOKS
from tester.labs.patch import Patch, planted
from tester.report.story import render_story
from tester.world.run import Outcome, run
from tester.world.submission import BadSubmission, Submission, overlaid
from tests import snapshots

SUITE = suite.tests_of(LABS["mapreduce"].suite)
BUGS = {bug.name: bug for bug in LABS["mapreduce"].catalogue().bugs}


def with_bug(name: str, test: str, folder: Path, seeds: int = 20) -> Outcome:
    with planted(BUGS[name], folder):
        for seed in range(seeds):
            found = run(SUITE[test], Choices(Seeded(seed)), keep_trace=True)
            if found.error is not None:
                return found
    raise AssertionError(f"{name} passes {test}")


@pytest.mark.parametrize(
    ("name", "test", "kind", "said"),
    [
        ("forgets_the_last_file", "test_wc", "WrongOutput", "if pg-tom_sawyer.txt is left out"),
        ("writes_the_output_in_place", "test_wc", "PartialOutput", "rename it"),
        ("sends_idle_workers_home", "test_wc", "ExitedEarly", "has returned, and there is no mr-"),
        ("has_no_patience", "test_job_count", "TaskRepeated", "is handed out again only when"),
        ("does_not_wait", "test_early_exit", "TooManyRpcs", "wait before it asks again"),
        ("never_gives_up", "test_slow_workers", "Livelock", "not returned"),
        (
            "never_hands_out_again",
            "test_one_worker_hangs",
            "Livelock",
            "nobody has mapped pg-frankenstein.txt",
        ),
    ],
)
def test_a_verdict_says_who_and_what(
    name: str, test: str, kind: str, said: str, tmp_path: Path
) -> None:
    found = with_bug(name, test, tmp_path)
    assert found.kind == kind
    assert said in str(found.error)


def test_the_story_of_a_task_that_dies_with_its_worker(tmp_path: Path) -> None:
    found = with_bug("takes_reports_for_the_present_phase", "test_slow_workers", tmp_path)
    story = re.sub(r"suite\.py:\d+", "suite.py", render_story(1, found, "labtester replay ..."))
    snapshots.check("mapreduce/late_report", story)


def test_workers_that_never_overlap_are_found(tmp_path: Path) -> None:
    one_at_a_time = Patch(
        "one_at_a_time",
        "A task is handed out when no other is under way.",
        "mapreduce/coordinator.py",
        (("        if self._waiting:\n", "        if self._waiting and not self._since:\n"),),
    )
    with planted(one_at_a_time, tmp_path):
        for test in ("test_map_parallel", "test_reduce_parallel"):
            assert run(SUITE[test], Choices(Seeded(0))).kind == "NotParallel"


def test_a_worker_must_be_a_coroutine_function(tmp_path: Path) -> None:
    file = tmp_path / "mapreduce" / "worker.py"
    file.parent.mkdir()
    file.write_text("def worker(app, end, disk): ...\n")
    with overlaid(tmp_path), pytest.raises(BadSubmission, match="an async def worker, got"):
        Submission(tmp_path).function("mapreduce.worker", "worker")


@pytest.mark.parametrize("test", ["test_crash_worker", "test_everything_at_once"])
def test_a_job_is_the_same_in_child_processes(test: str) -> None:
    here = run(SUITE[test], Choices(Seeded(2)))
    there = run(replace(SUITE[test], isolated=True), Choices(Seeded(2)))
    assert here.error is None
    assert (there.error, there.digest) == (None, here.digest)


def test_the_books_are_what_they_always_were() -> None:
    assert len(BOOKS) == 8
    assert sum("sherlock" in name or "tom" in name for name in BOOKS) == 2
    assert {len(text) for text in BOOKS.values()} == {271, 356, 408, 482, 543, 614, 701, 758}
