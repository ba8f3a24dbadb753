"""What is not a function of its choices is told as it is; everything else is made smaller."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tester import NonDeterministic, SharedState, Simulation, Undecided
from tester.engine.choices import Choices, Seeded
from tester.search import shrink
from tester.search.diagnosis import Diagnosis, diagnose, diagnose_several
from tester.search.shrink import nonzero
from tester.world.run import Outcome, Scenario, run
from tester.world.submission import BadSubmission
from tests import ways
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
    assert next(numbers) == 3


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


async def loads_nothing(sim: Simulation) -> None:
    raise BadSubmission("theirs/kvsrv/client.py has no class Clerk")


async def shared(sim: Simulation) -> None:
    raise SharedState("two nodes hold one list")


@pytest.mark.parametrize(
    ("test", "verdict", "kind"),
    [
        (undecided, "unknown", "Undecided"),
        (loads_nothing, "misuse", "BadSubmission"),
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


def test_a_test_that_looks_at_its_seed_is_shown_unshrunk() -> None:
    async def looks(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        assert not isinstance(sim.choices.source, Seeded)

    outcome, diagnosis, attempts = diagnosed(scenario(looks), 3)
    assert diagnosis.explanation is None
    assert diagnosis.outcome.digest == outcome.digest
    assert diagnosis.outcome.kind == "AssertionError"
    assert attempts > 0


# -- the shortest story of several ----------------------------------------------------------------


WAYS = ways.test_two_ways.simulation


def seeds_by_length(count: int) -> dict[int, int]:
    """By seed that fails with a KeyError, how many operations its smallest run takes."""
    found = {seed: run(WAYS, Choices(Seeded(seed))) for seed in range(count)}
    return {
        seed: diagnose(WAYS, seed, one).outcome.ops
        for seed, one in found.items()
        if one.kind == "KeyError"
    }


def several(first: int, end: int = 100) -> tuple[int, list[int]]:
    """The seed that is told, and those whose stories are no shorter."""
    one = diagnose(WAYS, first, run(WAYS, Choices(Seeded(first))))
    chosen, rivals = diagnose_several(WAYS, one, range(first + 1, end))
    assert chosen.outcome.kind == "KeyError"
    return chosen.seed, rivals


def test_of_four_similar_failures_the_shortest_story_is_shown() -> None:
    lengths = seeds_by_length(50)
    assert set(lengths.values()) == {ways.SHORT, ways.LONG}
    assert len(lengths) < 50, "others pass, or fail in another way"
    seeds = list(lengths)
    told = set()
    for at, first in enumerate(seeds[:6]):
        four = seeds[at : at + 4]
        best = min(four, key=lambda seed: lengths[seed])
        assert several(first) == (best, [seed for seed in four if seed != best])
        told.add(four.index(best))
    assert told >= {0, 1}


def test_where_shrinking_takes_long_one_seed_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    first = next(seed for seed, length in seeds_by_length(50).items() if length == ways.LONG)
    assert several(first)[1]
    monkeypatch.setattr(shrink, "DEAR", 0)
    assert several(first) == (first, [])


def test_only_later_seeds_that_are_to_be_run_are_looked_at() -> None:
    first, second = list(seeds_by_length(20))[:2]
    assert several(first, end=first + 1) == (first, [])
    assert several(first, end=second) == (first, [])
    assert len(several(first, end=second + 1)[1]) == 1


def test_not_many_later_seeds_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = list(seeds_by_length(20))[:2]
    monkeypatch.setattr("tester.search.shortest.LATER", second - first - 1)
    assert several(first) == (first, [])


def test_a_short_story_is_shown_at_once() -> None:
    tested = scenario(planted.one_fault)
    first, second = (seed for seed, _ in failing(tested, 2))
    one = diagnose(tested, first, run(tested, Choices(Seeded(first))))
    assert diagnose_several(tested, one, iter([second])) == (one, [])


def test_a_failure_that_was_not_shrunk_is_shown_at_once() -> None:
    one = diagnose(scenario(shared), 0, run(scenario(shared), Choices(Seeded(0))))
    assert diagnose_several(scenario(shared), one, range(1, 9)) == (one, [])


def test_chance_is_named_as_what_makes_runs_differ() -> None:
    count = itertools.count()

    async def counts(sim: Simulation) -> None:
        sim.serve()
        sim.note(str(next(count)))
        raise KeyError

    _, diagnosis, _ = diagnosed(scenario(counts))
    assert isinstance(diagnosis.outcome.error, NonDeterministic)
    assert "It goes yet another way each time" in str(diagnosis.outcome.error)


def test_what_a_run_left_behind_is_named_as_what_makes_runs_differ() -> None:
    just_once = iter([0])

    async def once(sim: Simulation) -> None:
        sim.serve()
        sim.note("first" if next(just_once, None) == 0 else "later")
        raise KeyError

    _, diagnosis, _ = diagnosed(scenario(once))
    said = str(diagnosis.outcome.error)
    assert isinstance(diagnosis.outcome.error, NonDeterministic)
    assert "From then on it goes the same way each time" in said
