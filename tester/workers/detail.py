"""The details of a run that a sweep keeps besides its verdict: latencies, and what faults hit."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tester.engine.choices import Choices
from tester.workers.wire import Detail, Ran, plain
from tester.world.coverage import Coverage
from tester.world.failure import Failure
from tester.world.run import Outcome, Scenario, run

Timed = Callable[[Callable[[], Outcome]], tuple[Ran, Outcome | Failure]]


def run_in_detail(
    scenario: Scenario, choices: Choices, timed: Timed
) -> tuple[Ran, Outcome | Failure]:
    """Run once, as `timed` does, and add the details."""
    coverage = Coverage()
    ran, found = timed(lambda: run(scenario, choices, coverage=coverage))
    if isinstance(found, Outcome):
        ran = msgspec.structs.replace(ran, detail=_detail(found, coverage))
    return ran, found


def _detail(outcome: Outcome, coverage: Coverage) -> Detail:
    took = [op.ret_us - op.call_us for op in outcome.history.ops if op.ret_us is not None]
    hits = coverage.hits(outcome.choices.faults)
    return Detail(
        latency_us=sum(took) // len(took) if took else 0,
        slowest_us=max(took, default=0),
        hits=[(plain(fault), plain(operation)) for fault, operation in hits],
        recovery_us=coverage.recovery_us,
    )
