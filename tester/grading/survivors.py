"""Which known bugs a rubric would give full marks: its tests and seeds, run on the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tester.grading.plan import Part, Plan
from tester.workers.kills import Kill
from tester.workers.plan import Part as Told
from tester.workers.results import Lost
from tester.workers.wire import Chunk, Job, JobResult, Ran


@dataclass
class _Hunt:
    """A part on its way through its seeds, up to the first that notices something."""

    part: Part
    seeds: Sequence[int]
    given: int = 0
    noticed: dict[int, str] = field(default_factory=dict)
    """By number of the seed: how."""

    @property
    def end(self) -> int:
        return min(self.noticed, default=len(self.seeds) - 1) + 1

    def next(self) -> Chunk | None:
        if self.given >= self.end:
            return None
        self.given += 1
        return Chunk(self.part.test, self.seeds[self.given - 1], 1)


class Hunts:
    """All parts of a rubric on one solution: a source of jobs for a pool of workers."""

    def __init__(self, plan: Plan, subject: str) -> None:
        self._hunts = [_Hunt(part, plan.seeds_of(part, subject)) for part in plan.parts]
        self._of = {
            (hunt.part.test, seed): (hunt, index)
            for hunt in self._hunts
            for index, seed in enumerate(hunt.seeds)
        }
        self._answered: set[tuple[str, int]] = set()
        self.misuse = ""
        """Why the solution cannot be run; "" if it can."""

    def next(self) -> Job | None:
        """See `tester.workers.plan.JobSource`."""
        for hunt in self._hunts:
            if (job := hunt.next()) is not None:
                return job
        return None

    def answered(self, job: Job, at: int, answer: JobResult, printed: str) -> None:
        """See JobSource."""
        assert isinstance(job, Chunk)
        assert isinstance(answer, Ran)
        self.misuse = self.misuse or (answer.sentence if answer.verdict == "misuse" else "")
        self._put(job, "" if answer.verdict == "pass" else answer.verdict)

    def lost(self, job: Job, at: int, lost: Lost, printed: str) -> None:
        """See JobSource."""
        assert isinstance(job, Chunk)
        self._put(job, "lost")

    def _put(self, job: Chunk, how: str) -> None:
        hunt, index = self._of[job.test, job.first]
        self._answered.add((job.test, job.first))
        if how:
            hunt.noticed[index] = how

    def wants(self, job: Job) -> bool:
        """See JobSource."""
        assert isinstance(job, Chunk)
        hunt, index = self._of[job.test, job.first]
        return index < hunt.end

    def finished(self) -> bool:
        """See JobSource."""
        return bool(self.misuse) or all(
            (hunt.part.test, seed) in self._answered
            for hunt in self._hunts
            for seed in hunt.seeds[: hunt.end]
        )

    # -- for whoever shows how far it has come ----------------------------------------------------

    unit: Final = "seeds"

    @property
    def total(self) -> int:
        """The seeds of each part, up to the first that notices something."""
        return sum(hunt.end for hunt in self._hunts)

    @property
    def runs(self) -> int:
        return sum(map(self._answers, self._hunts))

    @property
    def failures(self) -> int:
        return sum(bool(hunt.noticed) for hunt in self._hunts)

    @property
    def parts(self) -> list[Told]:
        return [
            Told(
                self._answers(hunt) == hunt.end,
                f"{hunt.part.test}: {hunt.end} seeds, {'noticed' if hunt.noticed else 'passed'}",
            )
            for hunt in self._hunts
        ]

    def _answers(self, hunt: _Hunt) -> int:
        return sum((hunt.part.test, seed) in self._answered for seed in hunt.seeds[: hunt.end])

    def kills(self) -> tuple[Kill, ...]:
        """The parts that noticed something: with the number of the seed, not the seed itself."""
        found = []
        for hunt in self._hunts:
            if hunt.noticed:
                first = min(hunt.noticed)
                name = f"{hunt.part.test}{' (hidden)' if hunt.part.hidden else ''}"
                found.append(Kill(name, first, hunt.noticed[first]))
        return tuple(found)
