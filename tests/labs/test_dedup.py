"""The dedup suite passes for the reference, finds what it says, and shrinks what it finds."""

from dataclasses import replace
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Replayed, Seeded
from tester.labs import crowd
from tester.labs.dedup import suite as dedup
from tester.labs.dedup.bugs import BUGS
from tester.labs.patch import planted
from tester.search.shrink import shrink
from tester.world.failure import NotLinearizable
from tester.world.run import run

SUITE = {name: t.simulation for name, t in vars(dedup).items() if name.startswith("test_")}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "CLIENTS", 1_000)
    monkeypatch.setattr(dedup, "MANY_APPENDS", 100)
    monkeypatch.setattr(dedup, "LARGE", 2**17)
    monkeypatch.setattr(dedup, "SLACK", 2**14)


def test_the_suite_has_all_tests_of_the_lab() -> None:
    assert [*SUITE] == [
        "test_basic",
        "test_concurrent",
        "test_unreliable",
        "test_unreliable_one_key",
        "test_mem_get",
        "test_mem_put",
        "test_mem_append",
        "test_mem_put_many_clients",
        "test_mem_get_many_clients",
        "test_mem_many_appends",
        "test_unreliable_one_key_put",
        "test_copies_in_flight",
        "test_any_text",
        "test_forgotten_client",
        "test_cut_off_for_minutes",
        "test_mem_many_writes",
        "test_similar_texts",
    ]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", SUITE)
def test_the_reference_passes(name: str) -> None:
    for seed in range(SUITE[name].seeds_of(10)):
        assert run(SUITE[name], Choices(Seeded(seed))).error is None


@pytest.mark.parametrize("name", ["test_mem_get", "test_mem_put", "test_mem_append"])
def test_the_reference_passes_with_large_values(name: str) -> None:
    assert run(SUITE[name], Choices(Seeded(0))).error is None


@pytest.mark.parametrize("name", ["test_basic", "test_unreliable_one_key"])
def test_the_reference_passes_without_luck(name: str) -> None:
    outcome = run(SUITE[name], Choices(Replayed({})))
    assert outcome.error is None
    assert outcome.choices.faults == []


def test_clients_are_busy_for_three_seconds() -> None:
    outcome = run(SUITE["test_basic"], Choices(Seeded(0)))
    assert outcome.rpcs == outcome.ops
    assert 2_900 < outcome.ops < 3_100
    methods = [op.method for op in outcome.history.ops]
    assert 0.4 < methods.count("append") / len(methods) < 0.6
    assert methods.count("put") == 3


@pytest.mark.parametrize(
    ("name", "ops"), [("test_unreliable_one_key", 9), ("test_unreliable", 15)]
)
def test_a_failure_shrinks_to_a_short_story(name: str, ops: int, tmp_path: Path) -> None:
    bug = next(bug for bug in BUGS if bug.name == "executes_every_copy")
    scenario = SUITE[name]
    with planted(bug, tmp_path):
        failing = run(scenario, Choices(Seeded(0)))
        assert isinstance(failing.error, NotLinearizable)
        shrunk = shrink(scenario, 0, failing)
    assert len(shrunk.faults) == 1
    assert len(shrunk.outcome.history.ops) <= ops


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(
    ("bug", "test", "complaint"),
    [
        ("remembers_every_answer", "test_mem_many_appends", "it needs the value and one reply"),
        ("remembers_its_readers", "test_mem_get_many_clients", "have read once each"),
        ("remembers_whole_requests", "test_mem_put_many_clients", "have put once each"),
        ("remembers_what_it_replaced", "test_mem_put", "the large value has been replaced"),
    ],
)
def test_memory_that_grows_is_told_with_figures(
    bug: str, test: str, complaint: str, tmp_path: Path
) -> None:
    with planted(next(b for b in BUGS if b.name == bug), tmp_path):
        error = run(SUITE[test], Choices(Seeded(0))).error
    assert complaint in str(error)
    assert "bytes" in str(error)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("x a 0 yx b 0 yx a 1 y", ""),
        ("x a 0 yx a 1 y", "'x b 0 y' was appended, and is not in the value"),
        ("x a 0 yx b 0 yx a 1 yx b 0 y", "'x b 0 y' was appended once"),
        ("x a 1 yx b 0 yx a 0 y", "'x a 1 y' was appended later"),
        ("x a 0 yx b 0 yx a 1 yx c 0 y", "more than what was written"),
    ],
)
def test_a_value_must_hold_each_element_once_and_in_order(value: str, complaint: str) -> None:
    appended = [["x a 0 y", "x a 1 y"], ["x b 0 y"]]
    if not complaint:
        dedup.check_elements(value, appended)
        return
    with pytest.raises(AssertionError, match=complaint):
        dedup.check_elements(value, appended)


def test_how_an_answer_differs_is_shown_where_it_does() -> None:
    said = dedup.differs("x" * 50 + "a", "x" * 50 + "bc")
    assert said.startswith("51 letters with 'xxxxxxxxxxa' at 40")
    assert "holds 52 letters with 'xxxxxxxxxxbc' there" in said


def test_the_memory_of_a_server_in_a_child_process_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "CLIENTS", 100)
    scenario = SUITE["test_mem_put_many_clients"]
    here = run(scenario, Choices(Seeded(0)))
    there = run(replace(scenario, isolated=True), Choices(Seeded(0)))
    assert (here.error, there.error) == (None, None)
    assert here.digest == there.digest
