"""The kvsrv suite passes for the reference, and demands no more than the lab promises."""

from dataclasses import replace
from pathlib import Path

import pytest

from labrpc import RELIABLE, UNRELIABLE
from tester.engine.choices import Choices, Replayed, Seeded
from tester.labs import crowd
from tester.labs.kvsrv import bugs as broken
from tester.labs.kvsrv import suite as kvsrv
from tester.labs.patch import planted
from tester.world.run import Outcome, Scenario, run

SUITE = {name: t.simulation for name, t in vars(kvsrv).items() if name.startswith("test_")}


def pass_on(scenario: Scenario, seeds: int) -> list[Outcome]:
    outcomes = [run(scenario, Choices(Seeded(seed))) for seed in range(seeds)]
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    return outcomes


def test_the_suite_has_all_tests_of_the_lab() -> None:
    assert [*SUITE] == [
        "test_reliable_put",
        "test_put_concurrent_reliable",
        "test_mem_put_many_clients_reliable",
        "test_unreliable_net",
        "test_many_keys_reliable",
        "test_put_concurrent_unreliable",
        "test_outage",
        "test_copies",
        "test_get_and_put_reliable",
        "test_late_replies",
        "test_many_and_long_reliable",
        "test_similar_texts_reliable",
    ]


@pytest.mark.parametrize("name", SUITE)
def test_the_reference_passes(name: str) -> None:
    pass_on(SUITE[name], SUITE[name].seeds_of(20))


@pytest.mark.parametrize("name", [n for n in SUITE if "mem" not in n])
def test_the_reference_passes_without_luck(name: str) -> None:
    outcome = run(SUITE[name], Choices(Replayed({})))
    assert outcome.error is None
    assert outcome.choices.faults == []


def test_one_rpc_for_each_operation_of_reliable_put() -> None:
    for outcome in pass_on(SUITE["test_reliable_put"], 3):
        assert (outcome.rpcs, outcome.ops) == (5, 5)


def test_ten_clients_are_busy_for_a_second() -> None:
    (outcome,) = pass_on(SUITE["test_put_concurrent_reliable"], 1)
    assert 9_000 < outcome.ops < 11_000
    assert 1_000_000 <= outcome.virtual_us < 1_100_000


def test_maybe_is_demanded_only_where_a_reply_was_lost(tmp_path: Path) -> None:
    never_says_maybe = next(bug for bug in broken.BUGS if bug.name == "resend_says_ok")
    scenario = SUITE["test_unreliable_net"]
    with planted(never_says_maybe, tmp_path):
        pass_on(replace(scenario, network=RELIABLE), 1)
        pass_on(replace(scenario, network=UNRELIABLE.but(reply_loss=(0, 1))), 3)
        outcome = run(scenario, Choices(Seeded(0)))
    assert "ErrMaybe" in str(outcome.error)


def test_the_memory_of_a_server_on_a_node_of_its_own_process_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "CLIENTS", 200)
    scenario = SUITE["test_mem_put_many_clients_reliable"]
    here = run(scenario, Choices(Seeded(0)))
    there = run(replace(scenario, isolated=True), Choices(Seeded(0)))
    assert (here.error, there.error) == (None, None)
    assert here.digest == there.digest
