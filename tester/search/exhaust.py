"""The exhaustive proof: every placement of at most k faults in a small scenario, one run each.

A placement is a set of chances that come true. Placements are walked in the order in which runs
meet their chances: behind a placement come those that add one fault after its last. Each run has
exactly one placement, so none is missed and none is run twice; everything that is no fault is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tester.engine.choices import Choices
from tester.engine.stream import Fault, Stream
from tester.world.failure import NonDeterministic
from tester.world.run import Outcome, Scenario, run

DIFFERENT: Final = (
    "run twice with the same faults up to there, it did not come to the same place twice: "
    "something in the code under test is not a function of the choices"
)

Placement = tuple[Fault, ...]
"""The chances that come true, in the order in which the run meets them."""


class Placed:
    """A source in which the given chances come true and everything else is 0.

    `met` lists every chance of the run that could have come true, in the order of time.
    """

    def __init__(self, placement: Placement) -> None:
        self._true = frozenset(placement)
        self.met: list[Fault] = []

    def met_all(self, placement: Placement) -> bool:
        """Whether the run came to each of these chances."""
        return set(self.met).issuperset(placement)

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        return _PlacedStream(name, faults, self._true, self.met)


class _PlacedStream(Stream):
    def __init__(
        self, name: str, faults: list[Fault], true: frozenset[Fault], met: list[Fault]
    ) -> None:
        super().__init__(name, faults)
        self._true = true
        self._met = met
        self._at = 0

    def _below(self, n: int) -> int:
        self._at += 1
        return 0

    def _chance(self, num: int, den: int) -> int:
        place = self.name, self._at
        self._at += 1
        if num == 0:
            return 0
        self._met.append(place)
        return 1 if place in self._true else 0

    def _skip(self, count: int) -> None:
        self._at += count


@dataclass(frozen=True)
class Proof:
    """What came of it."""

    placements: int
    """How many were run, the failing one included; all of them, if none failed."""
    faults: int
    """At most so many at once."""
    failing: Placement | None
    """The smallest placement that fails: fewest faults, then the one that was met first."""
    outcome: Outcome | None
    """What it came to."""

    @property
    def sentence(self) -> str:
        """The result, in one sentence."""
        if self.failing is None:
            many = self.placements
            every = "the one placement" if many == 1 else f"all {many} placements"
            most = _faults(self.faults)
            return f"correct under {every} of at most {most}, delays and order at zero"
        assert self.outcome is not None
        verb = "stays unknown" if self.outcome.verdict == "unknown" else "fails"
        if not self.failing:
            return f"{verb} without any fault"
        return f"{verb} with {_faults(len(self.failing))}, and with no smaller number"


def _faults(many: int) -> str:
    return f"{many} fault" if many == 1 else f"{many} faults"


def exhaust(
    scenario: Scenario,
    faults: int,
    *,
    done: int = 0,
    progress: Callable[[int, int | None], None] = lambda placements, total: None,
) -> Proof:
    """Run every placement of at most `faults` faults, fewest first, up to one that fails.

    `progress(placements, total)` is called after each; the total is known once the last round
    has begun. To resume a proof that was interrupted, say how many were `done`: of the last round
    those are not run again (the earlier rounds are, and are short beside it).
    """
    count = 0
    total = None
    level: list[tuple[Placement, Sequence[Fault]]] = [((), ())]
    for number in range(faults + 1):
        if number:
            level = [((*placement, chance), ()) for placement, later in level for chance in later]
        if number == faults:
            total = count + len(level)
        for at, (placement, _) in enumerate(level):
            count += 1
            if number == faults and count <= done:
                continue
            source = Placed(placement)
            outcome = run(scenario, Choices(source))
            progress(count, total)
            if outcome.error is None and not source.met_all(placement):
                outcome = outcome.failing_with(NonDeterministic(DIFFERENT))
            if outcome.error is not None:
                return Proof(count, faults, placement, outcome)
            if number < faults:
                last = source.met.index(placement[-1]) + 1 if placement else 0
                level[at] = placement, source.met[last:]
    return Proof(count, faults, None, None)
