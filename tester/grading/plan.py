"""What is graded: the parts of a grade, their points, and the seeds of each student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tester.grading import seeds
from tester.grading.rubric import Rubric, Tier
from tester.labs.lab import Lab


@dataclass(frozen=True)
class Part:
    """One line of a grade: a test on its public seeds, or on its hidden ones."""

    test: str
    hidden: bool
    seeds: int
    points: float
    credit: str | tuple[Tier, ...]
    hint: int
    visibility: str
    weight: int = 1
    """How many seeds of an ordinary test one of this one costs."""

    @property
    def id(self) -> str:
        """By which records name it."""
        return f"{self.test}/{'hidden' if self.hidden else 'public'}"


@dataclass(frozen=True)
class Plan:
    """A rubric that has been checked: everything a grading run needs to know."""

    rubric: Rubric
    lab: Lab
    parts: tuple[Part, ...]
    stands_on: Mapping[str, str]
    secret: bytes
    digest: str
    """The digest of the rubric and the secret, on which a grade depends."""

    @property
    def assignment(self) -> str:
        return self.rubric.assignment or self.lab.name

    @property
    def max_points(self) -> float:
        return sum(part.points for part in self.parts)

    @property
    def commitment(self) -> str:
        """The commitment to the secret; "" without one."""
        return seeds.commitment(self.secret) if self.secret else ""

    def seeds_of(self, part: Part, subject: str) -> list[int]:
        """The seeds of a part, for one student."""
        if not part.hidden:
            return list(range(part.seeds))
        return [
            seeds.hidden_seed(self.secret, self.assignment, part.test, subject, index)
            for index in range(part.seeds)
        ]
