"""The history: stamps that strictly increase, and operations that stay open without an answer."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc import LONG_REORDERING, UNRELIABLE
from tester import NodeDown, Simulation
from tester.world.handles import KV
from tester.world.history import History, Moment
from tests.world.lab import passes, put_and_get


@given(st.lists(st.integers(0, 5), max_size=30))
def test_stamps_strictly_increase_whatever_the_order_of_the_answers(answers: list[int]) -> None:
    history = History()
    stamps = []
    waiting = []
    for answer in answers:
        op = history.begin("c0", "c0", "get", ("k",), KV, now=0)
        stamps.append(op.call)
        waiting.append(op)
        if answer < len(waiting):
            done = waiting.pop(answer)
            history.end(done, None, now=0)
            assert done.ret is not None
            stamps.append(done.ret)
    assert stamps == sorted(set(stamps))
    assert history.completed == len(history.ops) - len(waiting)
    assert [op.number for op in history.ops] == list(range(len(answers)))
    assert all(op.ret is None and op.ret_us is None for op in waiting)


def test_operations_that_are_only_counted_have_no_stamps() -> None:
    history = History()
    history.end(history.begin("crowd", "n", "put", (), KV, now=0), None, now=0)
    history.count(49)
    assert history.completed == 50
    assert [(op.call, op.ret) for op in history.ops] == [(1, 2)]
    assert history.begin("c0", "c0", "get", ("k",), KV, now=0).call == 3


def test_a_result_that_was_dropped_is_the_only_thing_that_has_gone() -> None:
    history = History()
    for value in "ab":
        history.end(history.begin("c0", "c0", "get", ("k",), KV, now=0), value, now=0)
    history.drop_last_result()
    assert [(op.result, op.ret) for op in history.ops] == [("a", 2), (None, 4)]
    assert history.completed == 2


@pytest.mark.parametrize("seed", range(3))
def test_stamps_of_a_run_strictly_increase_with_time(seed: int) -> None:
    async def race(sim: Simulation) -> None:
        sim.serve()
        await put_and_get(sim, [sim.clerk() for _ in range(4)])

    history = passes(race, seed, network=LONG_REORDERING).history
    ends = [(op.call, op.call_us) for op in history.ops]
    ends += [(op.ret, op.ret_us) for op in history.ops if op.ret and op.ret_us is not None]
    assert len(ends) == 2 * 4 * 3 * 2
    assert len(set(ends)) == len({stamp for stamp, _ in ends}) == len(ends)
    assert [us for _, us in sorted(ends)] == sorted(us for _, us in ends)


def test_an_operation_records_its_arguments_and_its_answer() -> None:
    async def one(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        await sim.sleep(1)
        await ck.put("k", value="a", version=0)

    [op] = passes(one).history.ops
    assert (op.client, op.method, op.args, op.like) == ("c0", "put", ("k", "a", 0), KV)
    assert op.result == "OK"
    assert (op.call, op.ret) == (1, 2)
    assert op.call_us == 1_000_000
    assert op.ret_us == 1_001_000  # two messages of 500 us


def test_an_operation_of_a_client_that_crashes_stays_open() -> None:
    async def crash(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        writing = asyncio.ensure_future(ck.put("k", "a", 0))
        await sim.sleep(0.000_7)  # the server has executed it, and the reply is on its way
        sim.node("c0").crash()
        with pytest.raises(NodeDown, match=r"c0 is down, and KV\.put was called on it"):
            await writing
        await sim.sleep(10)
        assert await sim.clerk().get("k") == ("a", 1, "OK")

    [put, get] = passes(crash).history.ops
    assert put.ret is None
    assert get.ret == 3


def test_an_operation_without_an_answer_stays_open_when_the_test_ends() -> None:
    async def leave(sim: Simulation) -> None:
        reading = asyncio.ensure_future(sim.clerk().get("k"))
        await sim.sleep(5)
        assert not reading.done()

    outcome = passes(leave, network=UNRELIABLE)
    [op] = outcome.history.ops
    assert op.ret is None
    assert outcome.ops == 0
    assert outcome.rpcs > 10


def test_an_operation_whose_caller_gave_up_stays_open_and_may_still_take_effect() -> None:
    async def give_up(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.000_2):
                await ck.put("k", "a", 0)
        await sim.sleep(1)
        assert await sim.clerk().get("k") == ("a", 1, "OK")

    outcome = passes(give_up)
    [put, get] = outcome.history.ops
    assert (put.ret, put.result) == (None, None)
    assert get.ret == 3
    assert outcome.ops == 1
    assert [entry[1:3] for entry in outcome.trace if entry[1] == "unheard"] == [("unheard", 0)]


def test_a_moment_compares_as_a_stamp_and_is_written_as_its_time() -> None:
    later, earlier = Moment(4, 1_000), Moment(3, 1_000)
    assert sorted([later, 9, earlier]) == [3, 4, 9]
    assert max(earlier, later) is later
    assert earlier == 3
    assert len({earlier, 3}) == 1
    assert f"from {earlier} to {Moment(5, 2_345_600):>8}" == "from 0.001 s to  2.346 s"
