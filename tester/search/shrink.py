"""The shrinker: from the choices of a failing run to the fewest and smallest that still fail.

Every attempt is a whole run on an edited record, so nothing is assumed about the code under test;
what a run did not draw any more is forgotten, and what it draws anew is 0. The order of what is
tried is fixed and every limit is a count, so the result is a function of what it started from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tester.engine.choices import Choices, Fault, Record, Replayed
from tester.search.edits import Place, changed, nonzero, only, trimmed
from tester.world.nemesis import STREAM as STRIKES
from tester.world.run import Outcome, Scenario, run
from tester.world.streams import FATE_SIZE, NETWORK, SIZE

_RUNS: Final = 400
"""Attempts at the most, for one seed."""
_STEPS: Final = 3_000_000
"""Callbacks run in all attempts together, at the most: what bounds the time for long runs."""

_FEW: Final = 5
"""With so many faults left, it is worth while to try each of them alone, at other times."""
_PARTS: Final = 16
"""So many times are tried, evenly spread."""
_LARGEST_SIZE: Final = 2_048
"""Of a workload there may be so much that the least part of it that fails is found exactly."""


@dataclass(frozen=True)
class Shrunk:
    """The smallest failing run that was found."""

    seed: int
    outcome: Outcome
    """Of the smallest run; it kept its trace."""
    record: Record
    runs: int
    choices_before: int
    """Choices other than 0 in the failing run as it was found."""
    choices_after: int

    @property
    def faults(self) -> list[Fault]:
        """What is left of the faults, in the order in which they struck."""
        return self.outcome.choices.faults


def shrink(
    scenario: Scenario, seed: int, failing: Outcome, attempt: Callable[[], None] = lambda: None
) -> Shrunk:
    """Shrink the run of a seed that failed; every attempt keeps the same kind of failure.

    `attempt` is called before each: somebody may wait for a sign of life.
    """
    return _Shrinker(scenario, seed, failing, attempt).shrink()


def as_recorded(seed: int, outcome: Outcome) -> Shrunk:
    """A failing run as it was recorded: nobody makes it any smaller."""
    chosen = trimmed(outcome.choices.record())
    size = len(nonzero(chosen))
    return Shrunk(seed, outcome, chosen, 0, size, size)


def symptom(outcome: Outcome) -> tuple[str, ...]:
    """What must stay the same while a failure shrinks: its kind, and where the user's code was."""
    return (outcome.kind, *outcome.where)


