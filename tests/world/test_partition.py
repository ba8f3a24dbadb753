"""Partitions: who hears whom, what a caller is told, and what happens to calls under way."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine.choices import Choices, Replayed, Seeded
from tester.report.lines import lines
from tester.world.nodes import Remote
from tester.world.partition import Cut
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.world.peers import Peer, peers, server_and_client

NAMES = ("s0", "s1", "s2", "s3")


async def matrix(made: dict[str, Remote]) -> list[str]:
    """Who gets an answer from whom: a line for each caller, a letter for each server."""
    rows = [await peer.reached() for peer in made.values()]
    return ["".join("." if there else "x" for there in row) for row in rows]


@simulate(seeds=3, model=None)
async def test_groups_do_not_hear_each_other_until_they_heal(sim: Simulation) -> None:
    made = peers(sim, NAMES)
    sim.partition(["s0", "s1"], ["s2", "s3"])
    assert await matrix(made) == ["..xx", "..xx", "xx..", "xx.."]
    sim.heal()
    assert await matrix(made) == ["...."] * 4


@simulate(seeds=3, model=None)
async def test_who_is_in_no_group_talks_to_all_and_who_is_in_two_is_a_bridge(
    sim: Simulation,
) -> None:
    made = peers(sim, NAMES)
    sim.partition(["s0"], ["s1"])
    assert await matrix(made) == [".x..", "x...", "....", "...."]
    sim.heal()
    sim.partition(["s0", "s1"], ["s1", "s2", "s3"])
    assert await matrix(made) == ["..xx", "....", "x...", "x..."]


@simulate(seeds=3, model=None)
async def test_one_way_nobody_is_answered_but_requests_arrive(sim: Simulation) -> None:
    made = peers(sim, ("a", "b"))
    sim.links.cut([["a"], ["b"]], one_way=True)
    assert await made["a"].call(1, 0) is None
    assert await made["b"].handled() == 0
    assert await made["b"].call(0, 0) is None
    assert await made["a"].handled() == 1, "b's request has arrived, and a's reply has not"
    assert sim.network.unanswered("a-b", "Peer.ping") == {"unreachable": 1}
    assert sim.network.unanswered("b-a", "Peer.ping") == {"reply lost": 1}


@simulate(seeds=3, model=None)
async def test_cuts_add_up_and_are_restored_one_by_one(sim: Simulation) -> None:
    made = peers(sim, ("a", "b", "c"))
    first = sim.links.cut([["a"], ["b"]])
    second = sim.links.cut([["a"], ["b", "c"]])
    sim.links.restore(first)
    assert await matrix(made) == [".xx", "x..", "x.."]
    sim.links.restore(first)
    sim.links.restore(second)
    assert await matrix(made) == ["..."] * 3


@simulate(seeds=3, model=None)
async def test_an_end_that_is_made_during_a_partition_is_cut(sim: Simulation) -> None:
    made = peers(sim, ("a", "b"))
    sim.partition(["a", "new"], ["b"])
    node = sim.node("new")
    late = node.make(Peer, node.end("new-a", "a"), node.end("new-b", "b"))
    assert await late.reached() == [True, False]
    sim.heal()
    assert await late.reached() == [True, True]
    assert await made["b"].handled() == 1


@simulate(seeds=3, model=None)
async def test_healing_does_not_enable_what_the_test_has_disabled(sim: Simulation) -> None:
    made = peers(sim, ("a", "b"))
    sim.network.enable("a-b", False)
    sim.partition(["a"], ["b"])
    sim.heal()
    assert await matrix(made) == [".x", ".."]
    sim.partition(["a"], ["b"])
    sim.network.enable("a-b")
    assert await matrix(made) == [".x", "x."]
    sim.heal()
    assert await matrix(made) == ["..", ".."]


@simulate(seeds=5, model=None)
async def test_a_call_under_way_fails_within_a_tenth_of_a_second(sim: Simulation) -> None:
    _, server, client = server_and_client(sim)
    calling = asyncio.ensure_future(client.call_slow(0, 5))
    await sim.sleep(1)
    sim.partition(["client"], ["server"])
    assert await calling is False
    assert sim.now() <= 1.1
    await sim.sleep(5)
    assert await server.handled() == 1, "the handler ran on"


@simulate(seeds=1, model=None)
async def test_a_request_that_is_on_its_way_arrives(sim: Simulation) -> None:
    _, server, client = server_and_client(sim)
    calling = asyncio.ensure_future(client.call(0, 1))
    await sim.sleep(0.0002)
    sim.partition(["client"], ["server"])
    assert await calling is None
    assert await server.handled() == 1


@given(
    st.lists(st.lists(st.sampled_from(NAMES), unique=True), max_size=4),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
)
def test_two_are_cut_if_each_is_in_groups_and_they_share_none(
    groups: list[list[str]], a: str, b: str
) -> None:
    cut = Cut(tuple(map(tuple, groups)))
    of_a, of_b = ({at for at, group in enumerate(groups) if node in group} for node in (a, b))
    assert cut.between(a, b) == (bool(of_a) and bool(of_b) and not of_a & of_b)
    assert cut.between(a, b) == cut.between(b, a)
    assert not cut.between(a, a)


@given(
    st.lists(st.sampled_from(NAMES), unique=True), st.lists(st.sampled_from(NAMES), unique=True)
)
def test_a_cut_one_way_is_from_the_first_group_to_the_second(
    senders: list[str], receivers: list[str]
) -> None:
    cut = Cut((tuple(senders), tuple(receivers)), one_way=True)
    pairs = {pair for pair in product(NAMES, NAMES) if cut.between(*pair)}
    assert pairs == set(product(senders, receivers))


def test_a_story_shows_partitions() -> None:
    @simulate(model=None)
    async def scenario(sim: Simulation) -> None:
        peers(sim, ("a", "b", "c"))
        await sim.sleep(1)
        sim.partition(["a"], ["b", "c"])
        await sim.sleep(1)
        sim.heal()
        sim.links.cut([["a"], ["b", "c"]], one_way=True)

    outcome = run(scenario.simulation, Choices(Replayed({})), keep_trace=True)
    assert list(map(str, lines(outcome))) == [
        "   1.000  network is cut: a | b, c",
        "   2.000  network heals: a | b, c",
        "   2.000  network is cut: what a sends to b, c is lost",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_partitions_are_the_same_with_nodes_in_processes(seed: int) -> None:
    async def scenario(sim: Simulation) -> None:
        made = peers(sim, ("a", "b"))
        sim.partition(["a"], ["b"])
        assert await matrix(made) == [".x", "x."]

    here, there = (
        run(simulate(model=None, isolated=isolated)(scenario).simulation, Choices(Seeded(seed)))
        for isolated in (False, True)
    )
    assert here.error is None
    assert here.digest == there.digest
