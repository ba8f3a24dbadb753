"""What can be done to a node, one verb at a time, and what it and its callers notice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from labrpc.errors import TesterError
from tester.engine.choices import Choices, Replayed, Seeded
from tester.report.lines import lines
from tester.world.failure import NodeDown
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.world.durable import Unsynced, serve
from tests.world.peers import peers, server_and_client


@simulate(seeds=3, model=None)
async def test_messages_wait_for_a_node_that_is_paused(sim: Simulation) -> None:
    node, server, client = server_and_client(sim)
    await client.call(0, 0)
    node.pause()
    calls = [asyncio.ensure_future(client.call(0, number)) for number in range(3)]
    await sim.sleep(5)
    assert not any(call.done() for call in calls)
    node.resume()
    assert [await call for call in calls] == [1, 2, 3]
    assert sim.now() <= 5.01
    assert await server.handled() == 4


@simulate(seeds=3, model=None)
async def test_the_timers_of_a_paused_node_are_late(sim: Simulation) -> None:
    node, _, client = server_and_client(sim)
    calling = asyncio.ensure_future(client.call_slow(0, 1))
    await sim.sleep(0.5)
    node.pause()
    await sim.sleep(2)
    node.resume()
    assert await calling is True
    assert 2.5 <= sim.now() <= 2.51


@simulate(seeds=3, model=None)
async def test_a_short_pause_makes_no_timer_late(sim: Simulation) -> None:
    node, _, client = server_and_client(sim)
    calling = asyncio.ensure_future(client.call_slow(0, 1))
    await sim.sleep(0.5)
    node.pause()
    await sim.sleep(0.1)
    node.resume()
    assert await calling is True
    assert sim.now() <= 1.01


@simulate(seeds=3, model=None)
async def test_operations_on_a_paused_node_raise_and_stay_open(sim: Simulation) -> None:
    node, server, _ = server_and_client(sim)
    napping = asyncio.ensure_future(server.nap(1))
    await sim.sleep(0.5)
    node.pause()
    with pytest.raises(NodeDown, match=r"server is paused, and Peer\.nap was called on it"):
        await napping
    with pytest.raises(NodeDown):
        await server.handled()
    node.resume()
    await sim.sleep(5)
    assert [op.ret for op in sim.history.ops] == [None, None]
    assert await server.handled() == 0


@simulate(seeds=3, model=None)
async def test_a_node_may_crash_or_be_stopped_during_a_pause(sim: Simulation) -> None:
    node, server, client = server_and_client(sim)
    for take_down in (node.crash, node.stop):
        node.pause()
        calling = asyncio.ensure_future(client.call(0, 0))
        await sim.sleep(1)
        take_down()
        assert await calling is None
        node.resume()
        node.pause()
        node.restart()
        assert await client.call(0, 0) == 1
        assert await server.handled() == 1


@simulate(seeds=3, model=None)
async def test_a_wall_clock_can_be_set_wrong_and_right_again(sim: Simulation) -> None:
    node, server, _ = server_and_client(sim)
    start = await server.wall()
    node.skew(ahead_ms=1_500)
    assert round(await server.wall() - start, 6) == 1.5
    assert await server.nap(1) == 1.0
    node.skew(ahead_ms=-60_000)
    assert round(await server.wall() - start, 6) == 1 - 60
    node.crash()
    node.restart()
    assert round(await server.wall() - start, 6) == 1 - 60, "a restart sets no clock"
    node.skew()
    assert round(await server.wall() - start, 6) == 1


@simulate(seeds=3, model=None)
@pytest.mark.parametrize(("ppm", "takes"), [(1_000_000, 0.5), (-500_000, 2), (100_000, 10 / 11)])
async def test_the_timers_of_a_drifting_node_go_wrong(
    sim: Simulation, ppm: int, takes: float
) -> None:
    node, server, _ = server_and_client(sim)
    node.skew(drift_ppm=ppm)
    for _ in range(2):
        start = sim.now()
        assert abs(await server.nap(1) - 1) < 0.000_01
        assert abs(sim.now() - start - takes) < 0.000_01
    node.skew()
    start = sim.now()
    assert await server.nap(1) == 1.0
    assert abs(sim.now() - start - 1) < 0.000_01


@simulate(seeds=3, model=None)
async def test_no_clock_stands_still(sim: Simulation) -> None:
    node, _, _ = server_and_client(sim)
    with pytest.raises(TesterError, match="the clock would stop"):
        node.skew(drift_ppm=-1_000_000)


@simulate(seeds=3)
async def test_a_server_can_crash_after_it_has_saved_and_before_it_answers(
    sim: Simulation,
) -> None:
    node = serve(sim)
    ck = sim.clerk()
    told: list[int] = []
    node.crash_in_handler(on_crash=told.append)
    putting = asyncio.ensure_future(ck.put("k", "v", 0))
    await sim.sleep(1)
    assert node.down
    assert told == [1]
    node.restart()
    assert await putting == "ErrMaybe"
    assert await ck.get("k") == ("v", 1, "OK")


@simulate(seeds=3)
async def test_what_a_handler_wrote_last_may_be_lost_with_its_answer(sim: Simulation) -> None:
    node = serve(sim, Unsynced)
    ck = sim.clerk()
    node.crash_in_handler(lost=1)
    putting = asyncio.ensure_future(ck.put("k", "v", 0))
    await sim.sleep(1)
    assert node.down
    node.restart()
    assert await putting == "OK", (
        "the write did not reach the disk, so the second try is the first"
    )


@simulate(seeds=3, model=None)
async def test_a_crash_in_a_handler_can_be_called_off(sim: Simulation) -> None:
    node, _, client = server_and_client(sim)
    first = node.crash_in_handler()
    second = node.crash_in_handler()
    first()
    second()
    assert await client.call(0, 0) == 1
    assert not node.down
    node.crash_in_handler()
    assert await client.call(0, 0) is None
    assert node.down


@simulate(seeds=3, model=None)
async def test_healing_undoes_whatever_is_wrong(sim: Simulation) -> None:
    made = peers(sim, ("a", "b", "c", "d"))
    sim.node("a").crash()
    sim.node("b").pause()
    sim.node("c").skew(ahead_ms=1_000, drift_ppm=10)
    sim.node("d").slow_disk(500)
    sim.partition(["a", "b"], ["c", "d"])
    sim.conditions.change("storm", request_loss=(1, 1))
    start = sim.now()
    await sim.quiet(2)
    assert sim.now() - start == 2
    assert [await peer.reached() for peer in made.values()] == [[True] * 4] * 4
    assert sim.network.conditions.reliable
    assert len({await peer.wall() for peer in made.values()}) == 1
    before = len(sim._context.trace.entries)
    await sim.quiet(0)
    assert len(sim._context.trace.entries) == before, "there was nothing more to heal"


async def everything(sim: Simulation) -> None:
    node, _, client = server_and_client(sim)
    node.pause()
    await sim.sleep(0.25)
    node.resume()
    node.skew(ahead_ms=-1_500, drift_ppm=250_000)
    node.skew()
    node.crash_in_handler()
    assert await client.call(0, 0) is None
    node.restart()
    node.stop()
    await sim.sleep(0)
    node.restart()
    sim.conditions.change("late_requests", late=(1, 10))
    sim.conditions.restore("late_requests")


SCENARIO = simulate(model=None)(everything).simulation


def test_a_story_shows_what_is_done_to_a_node() -> None:
    outcome = run(SCENARIO, Choices(Replayed({})), keep_trace=True)
    assert outcome.error is None
    told = [line for line in lines(outcome) if line.op is None]
    assert [str(line)[10:] for line in told if not line.is_message] == [
        "server  is paused",
        "server  goes on",
        "server  its clock is 1.500 s behind and gains 0.250 s a second",
        "server  its clock is right again",
        "server  has handled #1, and before it answers:",
        "server  crashes",
        "server  restarts",
        "server  is stopped",
        "server  restarts",
        "network from here on late requests",
        "network no more late requests",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_nodes_in_processes_are_disturbed_in_the_same_way(seed: int) -> None:
    here, there = (
        run(replace(SCENARIO, isolated=isolated), Choices(Seeded(seed)))
        for isolated in (False, True)
    )
    assert here.digest == there.digest
    assert here.choices.record() == there.choices.record()
