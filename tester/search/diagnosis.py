"""The diagnosis of a failing seed: is it really the bug, and what is the least it takes?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tester.engine.choices import Choices, Seeded
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
    """What to tell about a failing seed."""

    seed: int
    outcome: Outcome
    """The run to tell: the smallest that fails, with its trace."""
    explanation: Explanation | None
    """Why that one fails; None where shrinking would make no sense."""

    @property
    def size(self) -> Size | None:
        """How large it is; None where it was not made smaller."""
        return None if self.explanation is None else self.explanation.shrunk.size


def diagnose(
    scenario: Scenario, seed: int, failing: Outcome, attempt: Callable[[], None] = lambda: None
) -> Diagnosis:
    """Run a failing seed again, shrink it, and say which faults it takes.

    A seed that goes another way the second time is not shrunk: its outcome says NonDeterministic.
    Nor is one that the checker could not decide, or whose code cannot be run as it is, or changes
    its modules: what such a run does is not a function of its choices alone.

    `attempt` is called before each run that tries something else: it takes many of them, and
    somebody may wait for a sign of life.
    """
    again = _with_suspects(scenario, repeat(scenario, seed, failing))
    if isinstance(again.error, NonDeterministic | SharedState) or failing.verdict != "fail":
        return Diagnosis(seed, again, None)
    shrunk = shrink(scenario, seed, failing, attempt)
    if symptom(shrunk.outcome) != symptom(failing):
        # The test looks at more than choices, such as at the seed.
        return Diagnosis(seed, again, None)
    return Diagnosis(seed, shrunk.outcome, explain(scenario, shrunk, attempt))


def _with_suspects(scenario: Scenario, outcome: Outcome) -> Outcome:
    """The outcome, with the lines that may be why it is not the same twice, if that is its fault.

    Within one process strings have one hash: the order of a set of them is no reason.
    """
    if not isinstance(outcome.error, NonDeterministic) or outcome.modules:
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
    """Say which faults a record takes that has failed again; it is small already."""
    if failing.verdict != "fail":
        return Diagnosis(seed, failing, None)
    return Diagnosis(seed, failing, explain(scenario, as_recorded(seed, failing), attempt))


def diagnose_several(
    scenario: Scenario, first: Diagnosis, later: Iterable[int]
) -> tuple[Diagnosis, list[int]]:
    """The shortest story of the first failing seed and a few later ones that fail as it does.

    Also the seeds whose stories were no shorter. What is short already is left at that.
    """
    others: list[Diagnosis] = []
    if first.explanation is None or first.explanation.shrunk.settled:
        return first, []
    for seed in later:
        if not is_candidate(seed, first.seed, 1 + len(others)):
            break
        outcome = run(scenario, Choices(Seeded(seed)))
        if outcome.modules:  # what is run after it cannot be believed
            break
        if symptom(outcome) == symptom(first.outcome):
            one = diagnose(scenario, seed, outcome)
            others += [one] if one.size is not None else []
    return shortest(first, others)
