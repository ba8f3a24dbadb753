"""A simulation: virtual time, luck, limits, and nothing that outlives it."""

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from kvsrv import Clerk, KVServer
from labrpc import LONG_DELAYS, RELIABLE, UNRELIABLE
from tester import Deadlock, LimitReached, Limits, Livelock, Simulation
from tester.engine.choices import Choices, Replayed
from tester.world.execution import Execution
from tests.world.lab import AsyncKVServer, once, passes, put_and_get

# -- time ---------------------------------------------------------------------------------------


def test_time_is_virtual_and_starts_at_nought() -> None:
    async def sleep(sim: Simulation) -> None:
        assert sim.now() == asyncio.get_running_loop().time() == 0
        await sim.sleep(100)
        assert sim.now() == asyncio.get_running_loop().time() == 100
        await asyncio.sleep(0.000_001)
        assert sim.virtual_us == 100_000_001

    assert passes(sleep).virtual_us == 100_000_001


def test_a_sleep_of_less_than_a_microsecond_takes_one() -> None:
    async def sleep(sim: Simulation) -> None:
        await asyncio.sleep(1)
        for _ in range(3):
            await asyncio.sleep(1e-7)
        assert sim.virtual_us == 1_000_003

    passes(sleep)


def test_a_message_takes_half_a_millisecond_even_on_a_perfect_network() -> None:
    async def get(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        assert sim.virtual_us == 1_000
        assert sim.rpcs == sim.network.rpc_count("server") == 1

    passes(get)


# -- luck ---------------------------------------------------------------------------------------


def test_the_run_without_luck_is_reliable_and_first_come_first_served() -> None:
    order: list[str] = []

    async def run(sim: Simulation) -> None:
        sim.serve()

        async def client(number: int) -> None:
            ck: Any = sim.clerk()
            order.append(f"{number} asks")
            await ck.put("k", str(number), 0)
            order.append(f"{number} is told")

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(client(number))

    outcome = passes(run, {}, network=UNRELIABLE)
    assert order == [f"{n} asks" for n in range(4)] + [f"{n} is told" for n in range(4)]
    assert [op.result for op in outcome.history.ops] == ["OK"] + 3 * ["ErrVersion"]
    assert outcome.rpcs == 4
    assert outcome.choices.faults == []
    assert not any(value for values in outcome.choices.record().values() for value in values)


def test_a_client_more_leaves_the_others_their_luck() -> None:
    def net(clients: int) -> dict[str, list[int]]:
        async def run(sim: Simulation) -> None:
            sim.serve()
            cks: list[Any] = [sim.clerk() for _ in range(clients)]
            await asyncio.gather(*(ck.get("k") for ck in cks))

        return passes(run, 7, network=UNRELIABLE).choices.record()

    two, three = net(2), net(3)
    assert two["net/c0"] == three["net/c0"]
    assert two["net/c1"] == three["net/c1"]


def test_a_schedule_may_be_given() -> None:
    execution = Execution(Choices(Replayed({})), schedule="fifo", network=UNRELIABLE)
    sim = execution.sim

    async def race() -> None:
        sim.serve(AsyncKVServer)
        await put_and_get(sim, [sim.clerk() for _ in range(3)])

    execution.run(race)
    execution.close()
    streams = sim.choices.record()
    assert sorted(streams) == ["net/c0", "net/c1", "net/c2"]


# -- what a test can say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "kept"), [("a line", "a line"), (7, "7"), ("\ud800", r"\ud800"), ("", "")]
)
def test_a_note_is_kept_as_text(note: Any, kept: str) -> None:
    async def take(sim: Simulation) -> None:
        await sim.sleep(0.5)
        sim.note(note)

    assert passes(take).trace[0] == (500_000, "note", kept)


def test_a_test_may_call_its_run_a_livelock() -> None:
    async def give_up(sim: Simulation) -> None:
        reading = asyncio.ensure_future(sim.clerk().get("k"))
        await sim.sleep(1)
        assert not reading.done()
        raise sim.livelock("nobody answers")

    error = once(give_up).error
    assert isinstance(error, Livelock)
    assert error.sentence == "nobody answers"
    assert [waiting.node for waiting in error.waiting] == ["test", "c0"]


# -- limits -------------------------------------------------------------------------------------


async def spin(sim: Simulation) -> None:
    while True:
        await asyncio.sleep(0)


async def spin_by_timers(sim: Simulation) -> None:
    while True:
        await asyncio.sleep(1e-9)


async def crawl(sim: Simulation) -> None:
    while True:
        await asyncio.sleep(0.001)


async def ask(sim: Simulation) -> None:
    await sim.clerk().get("k")


@pytest.mark.parametrize(
    ("test", "limits", "said"),
    [
        (spin, Limits(instant_steps=1_000), "1000 steps have been run at one instant"),
        (spin_by_timers, Limits(steps=1_000), "1000 steps have been run"),
        (crawl, Limits(steps=1_000), "1000 steps have been run"),
        (crawl, Limits(virtual_s=1), "1 virtual seconds have passed"),
        (ask, Limits(silent_rpcs=100), "100 RPCs have been sent since an operation of a client"),
        (ask, Limits(megabytes=0), "the messages of the run have more than 0 MB together"),
        (ask, Limits(), "120 virtual seconds have passed"),
    ],
)
def test_a_run_that_gets_nowhere_is_a_livelock(test: Any, limits: Limits, said: str) -> None:
    outcome = once(test, limits=limits, network=RELIABLE)
    assert isinstance(outcome.error, Livelock)
    assert outcome.error.sentence.startswith(said)
    assert outcome.error.waiting[0].node == "test"
    assert outcome.verdict == "fail"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(virtual_s=1), "1 virtual seconds have passed"),
        (Limits(steps=1_000), "1000 steps have been run"),
        (Limits(megabytes=1), "the messages of the run have more than 1 MB together"),
    ],
)
def test_a_limit_that_ends_a_run_which_gets_on_says_how_far_it_got(
    limits: Limits, said: str
) -> None:
    async def talk_for_ever(sim: Simulation) -> None:
        sim.serve()
        ck: Any = sim.clerk()
        await ck.put("k", "v" * 500, 0)
        while True:
            await ck.get("k")

    outcome = once(talk_for_ever, limits=limits, network=RELIABLE)
    assert isinstance(outcome.error, LimitReached)
    assert outcome.verdict == "fail"
    assert outcome.error.sentence.startswith(f"{said}, and the test was not over; ")
    last = outcome.history.ops[outcome.ops - 1].ret_us or 0
    assert outcome.error.sentence.endswith(
        f"until then, {outcome.ops} in all and the last one at {last / 1e6:.3f} s"
    )


