"""The lines of a story: one event a line, from the trace, in at most 80 columns."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsrv import GetArgs, KVServer
from labrpc import LONG_REORDERING, ClientEnd
from tester import Simulation
from tester.report.lines import Line, lines
from tester.world.history import seconds
from tests.world.lab import AsyncKVServer, fates, once, passes, put_and_get, unreliable


@pytest.mark.parametrize(
    ("time_us", "text"),
    [(0, "0.000"), (499, "0.000"), (500, "0.001"), (999_500, "1.000"), (61_000_000, "61.000")],
)
def test_time_is_rounded_to_milliseconds(time_us: int, text: str) -> None:
    assert seconds(time_us) == text


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)


@given(st.lists(words, min_size=1, max_size=12), st.sampled_from(["", "    "]))
def test_a_line_keeps_every_word_and_80_columns(said: list[str], indent: str) -> None:
    line = Line(1_234_000, "server", indent + " ".join(said), None)
    told = str(line).splitlines()
    assert max(map(len, told)) <= 80
    assert told[0].startswith("   1.234  server  ")
    assert "".join("".join(told)[18:].split()) == "".join(said)


@pytest.mark.parametrize("seed", range(5))
def test_every_event_of_a_run_can_be_told(seed: int) -> None:
    async def busy(sim: Simulation) -> None:
        server = sim.node("server")
        sim.serve(AsyncKVServer)
        clients = [sim.clerk() for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            group.create_task(put_and_get(sim, clients))
            sim.network.block("c0", replies=True)
            await sim.sleep(0.2)
            server.crash()
            await sim.sleep(0.2)
            server.restart()
            sim.network.block("c0")
            await sim.sleep(0.2)
            server.stop()
            server.restart()

    network = unreliable(LONG_REORDERING)
    outcome = passes(busy, seed, network=network, model=None)
    told = lines(outcome.trace)
    assert [line.time_us for line in told] == sorted(line.time_us for line in told)
    assert {line.who for line in told} == {"server", "c0", "c1", "c2"}
    assert all(len(row) <= 80 for line in told for row in str(line).splitlines())
    calls = {op.number for op in outcome.history.ops}
    assert {line.op for line in told if line.op is not None} == calls


def test_an_rpc_belongs_to_the_operation_that_sent_it() -> None:
    async def two(sim: Simulation) -> None:
        sim.serve()
        await put_and_get(sim, [sim.clerk(), sim.clerk()], rounds=1)

    outcome = passes(two, {"net/c0": fates({"reply_lost": 1})}, network=unreliable())
    for line in lines(outcome.trace):
        assert line.op is not None
        assert line.who in ("server", outcome.history.ops[line.op].client)


def test_only_the_last_event_of_a_run_says_nothing() -> None:
    async def nothing(sim: Simulation) -> None:
        pass

    assert lines(once(nothing).trace) == []


class Twice:
    """Asks two servers, one after the other."""

    def __init__(self, one: ClientEnd, two: ClientEnd) -> None:
        self._ends = one, two

    async def get(self, key: str) -> int:
        replies = [await end.call(KVServer.get, GetArgs(key)) for end in self._ends]
        return len(replies)


def test_a_clerk_may_have_several_ends_and_a_server_may_say_which_rpc_it_means() -> None:
    async def test(sim: Simulation) -> None:
        for name in ("s0", "s1"):
            sim.serve(KVServer, name)
        clerks = []
        for name in ("c0", "c1"):
            node = sim.node(name)
            ends = [node.end(f"{name}.{server}", server) for server in ("s0", "s1")]
            clerks.append(node.make(Twice, *ends, name=name))
        await asyncio.gather(*(ck.get("k") for ck in clerks))
        sim.say("s1", "has done it", 2)
        sim.say("s1", "has nothing to do")

    told = lines(passes(test).trace)
    assert [line.op for line in told if line.who == "s1"][-2:] == [told[-2].op, None]
    assert {(line.who[:2], line.op) for line in told if line.who[0] == "c"} == {
        ("c0", 0),
        ("c1", 1),
    }
