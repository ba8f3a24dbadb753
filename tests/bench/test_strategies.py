"""The bench of strategies: its bugs exist, what is measured is kept, and the table says it."""

import itertools
import math
from pathlib import Path

import pytest

from bench import guided, strategies
from tester.engine.strategy import STRATEGIES
from tester.labs import LABS, suite
from tester.world.run import run

BUG = "lock:never_looks"


def test_the_bugs_are_in_the_catalogue() -> None:
    assert len(list(strategies.chosen(()))) == len(strategies.BUGS) == 30


@pytest.mark.parametrize("n", [5, 6, 7, 20, 41])
def test_the_interval_of_a_median_has_the_coverage_it_claims(n: int) -> None:
    """The median is outside if at most r of n fair coins fall on one side."""
    r = strategies.rank(n)
    outside = 2 * sum(math.comb(n, k) for k in range(r + 1)) / 2**n
    wider = 2 * sum(math.comb(n, k) for k in range(r + 2)) / 2**n
    assert outside <= 0.05 < wider or r == 0


def test_what_has_been_measured_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.jsonl"
    args = [BUG, "--repetitions", "2", "--limit", "9", "--results", str(results)]
    args += ["--strategies", "uniform,coverage"]
    strategies.main(args)
    first = capsys.readouterr().out
    assert len(strategies.load(results)) == 4
    monkeypatch.setattr(strategies, "measure", None)
    strategies.main(args)
    assert capsys.readouterr().out == first
    head, line, _, *rest = first.splitlines()
    assert [row.split()[0] for row in rest] == ["strategy", "uniform", "coverage"]
    assert head.split() == ["bug", "uniform", "coverage"]
    assert line.startswith("lock never_looks ")


def test_a_hunt_that_finds_nothing_gives_up() -> None:
    assert strategies.seeds_to_kill(itertools.repeat(False), 7) == 8
    assert strategies.seeds_to_kill(iter([False, False, True]), 7) == 3


def test_right_code_raises_no_alarm_under_any_strategy() -> None:
    """A sample; `--alarms` runs more."""
    for name in STRATEGIES:
        scenario = suite.tests_of(LABS["kvsrv"].suite)["test_unreliable_net"].under(None, name)
        assert [run(scenario, scenario.choices(n)).verdict for n in range(5)] == ["pass"] * 5


def test_guided_runs_are_the_same_again_and_some_continue_others() -> None:
    scenario = suite.tests_of(LABS["lock"].suite)["test_one_client_unreliable"]
    several = [
        [outcome.digest for outcome in itertools.islice(guided.guided(scenario, 1), 12)]
        for _ in range(2)
    ]
    plain = [run(scenario, scenario.choices(n)).digest for n in range(1, 13)]
    assert several[0] == several[1]
    assert several[0][0] == plain[0]
    assert several[0] != plain
