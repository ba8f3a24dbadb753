"""The lock suite passes for the reference, and its watch tells a lock that nobody gets."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.errors import Livelock
from tester.labs.kvtest import Client
from tester.labs.lock import suite as lock
from tester.labs.lock import watch as lockwatch
from tester.labs.lock.bugs import BUGS
from tester.labs.lock.suite import lock_names
from tester.labs.lock.watch import watching
from tester.labs.patch import planted
from tester.report.story import render_story
from tester.search.diagnosis import diagnose
from tester.world.failure import MutualExclusionViolated
from tester.world.run import Outcome, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

SUITE = {name: t.simulation for name, t in vars(lock).items() if name.startswith("test_")}


class FreeForAll:
    """A lock that everybody gets at once."""

    def __init__(self, clerk: object, name: str) -> None: ...

    async def acquire(self) -> None: ...

    async def release(self) -> None: ...


class Never(FreeForAll):
    """A lock that nobody gets."""

    async def acquire(self) -> None:
        await asyncio.Event().wait()


class NeverBack(FreeForAll):
    """A lock that cannot be given back."""

    async def release(self) -> None:
        while True:
            await asyncio.sleep(0.1)


def with_lock(sim: Simulation, kind: type) -> Simulation:
    """The simulation, with locks of this kind in the place of the submission's."""
    make = sim.lock
    sim.lock = lambda clerk, name, factory=None: make(clerk, name, kind)  # type: ignore[method-assign]
    return sim


def outcome_of(kind: type, clients: int) -> Outcome:
    @simulate()
    async def scenario(sim: Simulation) -> None:
        await lock.run_clients(with_lock(sim, kind), clients)

    return run(scenario.simulation, Choices(Seeded(0)))


def test_the_suite_has_all_tests_of_the_lab() -> None:
    assert [*SUITE] == [
        "test_reliable_basic",
        "test_reliable_nested",
        "test_one_client_reliable",
        "test_many_clients_reliable",
        "test_one_client_unreliable",
        "test_many_clients_unreliable",
        "test_two_clients_once_unreliable",
        "test_reliable_names",
        "test_similar_names_reliable",
        "test_async_with",
        "test_held_for_long",
        "test_held_for_minutes",
        "test_clients_leave_unreliable",
    ]


@pytest.mark.parametrize("name", SUITE)
def test_the_reference_passes(name: str) -> None:
    for seed in range(SUITE[name].seeds_of(20)):
        assert run(SUITE[name], Choices(Seeded(seed))).error is None


@pytest.mark.parametrize("name", SUITE)
def test_the_reference_passes_without_luck(name: str) -> None:
    outcome = run(SUITE[name], Choices(Replayed({})))
    assert outcome.error is None
    assert outcome.choices.faults == []


def test_two_holders_are_told_apart() -> None:
    outcome = outcome_of(FreeForAll, 2)
    assert isinstance(outcome.error, MutualExclusionViolated)
    assert " has held it since " in str(outcome.error)


@pytest.mark.parametrize(("kind", "clients"), [(Never, 1), (Never, 3), (NeverBack, 1)])
def test_a_lock_that_gets_nowhere_is_a_livelock_with_who_waits(kind: type, clients: int) -> None:
    outcome = outcome_of(kind, clients)
    assert isinstance(outcome.error, Livelock)
    assert "nobody has held the lock" in str(outcome.error)
    assert outcome.virtual_us < 12_000_000
    lines = {(w.node, w.line) for w in outcome.error.waiting}
    awaited = "asyncio.Event().wait()" if kind is Never else "asyncio.sleep(0.1)"
    assert ("c0", f"await {awaited}") in lines


def test_the_watch_does_not_mind_a_lock_that_is_held_or_that_nobody_wants() -> None:
    @simulate()
    async def scenario(sim: Simulation) -> None:
        sim.serve()
        async with watching(sim, "l") as watch:
            mine = watch.lock(Client(sim, 0))
            await sim.sleep(20)
            await mine.acquire()
            await sim.sleep(20)
            await mine.release()
            await sim.sleep(20)
        assert watch.acquired == {"c0": 1}

    assert run(scenario.simulation, Choices(Seeded(0))).error is None


def test_everybody_gets_the_lock_and_the_story_says_how_often() -> None:
    outcome = run(SUITE["test_many_clients_reliable"], Choices(Seeded(0)), keep_trace=True)
    notes = [entry[2] for entry in outcome.trace if entry[1] == "note"]
    assert len(notes) == 2
    assert all(
        f"'c{i}': " in note and f"'c{i}': 0" not in note for i in range(10) for note in notes
    )


def test_locks_have_different_names_even_without_luck() -> None:
    @simulate()
    async def scenario(sim: Simulation) -> None:
        one, two = lock_names(sim, 2)
        assert one != two
        assert len(one) == len(two)

    for choices in (Choices(Replayed({})), Choices(Seeded(0))):
        assert run(replace(scenario.simulation, model=None), choices).error is None


def test_a_hang_is_told_with_the_reply_that_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many messages lie between it and the end."""
    monkeypatch.setattr(lockwatch, "PROGRESS_US", 1_000_000)  # not ten times as many messages
    bug = next(bug for bug in BUGS if bug.name == "never_looks")
    scenario = SUITE["test_one_client_unreliable"]
    with planted(bug, tmp_path):
        seed, failing = next(
            (seed, outcome)
            for seed in range(20)
            if (outcome := run(scenario, Choices(Seeded(seed)))).verdict == "fail"
        )
        assert failing.kind == "Livelock"
        found = diagnose(scenario, seed, failing)
    story = render_story(seed, found.outcome, "again", found.explanation)
    assert "nobody has held the lock" in story
    assert "OK, and the network lost the reply" in story
    assert "One lost reply is enough" in story
    assert "waits for a lock that it has" in story
    assert len(story.splitlines()) < 60


def test_all_violations_of_mutual_exclusion_are_one_kind_of_failure(tmp_path: Path) -> None:
    """Whichever line of the suite was waiting for the lock: or there is less to shrink to."""
    bug = next(bug for bug in BUGS if bug.name == "gives_away_what_it_has_not")
    scenario = SUITE["test_many_clients_unreliable"]
    with planted(bug, tmp_path):
        outcomes = [run(scenario, Choices(Seeded(seed))) for seed in range(20)]
    found = [outcome for outcome in outcomes if outcome.kind == "MutualExclusionViolated"]
    held = [outcome.where for outcome in found if " has held it since " in str(outcome.error)]
    assert len(held) > 1
    assert len(set(held)) == 1
