"""The diagnosis of a failing seed: is it really the bug, and what is the least it takes?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tester.engine.errors import SharedState
from tester.search.explain import Explanation, explain
from tester.search.shrink import as_recorded, shrink, symptom
from tester.world.failure import NonDeterministic
from tester.world.run import Outcome, Scenario, repeat


@dataclass(frozen=True)
class Diagnosis:
    """What to tell about a failing seed."""

    outcome: Outcome
    """The run to tell: the smallest that fails, with its trace."""
    explanation: Explanation | None
    """Why that one fails; None where shrinking would make no sense."""


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
    again = repeat(scenario, seed, failing)
    if isinstance(again.error, NonDeterministic | SharedState) or failing.verdict != "fail":
        return Diagnosis(again, None)
    shrunk = shrink(scenario, seed, failing, attempt)
    if symptom(shrunk.outcome) != symptom(failing):
        return Diagnosis(again, None)  # the test looks at more than choices, such as at the seed
    return Diagnosis(shrunk.outcome, explain(scenario, shrunk, attempt))


def diagnose_recorded(
    scenario: Scenario, seed: int, failing: Outcome, attempt: Callable[[], None] = lambda: None
) -> Diagnosis:
    """Say which faults a record takes that has failed again; it is small already."""
    if failing.verdict != "fail":
        return Diagnosis(failing, None)
    return Diagnosis(failing, explain(scenario, as_recorded(seed, failing), attempt))
