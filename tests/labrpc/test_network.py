"""labrpc's own twelve tests, and what a network does that a single request does not show."""

import asyncio

import pytest

from labrpc import LONG_DELAYS, RELIABLE, UNRELIABLE
from tester.engine.choices import Choices, Seeded
from tester.world.nodes import Remote
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.labrpc.junk import JunkServer, Number, Text, callers, junk
from tests.labrpc.lab import RISKY, Lab

HOP = RELIABLE.latency_us / 1_000_000


@simulate(seeds=5, model=None)
async def test_basic(sim: Simulation) -> None:
    caller = junk(sim)
    assert await caller.name(111) == "handler2-111"
    assert await caller.parse("9099") == 9099


@simulate(seeds=5, model=None)
async def test_types(sim: Simulation) -> None:
    caller = junk(sim)
    assert await caller.of_a_dataclass(7) == "dataclass 7"
    assert await caller.of_a_struct(7) == 8


@simulate(seeds=5, model=None)
async def test_disconnect(sim: Simulation) -> None:
    caller = junk(sim)
    sim.network.enable("e0", on=False)
    assert await caller.name(111) is None
    sim.network.enable("e0")
    assert await caller.parse("9099") == 9099


@simulate(seeds=5, model=None)
async def test_counts(sim: Simulation) -> None:
    caller = junk(sim)
    for i in range(17):
        assert await caller.name(i) == f"handler2-{i}"
    assert sim.network.rpc_count("server") == 17
    assert sim.network.rpc_count("another") == 0


@simulate(seeds=5, model=None)
async def test_bytes(sim: Simulation) -> None:
    caller = junk(sim)
    for _ in range(17):
        assert await caller.length("x" * 284) == 284
    first = sim.network.byte_total
    assert 17 * 284 <= first <= 6_000
    for _ in range(17):
        assert await caller.letters(107) == "y" * 107
    assert 17 * 107 <= sim.network.byte_total - first <= 2_500


@simulate(seeds=5, model=None)
async def test_concurrent_many(sim: Simulation) -> None:
    sim.serve(JunkServer)

    async def ten_calls(caller: Remote, i: int) -> int:
        for j in range(10):
            assert await caller.name(100 * i + j) == f"handler2-{100 * i + j}"
        return 10

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ten_calls(c, i)) for i, c in enumerate(callers(sim, 20))]
    assert sum(task.result() for task in tasks) == sim.network.rpc_count("server") == 200


@simulate(seeds=20, model=None, network=UNRELIABLE)
async def test_unreliable(sim: Simulation) -> None:
    sim.serve(JunkServer)
    replies = await asyncio.gather(*(c.name(i) for i, c in enumerate(callers(sim, 300))))
    arrived = [(i, reply) for i, reply in enumerate(replies) if reply is not None]
    assert 0 < len(arrived) < 300
    assert all(reply == f"handler2-{i}" for i, reply in arrived)
    assert sim.network.rpc_total == 300
    assert len(arrived) < sim.network.rpc_count("server") < 300


@simulate(seeds=5, model=None)
async def test_concurrent_one(sim: Simulation) -> None:
    caller = junk(sim)
    replies = await asyncio.gather(*(caller.name(i) for i in range(20)))
    assert replies == [f"handler2-{i}" for i in range(20)]
    assert sim.network.rpc_count("server") == 20


@simulate(seeds=5, model=None)
async def test_regression1(sim: Simulation) -> None:
    """Calls that wait for nothing on a disabled end do not delay the first one on the enabled."""
    caller = junk(sim)
    sim.network.enable("e0", on=False)
    waiting = [asyncio.ensure_future(caller.name(i)) for i in range(20)]
    await sim.sleep(0.1)
    sim.network.enable("e0")
    before = sim.now()
    assert await caller.name(99) == "handler2-99"
    assert sim.now() - before == pytest.approx(2 * HOP)
    assert await asyncio.gather(*waiting) == [None] * 20
    assert sim.network.rpc_count("server") == 1


@simulate(seeds=5, model=None)
async def test_killed(sim: Simulation) -> None:
    caller = junk(sim)
    call = asyncio.ensure_future(caller.hang(99))
    await sim.sleep(1.1)
    assert not call.done()
    sim.network.delete_server("server")
    killed = sim.now()
    assert await call is None
    assert sim.now() - killed <= 0.1


@simulate(seeds=1, model=None)
async def test_benchmark(sim: Simulation) -> None:
    """Calls that follow each other take two latencies each, and nothing else."""
    caller = junk(sim)
    for i in range(1_000):
        assert await caller.name(i) == f"handler2-{i}"
    assert sim.now() == pytest.approx(1_000 * 2 * HOP)


