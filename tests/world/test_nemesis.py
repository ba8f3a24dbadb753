"""The nemesis' plan, the quiet after it, and the faults that a test or code on a node adds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from kvsrv import KVServer, PutArgs, PutReply
from labrpc.errors import TesterError
from tester import faults, maybe
from tester.engine.choices import Choices, Record, Replayed, Seeded
from tester.engine.errors import Deadlock
from tester.report.lines import lines
from tester.search.exhaust import exhaust
from tester.search.explain import describe
from tester.world.execution import Execution
from tester.world.nemesis import Kind, Strike
from tester.world.run import Outcome, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.world.durable import Durable, Forgetful, serve, two_clients
from tests.world.peers import peers


@simulate(faults=faults.ALL)
async def clients(sim: Simulation) -> None:
    serve(sim)
    await two_clients(sim)


def struck(outcome: Outcome) -> list[tuple[str, int]]:
    """The faults that had an effect, in the order in which they struck."""
    return [(entry[2], entry[3]) for entry in outcome.trace if entry[1] == "fault"]


@pytest.mark.parametrize("seed", range(4))
def test_turning_one_strike_off_leaves_the_plan_of_all_others_alone(seed: int) -> None:
    first = run(clients.simulation, Choices(Seeded(seed)), keep_trace=True)
    stream, index = next(f for f in first.choices.faults if f[0].startswith("fault/"))
    record = first.choices.record()
    record[stream][index] = 0
    second = run(clients.simulation, Choices(Replayed(record)), keep_trace=True)
    again = second.choices.record()
    assert (stream, index) not in struck(second)
    for name, values in record.items():
        if name.startswith("fault/") and name != f"{stream}/{index}":
            assert again[name][:2] == values[:2], "whether, when and how long it strikes"


def test_each_run_switches_some_kinds_on() -> None:
    on = {kind.name: 0 for kind in faults.ALL}
    for seed in range(40):
        execution = Execution(Choices(Seeded(seed)), faults=faults.ALL)
        execution.close()
        sim = execution.sim
        for name in on:
            on[name] += sim.choices.stream(f"fault/{name}").record[0]
    assert all(8 <= count <= 32 for count in on.values()), on


def test_a_kind_that_is_alone_is_always_on() -> None:
    strikes = []
    for seed in range(20):
        execution = Execution(Choices(Seeded(seed)), faults=[faults.crash])
        execution.close()
        strikes.append(len(execution.sim.choices.faults))
    assert 30 <= sum(strikes) <= 70, "of 200, one in four"


def test_a_kind_that_is_switched_off_can_still_be_struck_on_purpose() -> None:
    record: Record = {"fault/crash": [0, 0, 1], "fault/crash/2": [300]}
    outcome = run(clients.simulation, Choices(Replayed(record)), keep_trace=True)
    assert struck(outcome) == [("fault/crash", 2)]


def test_every_placement_of_a_strike_can_be_enumerated() -> None:
    async def scenario(sim: Simulation) -> None:
        serve(sim, server)
        sim.nemesis(faults.crash, faults.isolate, seconds=1)
        ck = sim.clerk()
        await ck.put("k", "v", 0)
        await ck.get("k")

    server: type = Durable
    assert exhaust(simulate()(scenario).simulation, 1).sentence.startswith("correct under all 3 ")


def test_a_nemesis_touches_only_its_nodes() -> None:
    async def scenario(sim: Simulation) -> None:
        serve(sim)
        peers(sim, ("p", "q", "r"))
        sim.nemesis(*faults.ALL, nodes=["p", "q"])
        await two_clients(sim)

    scene = simulate()(scenario).simulation
    hit = set()
    for seed in range(10):
        outcome = run(scene, Choices(Seeded(seed)), keep_trace=True)
        for entry in outcome.trace:
            if entry[1] in {"crash", "stop", "pause", "skew", "slow disk"}:
                hit.add(entry[2])
            if entry[1] == "cut":
                hit |= {name for group in entry[2] for name in group}
    assert hit == {"p", "q"}


def test_a_nemesis_can_be_stopped() -> None:
    async def scenario(sim: Simulation) -> None:
        node = serve(sim)
        nemesis = sim.nemesis(faults.pause)
        await sim.sleep(0.6)
        nemesis.stop()
        await sim.sleep(20)
        assert node.paused, "and nothing is undone"

    record: Record = {"fault/pause": [0, 1, 1], "fault/pause/1": [500], "fault/pause/2": [2_000]}
    outcome = run(simulate()(scenario).simulation, Choices(Replayed(record)), keep_trace=True)
    assert outcome.error is None
    assert struck(outcome) == [("fault/pause", 1)]


@pytest.mark.parametrize("seed", range(10))
def test_after_a_quiet_time_everything_works(seed: int) -> None:
    async def scenario(sim: Simulation) -> None:
        serve(sim)
        made = peers(sim, ("p", "q", "r"))
        sim.nemesis(*faults.ALL)
        await sim.sleep(sim.choices.below(5, "work"))
        await sim.quiet()
        start = sim.now()
        assert [await peer.reached() for peer in made.values()] == [[True] * 3] * 3
        assert sim.now() - start < 0.1
        assert len({await peer.wall() for peer in made.values()}) == 1
        await sim.sleep(20)
        assert not any(node.down or node.paused for node in sim.nodes())

    assert run(simulate(model=None)(scenario).simulation, Choices(Seeded(seed))).error is None


def test_a_deadlock_is_found_at_once_unless_something_is_to_strike() -> None:
    async def scenario(sim: Simulation) -> None:
        await asyncio.Event().wait()

    scene = simulate(faults=faults.ALL)(scenario).simulation
    outcome = run(scene, Choices(Replayed({})))
    assert isinstance(outcome.error, Deadlock)
    assert outcome.virtual_us == 0


@pytest.mark.parametrize(("seconds", "pace_ms"), [(0, 1_000), (1, 0), (1, 2_000)])
def test_a_nemesis_without_time_for_a_fault_is_refused(seconds: int, pace_ms: int) -> None:
    sim = Execution(Choices(Seeded(0))).sim
    with pytest.raises(ValueError, match="expected a pace between"):
        sim.nemesis(faults.crash, seconds=seconds, pace_ms=pace_ms)


def test_a_kind_of_one_s_own() -> None:
    struck_names: list[str] = []

    @faults.kind
    def rename(strike: Strike) -> None:
        strike.blame("the rename", "rename")
        struck_names.extend(strike.everybody())

    assert isinstance(rename, Kind)
    record: Record = {"fault/rename": [0, 1], "fault/rename/1": [100]}
    scene = replace(clients.simulation, faults=(rename,))
    outcome = run(scene, Choices(Replayed(record)), keep_trace=True)
    assert struck_names == ["server", "c0", "c1"]
    assert describe(("fault/rename", 1), outcome.events) == ("the rename", "rename")


# -- maybe --------------------------------------------------------------------------------------


class Hesitant(KVServer):
    """At times it takes its time."""

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        if maybe("slow-put"):
            await asyncio.sleep(1)
        return super().put(args)


async def puts(sim: Simulation) -> None:
    sim.serve(Hesitant)
    ck = sim.clerk()
    for version in range(20):
        await ck.put("k", "v", version)
        if sim.maybe("pause"):
            await sim.sleep(1)


PUTS = simulate()(puts).simulation


def fired(seeds: Sequence[int], site: str) -> list[int]:
    """How often the site came true in each run."""
    counts = []
    for seed in seeds:
        faults_met = run(PUTS, Choices(Seeded(seed))).choices.faults
        counts.append(sum(stream == site for stream, _ in faults_met))
    return counts


@pytest.mark.parametrize("site", ["maybe/server/slow-put", "maybe/test/pause"])
def test_a_quarter_of_the_sites_are_armed_and_fire_a_quarter_of_the_time(site: str) -> None:
    counts = fired(range(80), site)
    armed = [count for count in counts if count]
    assert 10 <= len(armed) <= 30, "a quarter of 80"
    assert 3 <= sum(armed) / len(armed) <= 7, "a quarter of 20"


def test_a_site_is_never_true_in_the_default_run_or_outside_of_a_run() -> None:
    assert run(PUTS, Choices(Replayed({}))).choices.faults == []
    assert maybe("slow-put") is False


def test_a_site_can_be_struck_alone_and_is_in_the_story() -> None:
    record: Record = {"maybe/server/slow-put": [0, 0, 0, 1]}
    outcome = run(PUTS, Choices(Replayed(record)), keep_trace=True)
    assert outcome.virtual_us > 1_000_000
    (fault,) = outcome.choices.faults
    assert fault == ("maybe/server/slow-put", 3)
    assert describe(fault, outcome.events) == ("maybe('slow-put') on server", "maybe('slow-put')")
    told = [str(line)[10:] for line in lines(outcome) if line.op is None]
    assert told == ["server  maybe('slow-put') comes true"]


@pytest.mark.parametrize("seed", range(6))
def test_sites_are_the_same_with_nodes_in_processes(seed: int) -> None:
    here, there = (
        run(replace(PUTS, isolated=isolated), Choices(Seeded(seed))) for isolated in (False, True)
    )
    assert here.digest == there.digest
    assert here.choices.record() == there.choices.record()


@pytest.mark.parametrize("site", ["", "two words", "naïve"])
def test_a_site_has_a_plain_name(site: str) -> None:
    async def scenario(sim: Simulation) -> None:
        sim.maybe(site)

    error = run(simulate()(scenario).simulation, Choices(Seeded(0))).error
    assert isinstance(error, TesterError)
    assert "ASCII without spaces" in str(error)


def test_a_forgetful_server_does_not_survive() -> None:
    async def scenario(sim: Simulation) -> None:
        serve(sim, Forgetful)
        await two_clients(sim)

    scene = simulate(faults=[faults.crash])(scenario).simulation
    assert any(run(scene, Choices(Seeded(seed))).error for seed in range(20))
