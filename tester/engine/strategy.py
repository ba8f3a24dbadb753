"""Strategies: which run a seed stands for; each is a pure function of its name and the seed.

A strategy is a source that changes how the words of a seed become choices, and nothing else: every
choice still takes one word of its own stream, 0 is still the default, what cannot be a fault
stays none, and a record of the run replays it under no strategy at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tester.engine.choices import Choices, Seeded, SeededStream, words
from tester.engine.stream import Fault, Slot, Stream, least_word

Ratio = tuple[int, int]

UNIFORM: Final = "uniform"
_NEVER_MET: Final = 2**32
"""Odds with such a denominator are of what only a record asks for: they stay as they are."""
_SCHEDULES: Final = "sched/", "order"
"""What the names of streams begin with that say who goes first, and who is put off."""
_GATE: Final = 1 << 16


def kind_of(stream: str, at: int, slots: Sequence[Slot]) -> str:
    """The kind of fault that a slot of a draw decides about: the same for all streams of a family.

    The slots of the fate of a message have a place each; the strikes of a nemesis are all alike.
    """
    if all(slot == slots[0] for slot in slots):
        return stream
    return f"{stream.partition('/')[0]}/{at}"


class RatedStream(SeededStream):
    """A stream whose faults have other odds; its other choices are those of the seed."""

    def __init__(
        self, seed: int, name: str, faults: list[Fault], scale: Callable[[str], Ratio]
    ) -> None:
        super().__init__(seed, name, faults)
        self._scale = scale

    def _prepare(self, slots: Sequence[Slot]) -> None:
        super()._prepare(slots)
        self._open = [
            (at, *self._odds(num, den, kind_of(self.name, at, slots))) if den else (at, num, 0, 0)
            for at, num, den, _ in self._open
        ]

    def _odds(self, num: int, den: int, kind: str) -> tuple[int, int, int]:
        num, den = scaled(num, den, self._scale(kind))
        return num, den, least_word(num, den)

    def _chance(self, num: int, den: int) -> int:
        return super()._chance(*scaled(num, den, self._scale(self.name)))


def scaled(num: int, den: int, by: Ratio) -> Ratio:
    """A probability times a ratio, but for the certain and the impossible.

    What was below one half stays so: a network that loses more than it carries shows little.
    """
    if not 0 < num < den or den >= _NEVER_MET:
        return num, den
    raised = num * by[0], den * by[1]
    if raised[0] * 2 <= raised[1]:
        return raised
    return (1, 2) if num * 2 < den else (num, den)


SWARM: Final[Sequence[Ratio]] = ((0, 1), (0, 1), (1, 4), (1, 1), (1, 1), (2, 1), (3, 1))
"""What a swarm multiplies the odds of a kind of fault by; each is as likely."""


class Swarm(Seeded):
    """A random subset of the kinds of faults, at random rates, for each seed.

    Groce et al., "Swarm Testing" (ISSTA 2012): what a run leaves out lets other things happen.
    """

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        return RatedStream(self.seed, name, faults, self._scale)

    def _scale(self, kind: str) -> Ratio:
        word = words(self.seed, f"swarm/{kind}", 0)[0]
        return SWARM[word * len(SWARM) >> 64]


class _SparseStream(SeededStream):
    """A stream that nearly always says 0: first come, first served, and nobody is put off."""

    def __init__(self, seed: int, name: str, faults: list[Fault], gate: int) -> None:
        super().__init__(seed, name, faults)
        self._gate = gate

    def below(self, n: int) -> int:
        if self._owed:
            self._settle()
        value = self._next(n)
        self._record.append(value)
        return value

    def one_of(self, values: Sequence[int]) -> Callable[[], int]:
        n = len(values)
        return lambda: values[self.below(n)]

    def _next(self, n: int) -> int:
        word = self._next_word()
        return word * n >> 64 if word % _GATE < self._gate else 0


RARE: Final = 4, 16, 64, 256
"""In a run, one choice in one of these numbers is not the first; which number is a choice."""


class Sparse(Seeded):
    """Few changes of the order, at random places: a schedule in the manner of PCT.

    Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs"
    (ASPLOS 2010): a bug of depth d needs d constraints on the order of events, and a schedule that
    is perturbed everywhere meets them less often than one that is perturbed at d places.
    """

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        if not name.startswith(_SCHEDULES):
            return super().stream(name, faults)
        word = words(self.seed, "sparse", 0)[0]
        return _SparseStream(self.seed, name, faults, _GATE // RARE[word * len(RARE) >> 64])


class SparseSwarm(Swarm):
    """A swarm of faults, and few changes of the order."""

    def stream(self, name: str, faults: list[Fault]) -> Stream:
        """See Source."""
        if name.startswith(_SCHEDULES):
            return Sparse(self.seed).stream(name, faults)
        return super().stream(name, faults)


STRATEGIES: Final[Mapping[str, Callable[[int], Seeded]]] = {
    UNIFORM: Seeded,
    "pct": Sparse,
    "swarm": Swarm,
    "swarm-pct": SparseSwarm,
}
"""Every strategy by its name. A further strategy is a further entry."""


def choices_of(strategy: str, seed: int) -> Choices:
    """The choices of a seed under a strategy."""
    return Choices(STRATEGIES[strategy](seed))