class _Shrinker:
    """The best record so far, and the attempts to better it."""

    def __init__(
        self, scenario: Scenario, seed: int, failing: Outcome, attempt: Callable[[], None]
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        self._attempt = attempt
        self._symptom = symptom(failing)
        self._best = failing
        self._record = trimmed(failing.choices.record())
        self._before = len(nonzero(self._record))
        self._runs = 0
        self._steps = 0
        self._seen: set[str] = set()

    def shrink(self) -> Shrunk:
        self._try({})
        while self._spare():
            before = self._measure()
            for better in (
                self._sizes,
                self._streams,
                self._faults,
                self._fates,
                self._earlier,
                self._alone,
                self._delays,
                self._lower,
            ):
                better()
            if self._measure() == before:
                break
        self._attempt()
        final = run(self._scenario, Choices(Replayed(self._record)), keep_trace=True)
        return Shrunk(
            seed=self._seed,
            outcome=final,
            record=self._record,
            runs=self._runs,
            choices_before=self._before,
            choices_after=len(nonzero(self._record)),
        )

    def _spare(self) -> bool:
        return self._runs < _RUNS and self._steps < _STEPS

    def _measure(self) -> tuple[int, ...]:
        """Smaller is better: faults, what was asked for, what was wanted, how much is not zero.

        A run that ends when it fails does as much however much of the workload lies behind that.
        Of two that are alike in all this, the one whose choices come sooner is the smaller.
        """
        best = self._best
        chosen = nonzero(self._record)
        values = {place: value for place, value in chosen.items() if not place[0].startswith(SIZE)}
        asked, drawn = best.rpcs + best.ops, sum(values.values())
        spared = sum(chosen.values()) - drawn
        late = sum(index for _, index in values)
        return len(best.choices.faults), asked, -spared, len(values), drawn, late

    def _try(self, record: Record) -> bool:
        """Run an edited record; keep it if it fails in the same way and is not larger."""
        record = trimmed(record)
        key = repr(record)
        if record == self._record or key in self._seen or not self._spare():
            return False
        self._seen.add(key)
        self._runs += 1
        self._attempt()
        outcome = run(self._scenario, Choices(Replayed(record)))
        self._steps += outcome.steps
        if symptom(outcome) != self._symptom:
            return False
        before, best, kept = self._measure(), self._best, self._record
        self._best, self._record = outcome, trimmed(outcome.choices.record())
        if self._measure() < before:
            return True
        self._best, self._record = best, kept
        return False

    # -- what is tried ----------------------------------------------------------------------------

    def _sizes(self) -> None:
        """Less work: the choices that say how much of it to leave out."""
        for place in [place for place in self._drawn() if place[0].startswith(SIZE)]:
            high = 1 << 20  # a reader takes the largest that is allowed
            low = nonzero(self._record).get(place, 0)
            if self._try(changed(self._record, {place: high})):
                continue
            high = _LARGEST_SIZE
            while low + 1 < high and self._spare():
                middle = (low + high) // 2
                if self._try(changed(self._record, {place: middle})):
                    low = middle
                else:
                    high = middle

    def _drawn(self) -> Iterator[Place]:
        """Every choice of the best run."""
        for stream, values in self._best.choices.record().items():
            for index in range(len(values)):
                yield stream, index

    def _streams(self) -> None:
        """Whole streams to zero, but for their faults."""
        faults = set(self._best.choices.faults)
        self._try({s: only(v, {i for f, i in faults if f == s}) for s, v in self._record.items()})
        for stream in list(self._record):
            if stream.startswith(SIZE):
                continue
            kept = {index for name, index in self._best.choices.faults if name == stream}
            values = self._record.get(stream)
            if values is not None:
                self._try({**self._record, stream: only(values, kept)})

    def _faults(self) -> None:
        """Fewer faults, in halves and quarters down to single ones (delta debugging)."""
        self._drop(lambda: list(self._best.choices.faults))

    def _fates(self) -> None:
        """Take out the whole fate of an RPC that met a fault: those behind it move up.

        Without the fault there would have been no second try, so a later fault that is needed
        has to strike the RPC before.
        """
        for stream, index in list(self._best.choices.faults):
            if stream.startswith(NETWORK):
                start = index - index % FATE_SIZE
                values = self._record.get(stream, [])
                moved = [*values[:start], *values[start + FATE_SIZE :]]
                edited = {**self._record, stream: moved}
                # Without the wait that the fault brought, the workload may end too early.
                whole = {name: chosen for name, chosen in edited.items() if SIZE not in name}
                if not self._try(edited):
                    self._try(whole)

    def _earlier(self) -> None:
        """Let a message's fault strike one of the first messages: what came before can then go."""
        for stream, index in list(self._best.choices.faults):
            number = index // FATE_SIZE
            if not stream.startswith(NETWORK):
                continue
            values = self._record.get(stream, [])
            fate = values[number * FATE_SIZE : (number + 1) * FATE_SIZE]
            rest = only(values, {i for i in range(len(values)) if i // FATE_SIZE != number})
            for target in sorted({*range(_FEW), number // 4, number // 2} & set(range(number))):
                edited = rest + [0] * ((target + 1) * FATE_SIZE - len(rest))
                edited[target * FATE_SIZE : (target + 1) * FATE_SIZE] = fate + [0] * (
                    FATE_SIZE - len(fate)
                )
                if self._try({**self._record, stream: edited}):
                    break

    def _alone(self) -> None:
        """One strike of a nemesis without the other faults, and at another time.

        What the others did may only have been to keep the workload busy until it came.
        """
        faults = self._best.choices.faults
        if not 1 < len(faults) <= _FEW:
            return
        end_ms = self._best.virtual_us // 1_000
        for fault in faults:
            stream, index = fault
            if stream.startswith(STRIKES):
                when = f"{stream}/{index}", 0
                others = {place: 0 for place in faults if place != fault}
                for part in range(_PARTS):
                    edited = {**others, when: end_ms * part // _PARTS}
                    if self._try(changed(self._record, edited)):
                        return

    def _delays(self) -> None:
        """Fewer choices that are not zero, likewise."""
        self._drop(
            lambda: [place for place in nonzero(self._record) if not place[0].startswith(SIZE)]
        )

    def _drop(self, places: Callable[[], list[Place]]) -> None:
        """Set chunks of the places to zero, ever smaller ones, as long as it goes on failing."""
        size = len(places())
        while size >= 1 and self._spare():
            start = 0
            while True:
                chunk = places()[start : start + size]
                if not chunk or not self._spare():
                    break
                if not self._try(changed(self._record, dict.fromkeys(chunk, 0))):
                    start += size
            size //= 2

    def _lower(self) -> None:
        """Smaller values, by bisection: 0 has been tried in vain."""
        for place in list(nonzero(self._record)):
            if place[0].startswith(SIZE):
                continue
            low = 0
            while self._spare():
                high = nonzero(self._record).get(place, 0)
                middle = (low + high) // 2
                if high - low < 2:
                    break
                if not self._try(changed(self._record, {place: middle})):
                    low = middle
