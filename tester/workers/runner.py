"""A lab run: the suite's tests over their seeds, then each failing test's shortest story."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from tester.search.shortest import STEPS, shortest
from tester.workers.first import FirstFailurePlan, FirstFailureTracker
from tester.workers.inquiry import Start
from tester.workers.plan import Plan, Reruns
from tester.workers.pool import Pool
from tester.workers.results import LabResult, Rerun, TestResult
from tester.workers.selfcheck import SelfCheck
from tester.workers.wire import Listed

_PARTS: Final = 2
"""The least that a failing test is worth to be shrunk is this part of the most."""


class Misuse(Exception):
    """The submission misuses labtester and cannot be run as it is: one sentence to its author."""


class Interrupted(Exception):
    """The run was interrupted; `result` has what had been counted by then."""

    def __init__(self, result: LabResult) -> None:
        super().__init__("interrupted")
        self.result = result


def run_lab(
    pool: Pool,
    lab: str,
    tests: Sequence[Listed],
    command: Callable[[str, int], str],
    progress: Callable[[Plan | Reruns], None] = lambda so_far: None,
    *,
    exitfirst: bool = False,
    elsewhere: Start | None = None,
    in_detail: bool = False,
) -> LabResult:
    """Run each test on its seeds, and report the first seed that fails.

    A later seed is reported instead if it fails in the same way and its story is shorter. If none
    fails, the first undecided seed is reported.

    With `exitfirst`, the run ends at the first test, in their order, that fails, and that test
    ends at its first failing seed. The number of workers does not change which these are.

    With `elsewhere`, two seeds of each light test are run in another process as well, and one that
    runs differently there is a failure: see `SelfCheck`.

    With `in_detail`, it is known of each seed which faults hit it, and when it recovered.

    `command(test, seed)` is the command that runs a seed again. Raises Misuse, Interrupted, and
    `CannotStart` if the submission cannot be loaded.
    """
    start = time.monotonic()
    plan = (
        FirstFailurePlan(lab, tests, pool.jobs, FirstFailureTracker, in_detail=in_detail)
        if exitfirst
        else Plan(lab, tests, pool.jobs, in_detail=in_detail)
    )
    result = None
    looked_at = tests if elsewhere is not None else ()

    def go_on() -> None:
        progress(plan)
        second.turn()

    try:
        with SelfCheck(elsewhere, looked_at) as second:
            pool.work(plan, go_on)
            if plan.misuse:
                raise Misuse(plan.misuse)
            result = plan.result()
            over = time.monotonic()
            result.elapsed_s = over - start
            second.compare(pool, result)
        _report_failures(pool, result, command, progress)
        result.rerun_s = time.monotonic() - over
    except KeyboardInterrupt:
        raise Interrupted(_so_far(result or plan.result(), command)) from None
    return result


def _so_far(result: LabResult, command: Callable[[str, int], str]) -> LabResult:
    """The result of an interrupted run; a failing seed without a story has its command."""
    result.interrupted = True
    for test in result.tests:
        seed = test.first_bad_seed
        if test.rerun is None and seed is not None:
            test.rerun = Rerun(test.name, seed, command(test.name, seed), test.counted.worst)
            test.rerun.schedule = test.schedule
            if test.lost is not None and seed == test.counted.seeds - 1:
                test.rerun.lost = test.lost
    return result


def _report_failures(
    pool: Pool,
    result: LabResult,
    command: Callable[[str, int], str],
    progress: Callable[[Plan | Reruns], None],
) -> None:
    to_repeat = []
    share = share_of(result)
    for test in result.tests:
        seed = test.first_bad_seed
        if seed is None:
            continue
        test.rerun = Rerun(test.name, seed, command(test.name, seed), schedule=test.schedule)
        test.rerun.most_steps = share
        if test.lost is not None and seed == test.counted.seeds - 1:
            test.rerun.lost = test.lost
        else:
            test.rerun.first = test.counted.worst
            to_repeat.append(test.rerun)
    stories = Reruns(to_repeat)
    pool.work(stories, lambda: progress(stories))
    rivals = {test.name: _rivals(test, command) for test in result.tests}
    stories.add(rerun for several in rivals.values() for rerun in several)
    pool.work(stories, lambda: progress(stories))
    for test in result.tests:
        if test.rerun is not None:
            test.rerun = _shortest(test.rerun, rivals[test.name])


def _rivals(test: TestResult, command: Callable[[str, int], str]) -> list[Rerun]:
    """Reruns of later failing seeds, if one of them may have a shorter story."""
    first = test.rerun
    if first is None or first.differed or first.report is None or first.report.settled:
        return []
    later = [seed for seed in test.counted.alike if seed != first.seed]
    share = first.most_steps // max(1, len(later))
    return [
        Rerun(
            *(test.name, seed, command(test.name, seed)),
            schedule=test.schedule,
            most_steps=share,
        )
        for seed in later
    ]


def share_of(result: LabResult) -> int:
    """The most steps in which a failing test is shrunk: all take a share of what the run took.

    That is half of it, or as much as a single seed is worth if that is more, in equal parts; but
    no part is so small that nothing could come of it.
    """
    failing = sum(test.first_bad_seed is not None for test in result.tests)
    together = max(STEPS, sum(test.counted.steps for test in result.tests) // 2)
    return min(STEPS, max(STEPS // _PARTS, together // max(1, failing)))


def _shortest(first: Rerun, others: Sequence[Rerun]) -> Rerun:
    chosen, rivals = shortest(first, others)
    chosen.rivals = rivals
    return chosen
