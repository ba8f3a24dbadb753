"""The lines of a story: one event a line, from the trace, in at most 80 columns."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer, Version
from labrpc import LONG_REORDERING, ClientEnd
from tester import KV, Simulation
from tester.report.lines import Line, gap, lines, listed
from tester.world.history import seconds
from tests.world.lab import AsyncKVServer, fates, once, passes, put_and_get, unreliable


@pytest.mark.parametrize(
    ("time_us", "text"),
    [(0, "0.000"), (499, "0.000"), (500, "0.001"), (999_500, "1.000"), (61_000_000, "61.000")],
)
def test_time_is_rounded_to_milliseconds(time_us: int, text: str) -> None:
    assert seconds(time_us) == text


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)


@given(st.lists(words, min_size=1, max_size=12), st.sampled_from(["send", "note"]))
def test_a_line_keeps_every_word_and_80_columns(said: list[str], kind: str) -> None:
    line = Line(1_234_000, "server", " ".join(said), kind, rpc=1)
    told = str(line).splitlines()
    assert max(map(len, told)) <= 80
    assert told[0].startswith("   1.234  server  ")
    assert "".join("".join(told)[18:].split()) == "".join(["#1" * line.is_message, *said])


@pytest.mark.parametrize("seed", range(5))
def test_every_event_of_a_run_has_a_line(seed: int) -> None:
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
    told = lines(outcome)
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
    for line in lines(outcome):
        assert line.op is not None
        assert line.who in ("server", outcome.history.ops[line.op].client)


def test_only_the_last_event_of_a_run_says_nothing() -> None:
    async def nothing(sim: Simulation) -> None:
        pass

    assert lines(once(nothing)) == []


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

    told = lines(passes(test))
    assert [line.op for line in told if line.who == "s1"][-2:] == [told[-2].op, None]
    assert {(line.who[:2], line.op) for line in told if line.who[0] == "c"} == {
        ("c0", 0),
        ("c1", 1),
    }


class TwoEnded:
    """A clerk that has an end for reads and one for writes, and a task that serves its calls."""

    def __init__(self, reads: ClientEnd, writes: ClientEnd) -> None:
        self._reads = Clerk(reads)
        self._writes = Clerk(writes)

    async def get(self, key: str) -> tuple[str, Version, Err]:
        async with asyncio.TaskGroup() as group:
            got = group.create_task(self._reads.get(key))
        return got.result()

    async def put(self, key: str, value: str, version: Version) -> Err:
        return await self._writes.put(key, value, version)


class Queued:
    """A clerk whose calls are served, one after the other, by a task of its own."""

    def __init__(self, end: ClientEnd) -> None:
        self._calls: asyncio.Queue[tuple[str, asyncio.Future[tuple[str, Version, Err]]]]
        self._calls = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._serve(Clerk(end)))

    async def _serve(self, clerk: Clerk) -> None:
        while True:
            key, answer = await self._calls.get()
            answer.set_result(await clerk.get(key))

    async def get(self, key: str) -> tuple[str, Version, Err]:
        answer: asyncio.Future[tuple[str, Version, Err]] = asyncio.Future()
        self._calls.put_nowait((key, answer))
        return await answer


def test_an_rpc_belongs_to_the_operation_of_its_task_whatever_its_end_is_called() -> None:
    async def both(sim: Simulation) -> None:
        sim.serve()
        node = sim.node("n")
        ends = node.end("reads", "server"), node.end("writes", "server")
        ck = cast(KV, node.make(TwoEnded, *ends, name="mine"))
        await asyncio.gather(ck.put("a", "1", Version(0)), ck.get("b"))

    told = [line for line in lines(passes(both)) if line.kind in {"call", "send"}]
    ops = {line.what.partition("(")[0].lower(): line.op for line in told if line.kind == "call"}
    sent = {line.what.partition("(")[0]: line.op for line in told if line.kind == "send"}
    assert sent == {"KVServer.put": ops["put"], "KVServer.get": ops["get"]}
    assert ops["put"] != ops["get"]


def test_an_rpc_of_a_task_that_serves_others_belongs_to_what_is_open_on_its_node() -> None:
    async def queued(sim: Simulation) -> None:
        sim.serve()
        node = sim.node("n")
        ck = cast(KV, node.make(Queued, node.end("e", "server"), like=KV))
        await ck.get("a")
        await ck.get("b")

    sent = [line.op for line in lines(passes(queued)) if line.kind == "send"]
    assert sent == [0, 1]


def test_a_held_request_has_a_line_when_it_is_held_and_when_it_goes_on() -> None:
    async def held(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        hold = sim.network.hold("c0", at_most=1)
        await ck.get("k")
        hold.release()
        await sim.sleep(1)

    told = [line.what for line in lines(passes(held)) if line.rpc == 1]
    assert told[1:4] == [
        "is held back on its way",
        "no reply in time: the request is still on its way",
        "arrives late: its caller had given up",
    ]


def test_what_is_left_out_first_is_said_in_the_header() -> None:
    line = Line(0, "s0", "crashes", "crash")
    head, row = listed([gap(2), line]).splitlines()
    assert head == "    time  who     what happened (2 lines are left out)"
    assert row == str(line)
    assert listed([gap(1)]).splitlines()[1].endswith("(1 line is left out)")
    assert listed([]) == ""


class Relay:
    """Passes a request on to the next of its peers, once."""

    def __init__(self, ends: Sequence[ClientEnd], me: int) -> None:
        self._next = ends[(me + 1) % len(ends)]

    async def get(self, args: GetArgs) -> GetReply:
        if args.key:
            await self._next.call(Relay.get, GetArgs(""))
        return GetReply("", 0, Err.OK)


class RelayClient:
    def __init__(self, ends: Sequence[ClientEnd]) -> None:
        self._end = ends[0]

    async def get(self) -> None:
        await self._end.call(Relay.get, GetArgs("k"))


def test_requests_of_a_peer_have_no_class() -> None:
    async def asks(sim: Simulation) -> None:
        group = sim.group("s", 2, Relay)
        await group.client(RelayClient).get()

    sent = [(line.who, line.what) for line in lines(passes(asks)) if line.kind == "send"]
    assert sent == [("c0-s0", "Relay.get('k')"), ("s0-s1", "get('')")]
