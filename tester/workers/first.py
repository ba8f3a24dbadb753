"""Plans that end at the first failure: of each test, or of all of them."""

from __future__ import annotations

from tester.workers.plan import Plan, SeedTracker
from tester.workers.results import LabResult, Lost
from tester.workers.wire import Chunk, Ran


class FirstFailureTracker(SeedTracker):
    """The progress of one test up to its first failing seed."""

    def put(self, seed: int, result: Ran | Lost) -> None:
        """Take the result of a seed; if it failed, later seeds do not count."""
        failed = isinstance(result, Ran) and result.verdict == "fail"
        if failed and seed < self.end:
            self.end = seed + 1
        super().put(seed, result)


class FirstFailurePlan(Plan):
    """The plan of a lab run that ends at the first failing test."""

    @property
    def failed(self) -> int | None:
        """The index of the first test that has failed."""
        return next((i for i, c in enumerate(self.trackers) if c.counted.failed), None)

    def _put(self, job: Chunk, at: int, result: Ran | Lost) -> None:
        super()._put(job, at, result)
        failed = self.failed
        if failed is not None:  # a test before this one may still come first
            for later in self.trackers[failed + 1 :]:
                later.end = 0

    def result(self) -> LabResult:
        """What was counted up to the first failure; later tests do not count."""
        result = super().result()
        if self.failed is not None:
            result.not_run = [test.name for test in result.tests[self.failed + 1 :]]
            del result.tests[self.failed + 1 :]
        return result
