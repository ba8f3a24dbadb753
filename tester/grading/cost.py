"""What grading will cost, measured with the reference before anything of a student's is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tester.grading.collect import reference
from tester.grading.isolation import Isolation, Kind
from tester.grading.plan import Part, Plan
from tester.grading.sandbox import Enforced
from tester.workers.plan import Part as Told

_SEEDS = 2


@dataclass(frozen=True)
class PartCost:
    """What one part takes of one submission that passes it."""

    part: Part
    seed_ms: float
    failed: str
    """What the reference came to, if it did not pass."""

    @property
    def seconds(self) -> float:
        return self.seed_ms * self.part.seeds / 1_000


def probe(plan: Plan) -> Enforced:
    """What shuts nodes in on this machine, found out with the reference. Raises MachineFault."""
    with Isolation(plan.lab.name, reference(plan.lab).files) as isolated:
        return isolated.enforced


class Measured:
    """How far a measurement has come."""

    unit: Final = "seeds"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.total = sum(min(_SEEDS, part.seeds) for part in plan.parts)
        self.runs = self.failures = 0
        self.found: list[PartCost] = []

    @property
    def parts(self) -> list[Told]:
        """Those that are measured, and those that are not yet."""
        told = [Told(True, f"{one.part.id}: {one.seed_ms:.1f} ms a seed") for one in self.found]
        return told + [Told(False, "")] * (len(self._plan.parts) - len(told))


def measure(plan: Plan, progress: Callable[[Measured], None] = lambda now: None) -> list[PartCost]:
    """Run the reference on the first seeds of each part. Raises MachineFault."""
    now = Measured(plan)
    with Isolation(plan.lab.name, reference(plan.lab).files) as isolated:
        for part in plan.parts:
            fastest, failed = float("inf"), ""
            for seed in plan.seeds_of(part, "reference")[:_SEEDS]:
                start = time.perf_counter()
                result = isolated.run(part.test, seed)
                # The first run of all includes what is imported late: the fastest says most.
                fastest = min(fastest, time.perf_counter() - start)
                if result.kind is not Kind.PASSED:
                    failed = failed or result.sentence
                    now.failures += 1
                now.runs += 1
                progress(now)
            now.found.append(PartCost(part, 1_000 * fastest, failed))
            progress(now)
    return now.found


def text(costs: Sequence[PartCost], submissions: int, jobs: int) -> str:
    """The table, and the sum for a class."""
    lines = [f"{'seeds':>7}  {'ms each':>8}  {'s':>7}  test"]
    for cost in costs:
        kind = "hidden" if cost.part.hidden else "public"
        lines.append(
            f"{cost.part.seeds:>7}  {cost.seed_ms:>8.1f}  {cost.seconds:>7.1f}  "
            f"{cost.part.test} ({kind})"
        )
    total = sum(cost.seconds for cost in costs)
    lines += ["", f"about {total:.0f} s for a submission that passes, on one core"]
    if submissions:
        most = total * submissions / jobs
        lines.append(
            f"about {most / 60:.0f} min for {submissions} submissions on {jobs} cores; those that "
            "fail take less"
        )
    return "\n".join(lines)
