"""The shortest story: of a few seeds that fail in the same way, the one that takes the least."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

SEEDS: Final = 4
"""The most failing seeds of a test that are shrunk, from the first one on."""
LATER: Final = 20
"""How much later than the first one the last of them may be."""
RUNS: Final = 400
"""The most attempts for one seed."""
STEPS: Final = 1_000_000
"""The most callbacks in these attempts together, which bounds the time for long runs."""
DEAR: Final = 300_000
"""Where it took so many steps to shrink one seed, no other one is tried: somebody waits."""
_SHORT: Final = 12
"""At most this many RPCs and operations make a story that is visible whole, on one page."""


class Size(NamedTuple):
    """How large a failing run is: smaller is better, by the first figure that differs."""

    faults: int
    asked: int
    """RPCs and operations; 0 for a run that goes on until a limit ends it."""
    wanted: int
    """How much of the workload was not left out, in negative numbers.

    A run that ends when it fails does as much however much of the workload lies behind that.
    """
    choices: int
    """Choices other than 0, but for those that say how much of the workload to leave out."""
    drawn: int
    """Their sum."""
    late: int
    """How late they come in their streams."""

    def simpler(self, other: Size) -> bool:
        """Whether it takes fewer choices, no more faults, and at most a little more work."""
        little = self.asked * 8 <= other.asked * 9
        return little and self.faults <= other.faults and self.choices < other.choices

    @property
    def short(self) -> bool:
        """Whether no other seed can make a story that is worth the search for it."""
        return not self.choices or (self.faults <= 1 and self.asked <= _SHORT)

    @property
    def visible(self) -> tuple[int, int, int]:
        """What of it the reader of a story sees."""
        return self.faults, self.asked, self.choices


class Story(Protocol):
    """A failing run that has been made as small as it gets."""

    @property
    def seed(self) -> int:
        """The seed that failed."""

    @property
    def size(self) -> Size | None:
        """None if it could not be made smaller."""


S = TypeVar("S", bound=Story)


def is_candidate(seed: int, first: int, found: int) -> bool:
    """Whether a seed that fails as the `first` one did is shrunk as well, `found` are so far."""
    return found < SEEDS and seed <= first + LATER


def shortest(first: S, others: Iterable[S]) -> tuple[S, list[int]]:
    """The story that takes the fewest faults, then the least work, and the seeds of the others.

    Of equals the first. Those that could not be made smaller are no match for the first one.
    """
    several = [first, *(story for story in others if story.size is not None)]
    chosen = min(several, key=lambda one: one.size.visible if one.size is not None else ())
    return chosen, [story.seed for story in several if story is not chosen]


def in_words(seed: int, rivals: Sequence[int]) -> str:
    """`seeds 3 and 12 fail too, and none has a shorter story than seed 7`."""
    *most, last = map(str, rivals)
    if not most:
        return f"seed {last} fails too, and has no shorter story than seed {seed}"
    others = f"seeds {', '.join(most)} and {last} fail too"
    return f"{others}, and none has a shorter story than seed {seed}"
