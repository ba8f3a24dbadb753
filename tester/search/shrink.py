"""The shrinker: from the choices of a failing run to the fewest and smallest that still fail.

Every attempt is a whole run, so nothing is assumed about the code under test; what a run did not
draw any more is forgotten, and what it draws anew is 0. The order of what is tried is fixed and
every limit is a count, so the result is a function of what it started from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

from tester.engine.choices import Choices, Record, Replayed
from tester.engine.errors import LimitReached, Livelock
from tester.engine.stream import Fault
from tester.search.shortest import DEAR, RUNS, STEPS, Size
from tester.world.nemesis import STREAM as STRIKES
from tester.world.run import Outcome, Scenario, run
from tester.world.streams import FATE_SIZE, NETWORK, is_size

PATIENCE: Final = 4
"""An attempt is given up at this many times the steps of the best run."""
AT_LEAST: Final = 2_000
"""No attempt is given up earlier. Most do not fail, and would go on to the end of the test."""
_FIRST: Final = 8
"""How many of the first messages are tried with a single fault."""
_FEW: Final = 5
"""With so many faults left, it is worth while to try each of them alone, at other times."""
_PARTS: Final = 16
"""At most this many times are tried, evenly spread."""
_LARGEST_SIZE: Final = 2_048
"""So much less work is looked for at first: most workloads have no more of anything."""

# -- edits of a record ------------------------------------------------------------------------

Position = tuple[str, int]
"""A choice: (stream, index in the stream's record)."""


def nonzero(record: Record) -> dict[Position, int]:
    """The choices of a record that are not 0."""
    return {
        (stream, index): value
        for stream, values in record.items()
        for index, value in enumerate(values)
        if value
    }


def trimmed(record: Record) -> Record:
    """Without the zeros at the end of each stream: a missing choice is 0."""
    trimmed = {}
    for stream, values in record.items():
        end = len(values)
        while end and not values[end - 1]:
            end -= 1
        if end:
            trimmed[stream] = values[:end]
    return trimmed


def changed(record: Record, changes: dict[Position, int]) -> Record:
    edited = {stream: list(values) for stream, values in record.items()}
    for (stream, index), value in changes.items():
        values = edited.setdefault(stream, [])
        values += [0] * (index + 1 - len(values))
        values[index] = value
    return edited


def only(values: Sequence[int], kept: set[int]) -> list[int]:
    return [value if index in kept else 0 for index, value in enumerate(values)]


# -- what is small ----------------------------------------------------------------------------


def symptom(outcome: Outcome) -> tuple[str, ...]:
    """What must stay the same while a failure shrinks: its kind, and where the user's code was."""
    return (outcome.kind, *outcome.where)


def size_of(outcome: Outcome, record: Record) -> Size:
    """The size of a failing run with this record."""
    chosen = nonzero(record)
    sizes = set(filter(is_size, record))
    values = {place: value for place, value in chosen.items() if place[0] not in sizes}
    drawn = sum(values.values())
    return Size(
        faults=len(outcome.choices.faults),
        asked=0 if _until_a_limit(outcome) else outcome.rpcs + outcome.ops,
        wanted=drawn - sum(chosen.values()),
        choices=len(values),
        drawn=drawn,
        late=sum(map(itemgetter(1), values)),
    )


def _until_a_limit(outcome: Outcome) -> bool:
    """Whether the run would have gone on, so that what it did meanwhile says nothing."""
    return isinstance(outcome.error, Livelock | LimitReached)


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
    steps: int = 0
    """Callbacks run in all these runs together."""
    most_steps: int = 0
    """The most of them that there might be; 0: there was no search."""

    @property
    def faults(self) -> list[Fault]:
        """What is left of the faults, in the order in which they struck."""
        return self.outcome.choices.faults

    @property
    def size(self) -> Size:
        """How large it is."""
        return size_of(self.outcome, self.record)

    @property
    def bound(self) -> str:
        """The limit that ended the search; "" if nothing smaller was left to be tried."""
        if self.runs >= RUNS:
            return f"{RUNS} runs"
        if not 0 < self.most_steps <= self.steps:
            return ""
        return f"{self.most_steps:,} steps".replace(",", " ")

    @property
    def settled(self) -> bool:
        """Whether no other seed is tried: this story is short, or the search takes long."""
        return self.size.short or bool(self.bound) or self.steps > DEAR


def shrink(
    scenario: Scenario,
    seed: int,
    failing: Outcome,
    attempt: Callable[[], None] = lambda: None,
    most_steps: int = 0,
) -> Shrunk:
    """Shrink the run of a seed that failed; every attempt keeps the same kind of failure.

    `attempt` is called before each: somebody may wait for a sign of life. All together take at
    most so many steps, and `STEPS` if that is 0.
    """
    shrinker = Shrinker(scenario, failing, attempt, most_steps or STEPS)
    before = len(nonzero(shrinker.record))
    shrinker.shrink()
    return Shrunk(
        seed=seed,
        outcome=shrinker.replayed(),
        record=shrinker.record,
        runs=shrinker.runs,
        choices_before=before,
        choices_after=len(nonzero(shrinker.record)),
        steps=shrinker.steps,
        most_steps=most_steps or STEPS,
    )


def as_recorded(seed: int, outcome: Outcome) -> Shrunk:
    """A failing run as it was recorded: nobody makes it any smaller."""
    chosen = trimmed(outcome.choices.record())
    size = len(nonzero(chosen))
    return Shrunk(seed, outcome, chosen, 0, size, size)


class Shrinker:
    """The best run so far, and the attempts to better it; each fails as the first one did.

    `attempt` is called before each: somebody may wait for a sign of life.
    """

    def __init__(
        self,
        scenario: Scenario,
        failing: Outcome,
        attempt: Callable[[], None],
        most_steps: int = STEPS,
    ) -> None:
        self.best = failing
        self.record = trimmed(failing.choices.record())
        self.runs = 0
        self._scenario = scenario
        self._attempt = attempt
        self._most_steps = most_steps
        self._symptom = symptom(failing)
        self.steps = 0
        """Callbacks run in all attempts so far."""
        self._seen: set[str] = set()
        self._exact: set[Position] = set()
        """Choices of how much to leave out that have been as large as they could be."""

    @property
    def size(self) -> Size:
        """Of the best run."""
        return size_of(self.best, self.record)

    def spare(self) -> bool:
        """Whether there may be another one."""
        return self.runs < RUNS and self.steps < self._most_steps

    def better(self, record: Record, *, simpler: bool = False) -> bool:
        """Run an edited record, and keep it if it is smaller; with `simpler`, also if it is that.

        What is simpler has more left that can be made smaller.
        """
        record = trimmed(record)
        key = repr(record)
        if record == self.record or key in self._seen or not self.spare():
            return False
        self._seen.add(key)
        self.runs += 1
        self._attempt()
        outcome = run(self._patient(), Choices(Replayed(record)))
        self.steps += outcome.steps
        if symptom(outcome) != self._symptom:
            return False
        record = trimmed(outcome.choices.record())
        found, size = size_of(outcome, record), self.size
        if found < size or (simpler and found.simpler(size)):
            self.best, self.record = outcome, record
            return True
        return False

    def _patient(self) -> Scenario:
        """The scenario, ended where a run gets much longer than the best; that is no symptom."""
        limits = self._scenario.limits
        if _until_a_limit(self.best):
            return self._scenario
        steps = min(limits.steps, max(PATIENCE * self.best.steps, AT_LEAST))
        return replace(self._scenario, limits=replace(limits, steps=steps))

    def replayed(self) -> Outcome:
        """The best run once more, with its trace."""
        self._attempt()
        return run(self._scenario, Choices(Replayed(self.record)), keep_trace=True)

    # -- what is tried, in which order --------------------------------------------------------

    def shrink(self) -> None:
        """Try everything until nothing helps any more."""
        self.better({}, simpler=True)
        while self.spare():
            before = self.size
            for attempts in (
                self._simplest,
                self._sizes,
                self._streams,
                self._faults,
                self._fates,
                self._earlier,
                self._simplest,  # of the faults that are left
                self._alone,
                self._delays,
                self._lower,
            ):
                attempts()
            if self.size == before:
                break

    def _simplest(self) -> None:
        """One of the faults alone, on one of the first messages: most bugs need no more.

        Where nothing else is chosen, one client does much as another: the first will do, and those
        that it struck are tried when only a few faults are left.
        """
        if self.size.choices < 2:
            return
        struck = [(s, i % FATE_SIZE) for s, i in self.best.choices.faults if s.startswith(NETWORK)]
        first = next((s for s in self.best.choices.record() if s.startswith(NETWORK)), "")
        kinds = dict.fromkeys((first, field) for _, field in struck)
        if len(struck) <= _FEW:
            kinds |= dict.fromkeys(struck)
        for number in range(_FIRST):
            for stream, field in kinds:
                place = stream, number * FATE_SIZE + field
                if self.better(changed({}, {place: 1}), simpler=True):
                    return

    def _sizes(self) -> None:
        """Less work: the choices that say how much of it to leave out."""
        drawn = self.best.choices.record()
        sizes = filter(is_size, drawn)
        for place in [(stream, at) for stream in sizes for at in range(len(drawn[stream]))]:
            high = 1 << 20  # a reader takes the largest that is allowed
            low = nonzero(self.record).get(place, 0)
            if self.better(changed(self.record, {place: high})):
                continue
            if place in self._exact:
                if not self.better(changed(self.record, {place: low + 1})):
                    continue
                low += 1
            high = bound = _LARGEST_SIZE
            while low + 1 < high and self.spare():
                middle = (low + high) // 2
                if self.better(changed(self.record, {place: middle})):
                    low = middle
                    if low + 1 == bound:  # nothing was too large: look further
                        high = bound = 2 * bound
                else:
                    high = middle
            self._exact.add(place)

    def _streams(self) -> None:
        """Whole streams to zero, but for their faults."""
        faults = set(self.best.choices.faults)
        self.better({s: only(v, {i for f, i in faults if f == s}) for s, v in self.record.items()})
        for stream in list(self.record):
            if is_size(stream):
                continue
            kept = {index for name, index in self.best.choices.faults if name == stream}
            values = self.record.get(stream)
            if values is not None:
                self.better({**self.record, stream: only(values, kept)})

    def _faults(self) -> None:
        """Fewer faults, in halves and quarters down to single ones (delta debugging)."""
        self._drop(lambda: list(self.best.choices.faults))

    def _fates(self) -> None:
        """Take out the whole fate of an RPC that met a fault: those behind it move up.

        Without the fault there would have been no second try, so a later fault that is needed
        has to strike the RPC before.
        """
        for stream, index in list(self.best.choices.faults):
            if stream.startswith(NETWORK):
                start = index - index % FATE_SIZE
                values = self.record.get(stream, [])
                moved = [*values[:start], *values[start + FATE_SIZE :]]
                edited = {**self.record, stream: moved}
                # Without the wait that the fault brought, the workload may end too early.
                whole = {name: chosen for name, chosen in edited.items() if not is_size(name)}
                if not self.better(edited):
                    self.better(whole)

    def _earlier(self) -> None:
        """Let a message's fault strike one of the first messages: what came before can then go."""
        for stream, index in list(self.best.choices.faults):
            number = index // FATE_SIZE
            if not stream.startswith(NETWORK):
                continue
            values = self.record.get(stream, [])
            fate = values[number * FATE_SIZE : (number + 1) * FATE_SIZE]
            rest = only(values, {i for i in range(len(values)) if i // FATE_SIZE != number})
            for target in sorted({*range(_FEW), number // 4, number // 2} & set(range(number))):
                edited = rest + [0] * ((target + 1) * FATE_SIZE - len(rest))
                edited[target * FATE_SIZE : (target + 1) * FATE_SIZE] = fate + [0] * (
                    FATE_SIZE - len(fate)
                )
                if self.better({**self.record, stream: edited}):
                    break

    def _alone(self) -> None:
        """One strike of a nemesis without the other faults, and at another time.

        What the others did may only have been to keep the workload busy until it came.
        """
        faults = self.best.choices.faults
        if not 1 < len(faults) <= _FEW:
            return
        end_ms = self.best.virtual_us // 1_000
        for fault in faults:
            stream, index = fault
            if stream.startswith(STRIKES):
                when = f"{stream}/{index}", 0
                others = {place: 0 for place in faults if place != fault}
                for part in range(_PARTS):
                    edited = {**others, when: end_ms * part // _PARTS}
                    if self.better(changed(self.record, edited)):
                        return

    def _delays(self) -> None:
        """Fewer choices that are not zero, likewise."""
        self._drop(lambda: [place for place in nonzero(self.record) if not is_size(place[0])])

    def _drop(self, places: Callable[[], list[Position]]) -> None:
        """Set chunks of the places to zero, ever smaller ones, as long as it goes on failing."""
        size = len(places())
        while size >= 1 and self.spare():
            start = 0
            while True:
                chunk = places()[start : start + size]
                if not chunk or not self.spare():
                    break
                if not self.better(changed(self.record, dict.fromkeys(chunk, 0))):
                    start += size
            size //= 2

    def _lower(self) -> None:
        """Smaller values, by bisection: 0 has been tried in vain."""
        for place in list(nonzero(self.record)):
            if is_size(place[0]):
                continue
            low = 0
            while self.spare():
                high = nonzero(self.record).get(place, 0)
                middle = (low + high) // 2
                if high - low < 2:
                    break
                if not self.better(changed(self.record, {place: middle})):
                    low = middle
