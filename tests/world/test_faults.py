"""Every kind of fault: it strikes, says what it is, is undone, and leaves no other trace."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from labrpc import UNRELIABLE
from tester import faults
from tester.engine.choices import Choices, Record, Replayed, Seeded
from tester.report.lines import lines
from tester.search.explain import describe
from tester.world.nemesis import Kind
from tester.world.run import Outcome, Scenario, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.world.durable import Durable, serve, two_clients
from tests.world.peers import peers

KINDS = pytest.mark.parametrize("kind", faults.ALL, ids=lambda kind: kind.name)
AT_MS = 300
"""When a strike is to happen: the clients' second round."""


@simulate()
async def clients(sim: Simulation) -> None:
    """Two clients of a server that may fail; besides, two peers that do nothing."""
    serve(sim)
    await two_clients(sim)


def struck_by(kind: Kind, *, leader: str | None = None) -> Scenario:
    async def scenario(sim: Simulation) -> None:
        serve(sim)
        peers(sim, ("p", "q"))
        sim.nemesis(kind, leader=lambda: leader)
        await two_clients(sim)

    return simulate()(scenario).simulation


def strike(kind: Kind, *picks: int) -> Record:
    """The choices of a run that one strike hits, and nothing else."""
    stream = f"fault/{kind.name}"
    return {stream: [1, 1], f"{stream}/1": [AT_MS, 0, *picks]}


def told(outcome: Outcome) -> list[str]:
    """The lines of the story that are about no message."""
    about = [line for line in lines(outcome) if line.op is None]
    return [f"{line.who} {line.what}" for line in about if not line.is_message]


ONE = {
    faults.crash: ("the crash of server", ["server crashes", "server restarts"]),
    faults.crash_in_handler: (
        "the crash of server while it handled #5",
        ["server has handled #5, and before it answers:", "server crashes", "server restarts"],
    ),
    faults.power_failure: ("the power failure of server", ["server crashes", "server restarts"]),
    faults.stop: ("the shutdown of server", ["server is stopped", "server restarts"]),
    faults.pause: ("the pause of server", ["server is paused", "server goes on"]),
    faults.skew: (
        "the wrong clock of server",
        ["server its clock is 1.000 s ahead", "server its clock is right again"],
    ),
    faults.drift: (
        "the fast clock of server",
        ["server its clock gains 0.100 s a second", "server its clock is right again"],
    ),
    faults.slow_disk: (
        "the slow disk of server",
        ["server a sync takes 100 ms longer", "server syncs as usual"],
    ),
    faults.partition: (
        "the partition of server from the rest",
        ["network is cut: server | p, q, c0, c1", "network heals: server | p, q, c0, c1"],
    ),
    faults.one_way: (
        "the one-way partition that made server mute",
        [
            "network is cut: what server sends to p, q, c0, c1 is lost",
            "network heals: what server sends to p, q, c0, c1 is lost",
        ],
    ),
    faults.ring: (
        "the ring of server, p, q and 2 more",
        [
            "network is cut: server, p | p, q | q, c0 | c0, c1 | c1, server",
            "network heals: server, p | p, q | q, c0 | c0, c1 | c1, server",
        ],
    ),
    faults.isolate: (
        "the isolation of server",
        ["network is cut: server | p, q, c0, c1", "network heals: server | p, q, c0, c1"],
    ),
    faults.isolate_leader: (
        "the isolation of the leader q",
        ["network is cut: q | server, p, c0, c1", "network heals: q | server, p, c0, c1"],
    ),
    faults.swizzle: (
        "the swizzle of server",
        ["network is cut: server | p, q, c0, c1", "network heals: server | p, q, c0, c1"],
    ),
    faults.losses: ("", ["network from here on losses", "network no more losses"]),
    faults.duplicates: ("", ["network from here on duplicates", "network no more duplicates"]),
    faults.late_requests: (
        "",
        ["network from here on late requests", "network no more late requests"],
    ),
    faults.long_reordering: (
        "",
        ["network from here on long reordering", "network no more long reordering"],
    ),
    faults.long_delays: ("", ["network from here on long delays", "network no more long delays"]),
}


@KINDS
def test_one_strike_does_what_it_says_and_is_undone(kind: Kind) -> None:
    scenario = struck_by(kind, leader="q")
    outcome = run(scenario, Choices(Replayed(strike(kind))), keep_trace=True)
    assert outcome.error is None
    what, story = ONE[kind]
    assert told(outcome) == story
    assert [describe(fault, outcome.events)[0] for fault in outcome.choices.faults] == [what] * (
        what != ""
    )
    assert not kind.condition or not what, "a condition is never blamed"


@KINDS
def test_a_kind_that_does_not_strike_leaves_no_trace(kind: Kind) -> None:
    boring = Choices(Replayed({}))
    bare = run(clients.simulation, boring)
    with_nemesis = replace(clients.simulation, faults=(kind,))
    assert run(with_nemesis, Choices(Replayed({}))).digest == bare.digest
    assert bare.choices.faults == []


@pytest.mark.parametrize("seed", range(5))
def test_what_does_not_strike_changes_nobody_s_luck(seed: int) -> None:
    lossy = replace(clients.simulation, network=UNRELIABLE)
    bare = run(lossy, Choices(Seeded(seed)))
    assert bare.choices.faults
    again = run(replace(lossy, faults=faults.ALL), Choices(Replayed(bare.choices.record())))
    assert again.digest == bare.digest


