"""Operations of the test: what is still open, who is told, and what is nobody's any more."""

import asyncio

import pytest

from tester import NodeDown, Simulation
from tests.world.lab import passes


def test_an_answer_after_node_down_reaches_nobody() -> None:
    async def pause(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk(node="n")
        asking = asyncio.ensure_future(ck.get("k"))
        await sim.sleep(0.000_7)  # the server has answered, and the reply is on its way
        sim.node("n").pause()
        with pytest.raises(NodeDown, match=r"n is paused, and KV\.get was called on it"):
            await asking
        sim.node("n").resume()
        await sim.sleep(1)
        assert (sim.rpcs, sim._nodes.operations.rpcs_before) == (1, 0)  # nothing has completed
        await ck.get("k")
        assert (sim.rpcs, sim._nodes.operations.rpcs_before) == (2, 2)

    outcome = passes(pause)
    assert [op.ret for op in outcome.history.ops] == [None, 3]
    assert outcome.ops == 1
    assert [entry[2] for entry in outcome.trace if entry[1] == "return"] == [1]


def test_an_operation_on_a_node_that_is_down_is_open_from_the_start() -> None:
    async def ask(sim: Simulation) -> None:
        ck = sim.clerk(node="n")
        sim.node("n").crash()
        with pytest.raises(NodeDown, match=r"n is down, and KV\.get was called on it"):
            await ck.get("k")

    outcome = passes(ask)
    [op] = outcome.history.ops
    assert (op.number, op.ret, outcome.ops, outcome.rpcs) == (0, None, 0, 0)