@pytest.mark.parametrize(
    ("seconds", "kind"), [(0, "Livelock"), (0.8, "Livelock"), (0.95, "LimitReached")]
)
def test_a_run_whose_last_operation_is_long_ago_gets_nowhere(seconds: float, kind: str) -> None:
    async def stop_at(sim: Simulation) -> None:
        sim.serve()
        await asyncio.sleep(seconds)
        ck: Any = sim.clerk()
        await ck.get("k")
        await crawl(sim)

    assert once(stop_at, limits=Limits(virtual_s=1)).kind == kind


def test_an_operation_that_completes_breaks_the_silence() -> None:
    async def talk(sim: Simulation) -> None:
        sim.serve()
        ck: Any = sim.clerk()
        for _ in range(10):
            await ck.get("k")

    passes(talk, limits=Limits(silent_rpcs=1))
    outcome = once(ask, limits=Limits(silent_rpcs=10), network=LONG_DELAYS)
    assert outcome.kind == "Livelock"
    assert outcome.rpcs == 10


def test_a_run_in_which_nothing_can_happen_is_a_deadlock_at_once() -> None:
    async def wait(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        await asyncio.Event().wait()

    outcome = once(wait)
    assert isinstance(outcome.error, Deadlock)
    assert outcome.virtual_us == 1_000
    assert [waiting.line for waiting in outcome.error.waiting] == ["await asyncio.Event().wait()"]


# -- what a run leaves behind -------------------------------------------------------------------


async def workload(sim: Simulation) -> None:
    sim.serve(AsyncKVServer)
    await put_and_get(sim, [sim.clerk() for _ in range(2)], rounds=1)
    sim.node("server").crash()
    left = asyncio.ensure_future(sim.clerk().get("k"))
    await sim.sleep(0.01)
    assert not left.done()


async def fails(sim: Simulation) -> None:
    await workload(sim)
    raise ValueError("as it should")


async def little(sim: Simulation) -> None:
    sim.serve(AsyncKVServer)
    left = asyncio.ensure_future(sim.clerk().put("k", "a", 0))
    await sim.sleep(0.001)
    assert not left.done()


async def breaks(sim: Simulation) -> None:
    await little(sim)
    raise ValueError("as it should")


@pytest.mark.parametrize("test", [little, breaks])
def test_a_thousand_runs_leave_nothing_behind(test: Any) -> None:
    def runs(count: int) -> int:
        for seed in range(count):
            once(test, seed, keep_trace=False, network=UNRELIABLE)
        gc.collect()
        return sys.getallocatedblocks()

    before = runs(100)  # caches fill
    assert abs(runs(1_000) - before) < 500, "blocks of memory: less than one for each run"


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def test_a_run_leaves_no_file_open_and_the_collector_as_it_was() -> None:
    before = open_files()
    assert gc.isenabled()
    once(workload, network=UNRELIABLE, isolated=True)
    once(fails, network=UNRELIABLE)
    assert gc.isenabled()
    assert open_files() == before


def test_two_simulations_one_after_another_know_nothing_of_each_other() -> None:
    async def put(sim: Simulation) -> None:
        sim.serve(KVServer)
        assert await sim.clerk(Clerk).put("k", "a", 0) == "OK"

    first, second = passes(put), passes(put)
    assert first.digest == second.digest
    assert first.history is not second.history


def test_figures_are_what_the_test_reports() -> None:
    async def report(sim: Simulation) -> None:
        for value in (3, 1):
            sim.figure("turns", value)

    assert passes(report).figures == {"turns": [3, 1]}


def test_names_of_what_is_reported_are_text() -> None:
    async def figure(sim: Simulation) -> None:
        sim.figure(3, 1)  # type: ignore[arg-type]

    async def reached(sim: Simulation) -> None:
        sim.sometimes(3)  # type: ignore[arg-type]

    assert str(once(figure).error) == "expected text as the name of a figure, got 3"
    assert str(once(reached).error) == "expected text as the name of what is reached, got 3"


@pytest.mark.parametrize("value", [2**48 + 1, -(2**48) - 1, 1.5, True, "3"])
def test_a_figure_is_an_integer(value: object) -> None:
    async def report(sim: Simulation) -> None:
        sim.figure("turns", value)  # type: ignore[arg-type]

    assert (
        str(once(report).error)
        == f"expected an integer of at most 48 bits for a figure, got {value!r}"
    )


def test_servers_are_counted_also_those_that_are_down() -> None:
    async def count(sim: Simulation) -> None:
        assert sim.peers == 0
        for name in ("s0", "s1", "s2"):
            sim.serve(KVServer, name)
        sim.clerk(server="s0")
        sim.node("s1").crash()

    assert passes(count).peers == 3
