"""The exhaustive proof: every placement of at most k faults in a small scenario, one run each.

A placement is a set of faults that strike. Placements are walked in the order in which runs meet
the faults that could strike: a placement is followed by those that add one fault after its last.
Each run has exactly one placement, so none is missed and none is run twice. Every choice that is
not a fault is 0.
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
"""The faults that strike, in the order in which the run meets them."""


class Placed:
    """A source in which the given faults strike and every other choice is 0.

    `met` lists every fault that could have struck, in the order of time.
    """

    def __init__(self, placement: Placement) -> None:
        self._true = frozenset(placement)
        self.met: list[Fault] = []

    def met_all(self, placement: Placement) -> bool:
        """Whether the run met each of these faults."""
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
class Exhausted:
    """The result of an exhaustive search."""

    placements: int
    """How many were run, including the one that failed; all of them if none failed."""
    faults: int
    """The most faults at once."""
    failing: Placement | None
    """The smallest placement that fails: the fewest faults, then the first met."""
    outcome: Outcome | None
    """The outcome of that placement."""

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


def placed_again(scenario: Scenario, proof: Exhausted) -> Outcome:
    """The failing placement once more, with its trace; NonDeterministic if it differs."""
    assert proof.failing is not None
    assert proof.outcome is not None
    outcome = run(scenario, Choices(Placed(proof.failing)), keep_trace=True)
    if outcome.digest != proof.outcome.digest or outcome.kind != proof.outcome.kind:
        return outcome.failing_with(NonDeterministic(DIFFERENT))
    return outcome


def _faults(many: int) -> str:
    return f"{many} fault" if many == 1 else f"{many} faults"


def exhaust(
    scenario: Scenario,
    faults: int,
    *,
    done: int = 0,
    progress: Callable[[int, int | None], None] = lambda placements, total: None,
) -> Exhausted:
    """Run every placement of at most `faults` faults, fewest first, up to one that fails.

    `progress(placements, total)` is called after each; the total is known once the last round
    has begun. `done` placements of an interrupted proof are not run again if they belong to the
    last round; the earlier rounds are short, and are.
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
                return Exhausted(count, faults, placement, outcome)
            if number < faults:
                last = source.met.index(placement[-1]) + 1 if placement else 0
                level[at] = placement, source.met[last:]
    return Exhausted(count, faults, None, None)
