"""What is not a function of its choices is told as it is; everything else is made smaller."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from kvsrv import GetArgs, GetReply, KVServer
from tester import SharedState, Simulation, Undecided
from tester.engine.choices import Choices, Seeded
from tester.search.diagnosis import Diagnosis, diagnose
from tester.search.edits import nonzero
from tester.world.run import Outcome, Scenario, run
from tests.search import planted
from tests.search.planted import failing, scenario


def diagnosed(tested: Scenario, seed: int = 0) -> tuple[Outcome, Diagnosis, int]:
    """What a seed came to, its diagnosis, and how many smaller runs were attempted."""
    outcome = run(tested, Choices(Seeded(seed)))
    calls: list[int] = []
    return outcome, diagnose(tested, seed, outcome, lambda: calls.append(0)), len(calls)


def seed_of(tested: Scenario) -> int:
    ((seed, _),) = failing(tested, 1)
    return seed


def test_a_failing_seed_is_shrunk_and_explained() -> None:
    tested = scenario(planted.one_fault)
    outcome, diagnosis, attempts = diagnosed(tested, seed_of(tested))
    explanation = diagnosis.explanation
    assert explanation is not None
    assert diagnosis.outcome is explanation.shrunk.outcome
    assert diagnosis.outcome.trace
    assert attempts == explanation.runs + 1
    assert len(nonzero(outcome.choices.record())) > explanation.shrunk.choices_after


def test_a_seed_that_goes_another_way_the_second_time_is_not_shrunk() -> None:
    numbers = itertools.count()

    async def differs(sim: Simulation) -> None:
        number = next(numbers)
        sim.note(f"run {number}")
        raise KeyError(number)

    outcome, diagnosis, attempts = diagnosed(scenario(differs))
    assert outcome.kind == "KeyError"
    assert diagnosis.outcome.kind == "NonDeterministic"
    assert diagnosis.explanation is None
    assert attempts == 0
    assert next(numbers) == 2


def test_a_seed_that_passes_the_second_time_is_not_shrunk() -> None:
    numbers = itertools.count()

    async def passes_later(sim: Simulation) -> None:
        if not next(numbers):
            raise KeyError

    _, diagnosis, attempts = diagnosed(scenario(passes_later))
    assert (diagnosis.outcome.kind, diagnosis.outcome.verdict) == ("NonDeterministic", "fail")
    assert "when it is run again it passes" in str(diagnosis.outcome.error)
    assert attempts == 0


async def undecided(sim: Simulation) -> None:
    raise Undecided("nobody knows")


async def misused(sim: Simulation) -> None:
    class Server(KVServer):
        def get(self, args: GetArgs) -> GetReply:
            return 7  # type: ignore[return-value]

    sim.serve(Server)
    await sim.clerk().get("k")


async def shared(sim: Simulation) -> None:
    raise SharedState("two nodes hold one list")


@pytest.mark.parametrize(
    ("test", "verdict", "kind"),
    [
        (undecided, "unknown", "Undecided"),
        (misused, "misuse", "NotAMessage"),
        (shared, "fail", "SharedState"),
    ],
)
def test_what_cannot_be_run_as_it_is_is_not_shrunk(
    test: Callable[..., Any], verdict: str, kind: str
) -> None:
    _, diagnosis, attempts = diagnosed(scenario(test))
    assert (diagnosis.outcome.verdict, diagnosis.outcome.kind) == (verdict, kind)
    assert diagnosis.outcome.trace
    assert diagnosis.explanation is None
    assert attempts == 0


def test_a_test_that_looks_at_its_seed_is_told_as_it_is() -> None:
    async def looks(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        assert not isinstance(sim.choices.source, Seeded)

    outcome, diagnosis, attempts = diagnosed(scenario(looks), 3)
    assert diagnosis.explanation is None
    assert diagnosis.outcome.digest == outcome.digest
    assert diagnosis.outcome.kind == "AssertionError"
    assert attempts > 0
