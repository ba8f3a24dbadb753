"""The diagnosis of a failing seed: whether it fails again, and the least that it needs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tester.engine.errors import SharedState
from tester.search.explain import Explanation, explain
from tester.search.shortest import Size, is_candidate, shortest
from tester.search.shrink import as_recorded, shrink, symptom
from tester.search.suspects import suspected
from tester.world.failure import NonDeterministic
from tester.world.run import Outcome, Scenario, repeat, run

_SUSPECTS: Final = 5


@dataclass(frozen=True)
class Diagnosis:
    """What is known about a failing seed."""

    seed: int
    outcome: Outcome
    """The run to report: the smallest that fails, with its trace."""
    explanation: Explanation | None
    """Why that run fails; None where shrinking would make no sense."""

    @property
    def size(self) -> Size | None:
        """How large it is; None if it was not shrunk."""
        return None if self.explanation is None else self.explanation.shrunk.size


def diagnose(
    scenario: Scenario,
    seed: int,
    failing: Outcome,
    attempt: Callable[[], None] = lambda: None,
    most_steps: int = 0,
) -> Diagnosis:
    """Run a failing seed again, shrink it, and find which faults it needs.

    Some seeds are not shrunk: one whose second run differs (its outcome is NonDeterministic), one
    that the checker could not decide, and one whose code cannot be run as it is or changes its
    modules, since such a run is not a function of its choices alone.

    `attempt` is called before each further run, as a sign of life: there may be many. To shrink it
    takes at most so many steps; 0: as many as a single seed is worth.
    """
    again = _with_suspects(scenario, repeat(scenario, seed, failing))
    if isinstance(again.error, NonDeterministic | SharedState) or failing.verdict != "fail":
        return Diagnosis(seed, again, None)
    shrunk = shrink(scenario, seed, failing, attempt, most_steps)
    if symptom(shrunk.outcome) != symptom(failing):
        # The test looks at more than choices, such as at the seed.
        return Diagnosis(seed, again, None)
    return Diagnosis(seed, shrunk.outcome, explain(scenario, shrunk, attempt))


def _with_suspects(scenario: Scenario, outcome: Outcome) -> Outcome:
    """The outcome, with the suspects if it is nondeterministic.

    A string has one hash within a process, so the order of a set of strings is not a suspect.
    """
    if not isinstance(outcome.error, NonDeterministic) or outcome.leaked_state:
        return outcome
    kind = "history" if "left something behind" in str(outcome.error) else "chance"
    fitting = [one for one in suspected(scenario) if kind in one.kinds]
    if not fitting:
        return outcome
    fitting.sort(key=lambda one: (one.kinds.index(kind), one.file, one.line))
    lines = "\n".join(f"    {one}" for one in fitting[:_SUSPECTS])
    return outcome.failing_with(NonDeterministic(f"{outcome.error}.\nLines to look at:\n{lines}"))


def diagnose_recorded(
    scenario: Scenario, seed: int, failing: Outcome, attempt: Callable[[], None] = lambda: None
) -> Diagnosis:
    """Find which faults a record needs that has failed again; it is already shrunk."""
    if failing.verdict != "fail":
        return Diagnosis(seed, failing, None)
    return Diagnosis(seed, failing, explain(scenario, as_recorded(seed, failing), attempt))


def diagnose_several(
    scenario: Scenario, first: Diagnosis, later: Iterable[int]
) -> tuple[Diagnosis, list[int]]:
    """The shortest of the first failing seed and a few later ones that fail in the same way.

    Also returns the seeds that were not shorter. If the first is short, no others are run.
    """
    others: list[Diagnosis] = []
    if first.explanation is None or first.explanation.shrunk.settled:
        return first, []
    for seed in later:
        if not is_candidate(seed, first.seed, 1 + len(others)):
            break
        outcome = run(scenario, scenario.choices(seed))
        if outcome.leaked_state:  # what is run after it cannot be believed
            break
        if symptom(outcome) == symptom(first.outcome):
            one = diagnose(scenario, seed, outcome)
            others += [one] if one.size is not None else []
    return shortest(first, others)
