"""What grading will cost, measured with the reference before anything of a student's is run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tester.grading.collect import reference
from tester.grading.isolation import Isolation, Kind
from tester.grading.rubric import Part, Plan
from tester.grading.sandbox import Enforced

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


def measure(plan: Plan) -> list[PartCost]:
    """Run the reference on the first seeds of each part. Raises MachineFault."""
    found = []
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
            found.append(PartCost(part, 1_000 * fastest, failed))
    return found


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