@simulate(seeds=20, model=None)
async def test_long_delay_race(sim: Simulation) -> None:
    """A call that has entered keeps its short wait, whatever the conditions are afterwards."""
    caller = junk(sim)
    sim.network.delete_server("server")
    call = asyncio.ensure_future(caller.name(1))
    await sim.sleep(0.0001)
    sim.network.conditions = LONG_DELAYS
    async with asyncio.timeout(0.2):
        assert await call is None


# -- more than one end, server or request -------------------------------------------------------


def test_long_delays_make_an_unreachable_server_slow() -> None:
    @simulate(model=None)
    async def scenario(sim: Simulation) -> None:
        caller = junk(sim, LONG_DELAYS)
        sim.network.delete_server("server")
        assert await caller.name(1) is None

    waits = [run(scenario.simulation, Choices(Seeded(s))).virtual_us // 1000 for s in range(30)]
    assert 1_000 < max(waits) <= 7_000
    assert min(waits) < 3_000


@simulate(seeds=5, model=None)
async def test_a_link_may_have_conditions_of_its_own(sim: Simulation) -> None:
    sim.serve(JunkServer)
    good, bad = callers(sim, 2)
    sim.network.set_conditions(RELIABLE.but(request_loss=(1, 1)), "e1")
    assert await good.name(1) == "handler2-1"
    assert await bad.name(1) is None
    sim.network.set_conditions(None, "e1")
    assert await bad.name(1) == "handler2-1"


@simulate(seeds=5, model=None)
async def test_the_count_of_a_server_goes_on_over_its_incarnations(sim: Simulation) -> None:
    caller = junk(sim)
    assert await caller.name(1) == "handler2-1"
    sim.node("server").crash()
    assert await caller.name(2) is None
    assert sim.network.rpc_count("server") == 1
    sim.node("server").restart()
    assert await caller.name(3) == "handler2-3"
    assert sim.network.rpc_count("server") == 2


@simulate(seeds=5, model=None)
async def test_a_request_for_a_dead_incarnation_is_not_for_its_successor(sim: Simulation) -> None:
    handled = []

    class Noting(JunkServer):
        def name(self, args: Number) -> Text:
            handled.append(args.number)
            return super().name(args)

    sim.serve(Noting)
    (caller,) = callers(sim, 1)
    for number, crashes in ((1, False), (2, True)):
        sim.network.conditions = RELIABLE.but(late=(1, 1), late_delay_ms=1_000)
        assert await caller.name(number) is None
        if crashes:
            sim.node("server").crash()
            sim.node("server").restart()
        await sim.sleep(2)
    sim.network.conditions = RELIABLE
    assert await caller.name(3) == "handler2-3"
    assert handled == [1, 3]


def test_why_a_call_was_not_answered_is_counted_by_end_and_method() -> None:
    lab = Lab(UNRELIABLE)
    for fate in ("request_lost", "reply_lost", "reply_lost", "duplicated"):
        lab.call(**{fate: 1})
    lab.run()
    lab.network.enable("end", on=False)
    lab.call()
    lab.run()
    reasons = {"request lost": 1, "reply lost": 2, "unreachable": 1}
    assert lab.network.unanswered("end", "Service.method") == reasons
    assert lab.network.unanswered("end", "Service.another") == {}


def test_every_step_of_a_request_is_traced() -> None:
    lab = Lab(UNRELIABLE)
    lab.call(duplicated=1)
    lab.call(reply_lost=1)
    lab.run()
    told = [(kind, number) for _, kind, number, *_ in lab.world.entries]
    assert [kind for kind, n in told if n == 1] == [
        "send", "deliver", "answer", "deliver", "answer", "reply",
    ]  # fmt: skip
    assert [kind for kind, n in told if n == 2] == ["send", "deliver", "answer", "reply lost"]
    times = [entry[0] for entry in lab.world.entries]
    assert times == sorted(times)


def test_conditions_are_read_when_a_request_enters() -> None:
    lab = Lab(RISKY.but(loss_timeout_ms=100))
    call = lab.call(request_lost=1)
    lab.network.conditions = RELIABLE
    lab.run()
    assert call.answers == [(100_500, None)]


def test_a_fate_that_cannot_matter_is_only_owed() -> None:
    lab = Lab(RELIABLE)
    calls = [lab.call(unreachable_ms=9, request_lost=1)]  # which nobody asks for
    lab.run()
    assert (calls[0].answers, lab.world.owed) == ([(1_000, b"reply")], 1)
    lab.network.block("end", requests=True)  # nobody is to be reached: now it is asked for
    calls.append(lab.call(unreachable_ms=9))
    lab.run()
    assert (calls[1].answers, lab.world.owed) == ([(10_500, None)], 1)
    lab.network.block("end")
    lab.network.set_conditions(RISKY, "end")
    calls.append(lab.call(request_lost=1))
    lab.run()
    assert (calls[2].answers, lab.world.owed) == ([(11_000, None)], 1)
