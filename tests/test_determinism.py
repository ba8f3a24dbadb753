"""Same seed, same digest: twice, in any process, replayed, and with nodes in child processes."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tester.engine.choices import Choices, Record, Replayed, Seeded, Source
from tester.world.run import Outcome
from tests.deterministic import SCENARIOS, digests, outcome
from tests.tree import ROOT
from tests.world.lab import once

SEEDS = 3
FAILS = {
    "not linearizable": "NotLinearizable",
    "exceptions": "RuntimeError",
    "deadlocks": "Deadlock",
}

every_scenario = pytest.mark.parametrize("name", SCENARIOS)


def same(one: Outcome, other: Outcome) -> None:
    """All that a run comes to, and all that it chose."""
    assert one.digest == other.digest
    assert one.choices.record() == other.choices.record()
    assert one.choices.faults == other.choices.faults
    assert (one.verdict, one.kind) == (other.verdict, other.kind)
    assert one.history == other.history
    assert (one.rpcs, one.ops, one.virtual_us, one.steps) == (
        *(other.rpcs, other.ops, other.virtual_us, other.steps),
    )


# -- in this process ----------------------------------------------------------------------------


@every_scenario
def test_twice_in_this_process(name: str) -> None:
    for seed in range(SEEDS):
        same(outcome(name, Seeded(seed)), outcome(name, Seeded(seed)))


@every_scenario
def test_different_seeds_differ(name: str) -> None:
    found = {outcome(name, Seeded(seed)).digest for seed in range(10)}
    assert len(found) == 10 if "network" in SCENARIOS[name][1] else len(found) > 1


@every_scenario
def test_the_scenarios_do_what_they_are_here_for(name: str) -> None:
    kinds = {outcome(name, Seeded(seed)).kind for seed in range(20)}
    assert kinds - {""} == ({FAILS[name]} if name in FAILS else set())


def test_the_runs_before_do_not_matter() -> None:
    alone = outcome("kv", Seeded(1))
    for name in SCENARIOS:
        outcome(name, Seeded(0))
    same(outcome("kv", Seeded(1)), alone)


def test_keeping_the_trace_changes_nothing() -> None:
    test, conditions = SCENARIOS["kv"]
    kept, lost = (once(test, 0, keep_trace=keep, **conditions) for keep in (True, False))
    same(kept, lost)
    assert len(kept.trace) > 50


# -- in other processes -------------------------------------------------------------------------


def test_in_fresh_processes_with_any_hash_seed() -> None:
    children = {
        hash_seed: subprocess.Popen(
            [sys.executable, "-m", "tests.deterministic", str(SEEDS)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "1", "777", "random")
    }
    here = digests(SEEDS)
    for hash_seed, child in children.items():
        printed, _ = child.communicate()
        assert child.returncode == 0
        assert json.loads(printed) == here, f"PYTHONHASHSEED={hash_seed}"


# -- replayed -----------------------------------------------------------------------------------


@every_scenario
def test_a_record_replayed_is_the_same_run(name: str) -> None:
    for seed in range(SEEDS):
        seeded = outcome(name, Seeded(seed))
        same(outcome(name, Replayed(seeded.choices.record())), seeded)


def test_the_record_without_luck_is_reliable_and_loses_nothing() -> None:
    reliable = outcome("kv, reliable", Replayed({}))
    for name in "kv", "kv, all faults":
        default = outcome(name, Replayed({}))
        assert default.error is None
        assert default.choices.faults == []
        assert not any(map(any, default.choices.record().values()))
        assert default.rpcs == default.ops == 18
        assert default.digest == reliable.digest


records = st.dictionaries(
    st.sampled_from(["net/c0", "net/c1", "net/c2", "sched/server", "sched/c0", "order"]),
    st.lists(st.integers(0, 40), max_size=60),
)


@settings(max_examples=40)
@given(records)
def test_what_any_record_chose_is_a_record_of_the_same_run(record: Record) -> None:
    first = outcome("kv, all faults", Replayed(record))
    same(outcome("kv, all faults", Replayed(first.choices.record())), first)


# -- nodes in child processes -------------------------------------------------------------------


@pytest.mark.parametrize(
    "seeds", [range(start, start + 10) for start in range(0, 50, 10)], ids=str
)
def test_fifty_seeds_are_the_same_with_nodes_in_child_processes(seeds: range) -> None:
    faults = 0
    for seed in seeds:
        here = outcome("kv", Seeded(seed))
        same(outcome("kv", Seeded(seed), isolated=True), here)
        faults += len(here.choices.faults)
    assert faults > 10, "the messages that are lost are what makes it hard"


@every_scenario
@pytest.mark.parametrize("source", [Seeded(0), Seeded(1), Replayed({})], ids=["0", "1", "default"])
def test_every_scenario_is_the_same_with_nodes_in_child_processes(
    name: str, source: Source
) -> None:
    same(outcome(name, source, isolated=True), outcome(name, source))


@every_scenario
def test_a_record_of_child_processes_replays_in_this_one(name: str) -> None:
    isolated = outcome(name, Seeded(2), isolated=True)
    same(outcome(name, Replayed(isolated.choices.record())), isolated)


def test_choices_know_nothing_of_where_they_were_made() -> None:
    choices = Choices(Seeded(3))
    drawn = [choices.below(100, "s") for _ in range(70)]
    other = Choices(Seeded(3))
    other.stream("s").resume(drawn[:65])
    assert [other.below(100, "s") for _ in range(5)] == drawn[65:]
    assert other.record() == choices.record()