@pytest.mark.parametrize("seed", range(30))
def test_a_server_that_syncs_what_it_answers_survives_everything(seed: int) -> None:
    outcome = run(
        replace(clients.simulation, faults=faults.ALL), Choices(Seeded(seed)), keep_trace=True
    )
    assert outcome.error is None
    assert all(len(line.what) for line in lines(outcome))


@pytest.mark.parametrize("seed", range(4))
def test_everything_is_the_same_with_nodes_in_processes(seed: int) -> None:
    scenario = replace(clients.simulation, faults=faults.ALL)
    here = run(scenario, Choices(Seeded(seed)))
    there = run(replace(scenario, isolated=True), Choices(Seeded(seed)))
    assert here.choices.faults
    assert here.digest == there.digest
    assert here.choices.record() == there.choices.record()
    assert sorted(here.choices.faults) == sorted(there.choices.faults)


def test_every_kind_is_tried_here() -> None:
    assert ONE.keys() == set(faults.ALL)
    assert {name for name, kind in vars(faults).items() if isinstance(kind, Kind)} == {
        kind.name for kind in faults.ALL
    }


@pytest.mark.parametrize(
    ("kind", "picks", "what"),
    [
        (faults.crash, [2], "the crash of q"),
        (faults.partition, [1, 1, 3], "the partition of p and c1 from the rest"),
        (faults.one_way, [0, 0, 0, 0, 0, 0, 1], "the one-way partition that made server deaf"),
        (faults.swizzle, [1, 4], "the swizzle of c1 and server"),
        (faults.skew, [1, 1], "the wrong clock of p"),
        (faults.drift, [1, 3], "the slow clock of p"),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_whom_it_strikes_and_how_is_chosen(kind: Kind, picks: list[int], what: str) -> None:
    record = strike(kind, *picks)
    outcome = run(struck_by(kind), Choices(Replayed(record)), keep_trace=True)
    assert [describe(fault, outcome.events)[0] for fault in outcome.choices.faults] == [what]


def test_a_power_failure_loses_what_was_not_synced() -> None:
    async def scenario(sim: Simulation) -> None:
        node = serve(sim, Durable)
        sim.nemesis(faults.power_failure)
        ck = sim.clerk()
        await ck.put("k", "v", 0)
        node.slow_disk(2_000)
        await ck.put("k", "w", 1)

    record = strike(faults.power_failure, 0, 1)
    outcome = run(simulate()(scenario).simulation, Choices(Replayed(record)), keep_trace=True)
    assert "server the disk loses the last write: not synced" in told(outcome)
    (fault,) = outcome.choices.faults
    assert describe(fault, outcome.events)[0] == "the power failure of server (1 write lost)"


def test_nobody_leads_and_nobody_is_isolated() -> None:
    kind = faults.isolate_leader
    outcome = run(struck_by(kind), Choices(Replayed(strike(kind))), keep_trace=True)
    assert told(outcome) == []
    (fault,) = outcome.choices.faults
    assert describe(fault, outcome.events)[1] == "fault that never struck"


def test_a_run_with_faults_leaves_no_cycles() -> None:
    scenario = replace(clients.simulation, faults=faults.ALL)
    seeds = iter(range(6))
    run(scenario, Choices(Seeded(next(seeds))))
    gc.collect()
    before = gc.get_debug()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for seed in seeds:
            assert run(scenario, Choices(Seeded(seed))).choices.faults
        gc.collect()
        assert [type(thing).__name__ for thing in gc.garbage] == []
    finally:
        gc.set_debug(before)
        gc.garbage.clear()


CONDITIONS = {
    faults.losses: {"lost request", "lost reply"},
    faults.duplicates: {"duplicated request"},
    faults.late_requests: {"late request"},
    faults.long_reordering: {"held-back reply"},
    faults.long_delays: set(),
}


@pytest.mark.parametrize("kind", CONDITIONS, ids=lambda kind: kind.name)
def test_a_condition_brings_its_faults_and_only_while_it_lasts(kind: Kind) -> None:
    met: set[str] = set()
    scenario = replace(clients.simulation, faults=(kind,))
    for seed in range(12):
        outcome = run(scenario, Choices(Seeded(seed)), keep_trace=True)
        bad = False
        during: dict[int, bool] = {}
        for entry in outcome.trace:
            if entry[1] == "weather":
                bad = entry[3]
            if entry[1] == "send":
                during[entry[2]] = bad
        for fault in outcome.choices.faults:
            what, short = describe(fault, outcome.events)
            met.add(short)
            assert during[int(what.rpartition("#")[2])]
    assert met == CONDITIONS[kind]


def test_long_delays_are_long() -> None:
    async def scenario(sim: Simulation) -> None:
        sim.nemesis(faults.long_delays)
        made = peers(sim, ("p",))
        await sim.sleep(1)
        assert await made["p"].reached() == [True]
        assert sim.virtual_us == 1_000_000 + 400_000 + 2 * 500
        sim.network.enable("p-p", False)
        assert await made["p"].reached() == [False]
        assert sim.virtual_us == 1_401_000 + 5_000_000 + 500

    stream = "fault/long_delays"
    fates = [0, 400, *[0] * 9, 5_000]
    record: Record = {stream: [1, 1], f"{stream}/1": [500, 1_000], "net/p-p": fates}
    outcome = run(simulate(model=None)(scenario).simulation, Choices(Replayed(record)))
    assert outcome.error is None
