"""Strategies from end to end: asked for, named wherever a seed is, recorded, and replayed."""

from pathlib import Path

import pytest

from kvsrv import Err
from tester import Simulation, simulate
from tester.engine.choices import Choices, Replayed
from tester.engine.strategy import STRATEGIES
from tester.search.again import record_of, run_again
from tester.search.diagnosis import diagnose
from tester.search.record import BadRecord, load
from tester.world.run import Scenario, run
from tester.world.simulate import UNRELIABLE
from tests.running import Runner, labtester

__all__ = ["labtester"]

REPLAY = ("replay", "tiny", "test_unreliable", "--seed", "4")


@simulate(network=UNRELIABLE)
async def puts(sim: Simulation) -> None:
    sim.serve()
    clerk = sim.clerk()
    for version in range(4):
        await clerk.put("k", str(version), version)


@simulate(network=UNRELIABLE)
async def puts_and_sees_a_loss(sim: Simulation) -> None:
    sim.serve()
    clerk = sim.clerk()
    for key in "abc":
        assert await clerk.put(key, "", 0) is Err.OK


def under(strategy: str) -> Scenario:
    return puts.simulation.under(None, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_run_under_a_strategy_is_the_same_again_and_its_record_replays_it(strategy: str) -> None:
    scenario = under(strategy)
    first, again = (run(scenario, scenario.choices(5)) for _ in range(2))
    replayed = run(puts.simulation, Choices(Replayed(first.choices.record())))
    assert first.digest == again.digest == replayed.digest
    assert first.verdict == "pass"


def test_each_strategy_makes_other_runs_of_the_same_seeds() -> None:
    found = {
        strategy: tuple(run(under(strategy), under(strategy).choices(n)).digest for n in range(6))
        for strategy in STRATEGIES
    }
    assert len(set(found.values())) == len(STRATEGIES)


def test_a_record_names_the_strategy_and_its_seed_is_run_under_it(tmp_path: Path) -> None:
    scenario = puts_and_sees_a_loss.simulation.under(None, "swarm")
    seed = next(n for n in range(99) if run(scenario, scenario.choices(n)).error is not None)
    failing = run(scenario, scenario.choices(seed))
    explanation = diagnose(scenario, seed, failing).explanation
    assert explanation is not None
    kept = record_of(scenario, explanation.shrunk, lab="", test="t", submission="")
    path = kept.save(tmp_path)
    assert path.name == f"t-{seed}-swarm.sim"
    assert load(path) == kept
    assert kept.strategy == "swarm"
    again = run_again(kept, puts_and_sees_a_loss.simulation)
    assert (again.outcome.digest, again.anew) == (kept.digest, False)
    calm = run_again(kept, puts.simulation)  # the code has changed, and the record passes
    assert calm.anew
    assert calm.outcome.digest == run(under("swarm"), under("swarm").choices(seed)).digest


def test_a_record_of_an_unknown_strategy_is_refused(tmp_path: Path) -> None:
    scenario = puts_and_sees_a_loss.simulation.under(None, "pct")
    seed = next(n for n in range(99) if run(scenario, scenario.choices(n)).error is not None)
    explanation = diagnose(scenario, seed, run(scenario, scenario.choices(seed))).explanation
    assert explanation is not None
    record = record_of(scenario, explanation.shrunk, lab="", test="t", submission="")
    path = record.save(tmp_path)
    path.write_text(path.read_text().replace('"pct"', '"lucky"'))
    with pytest.raises(BadRecord, match=r"expected 'strategy' to be one of .*, got 'lucky'"):
        load(path)


def test_a_seed_is_replayed_under_a_strategy_at_the_command_line(labtester: Runner) -> None:
    plain, swarm = (labtester.json(*REPLAY, *more) for more in ([], ["--strategy", "swarm"]))
    assert plain == labtester.json(*REPLAY, "--strategy", "uniform")
    assert plain["digest"] != swarm["digest"]
    assert labtester(*REPLAY, "--strategy", "swam").sentence == (
        "labtester replay: there is no strategy 'swam'; did you mean swarm? "
        "(see labtester replay --help)"
    )


def test_a_strategy_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a strategy of uniform, .*, got 'luck'"):
        under("luck")
