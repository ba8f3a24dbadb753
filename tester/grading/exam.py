"""The exam of one submission: what each part has come to, and what is still to be run."""

from __future__ import annotations

from collections.abc import Sequence

from tester.grading.journal import (
    DoneLine,
    Journal,
    Line,
    RefusedLine,
    SeedLine,
    ShutIn,
    StoryLine,
)
from tester.grading.plan import Part


class Progress:
    """A part, and what its seeds have come to, from the first one on."""

    def __init__(self, part: Part, seeds: Sequence[int]) -> None:
        self.part = part
        self.seeds = seeds
        self.counted: list[SeedLine] = []
        self.end = len(seeds)
        """How many seeds count: all, or those up to the one that decides."""
        self.story: StoryLine | None = None

    def add(self, line: SeedLine) -> None:
        """Take the result of the next seed; what does not count is dropped."""
        if line.index != len(self.counted) or line.index >= self.end:
            return
        self.counted.append(line)
        if line.last or (line.verdict != "pass" and self.part.credit == "all"):
            self.end = line.index + 1

    @property
    def finished(self) -> bool:
        return len(self.counted) == self.end

    @property
    def failed(self) -> list[SeedLine]:
        """The seeds that did not pass."""
        return [line for line in self.counted if line.verdict != "pass"]


class Exam:
    """All parts of one submission, and the journal that remembers what they have come to."""

    def __init__(self, parts: Sequence[tuple[Part, Sequence[int]]], journal: Journal) -> None:
        self.parts = [Progress(part, seeds) for part, seeds in parts]
        self.refused = ""
        """Why the submission cannot be run; "" if it can."""
        self.shut_in = ShutIn(0, "")
        """What kept its code away from everything else."""
        self.done: DoneLine | None = None
        self._journal = journal
        self._of = {one.part.id: one for one in self.parts}
        for line in journal.lines:
            self._apply(line)

    def add(self, line: Line) -> None:
        """Take a result, and keep it."""
        self._journal.add(line)
        self._apply(line)

    def _apply(self, line: Line) -> None:
        match line:
            case SeedLine() if line.part in self._of:
                self._of[line.part].add(line)
            case StoryLine() if line.part in self._of:
                self._of[line.part].story = line
            case RefusedLine():
                self.refused = line.sentence
            case ShutIn():
                self.shut_in = line
            case DoneLine():
                self.done = line
