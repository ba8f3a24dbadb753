"""The replicated state machine: who is answered, what is applied, and when a snapshot is made."""

from __future__ import annotations

import asyncio

import pytest

from kvraft import rsm
from kvraft.rsm import ENTRY, SNAPSHOT, Entry, Snapshot
from kvsrv.rpc import Err
from raft.api import SNAPSHOT as SNAPSHOT_FILE
from raft.api import STATE, ApplyMsg
from tests.kvraft.fakes import AsyncRaft, Bench, FakeRaft, Files, ListRaft, play, rest

WRONG = (Err.WRONG_LEADER, None)


@pytest.fixture(autouse=True)
def _checks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsm, "TERM_CHECK_MS", 0)


@pytest.mark.parametrize("raft", [FakeRaft, ListRaft, AsyncRaft])
def test_a_request_is_answered_when_it_is_applied(raft: type) -> None:
    async def test() -> None:
        bench = Bench(raft=raft)
        one, two = bench.submit(b"1"), bench.submit(b"2")
        await rest()
        if raft is not AsyncRaft:
            assert not one.done()
            bench.raft.commit(1)
            bench.raft.commit(2)
        assert [await one, await two] == [(Err.OK, 1), (Err.OK, 3)]

    play(test)


def test_a_server_that_does_not_lead_says_so() -> None:
    async def test() -> None:
        bench = Bench()
        bench.raft.leads = False
        assert await bench.rsm.submit(b"1") == WRONG

    play(test)


@pytest.mark.parametrize("lost", ["deposed", "later term"])
def test_a_request_is_given_up_when_its_leader_is_deposed(lost: str) -> None:
    async def test() -> None:
        bench = Bench()
        one = bench.submit(b"1")
        await rest()
        assert not one.done()
        bench.raft.term += 1
        bench.raft.leads = lost == "later term"
        assert await one == WRONG

    play(test)


def test_a_different_request_at_the_index_is_not_the_answer() -> None:
    async def test() -> None:
        bench = Bench()
        one = bench.submit(b"1")
        await rest(2)
        bench.raft.commit(1, ENTRY.encode(Entry(7, 1, b"5")))  # of another server
        assert await one == WRONG
        assert bench.adder.applied == [b"5"]

    play(test)


def test_a_request_of_an_earlier_incarnation_is_applied_and_wakes_nobody() -> None:
    async def test() -> None:
        before, bench = Bench(), Bench()
        _ = before.submit(b"1")
        old = bench.submit(b"2")
        await rest(2)
        bench.raft.commit(2, before.raft.log[0])
        await rest()
        assert not old.done()
        bench.raft.commit(1)
        assert await old == (Err.OK, 3)

    play(test)


def test_a_killed_rsm_answers_whoever_waits() -> None:
    async def test() -> None:
        bench = Bench()
        one = bench.submit(b"1")
        await rest()
        bench.rsm.kill()
        assert await one == WRONG
        assert bench.raft.killed
        assert await bench.rsm.submit(b"2") == WRONG

    play(test)


def test_nothing_is_kept_of_requests_that_are_over() -> None:
    async def test() -> None:
        bench = Bench()
        tasks = [bench.submit(b"1") for _ in range(4)]
        await rest()
        bench.raft.commit(1)
        tasks[1].cancel()
        await rest()
        bench.raft.term += 1
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in done] == [tuple, asyncio.CancelledError, tuple, tuple]
        assert (bench.rsm._waiters, bench.rsm._numbers) == ({}, {})
        bench.raft.commit(2)  # the cancelled one has happened all the same
        await rest()
        assert bench.adder.sum == 2

    play(test)


@pytest.mark.parametrize(
    ("maxraftstate", "size", "made"), [(100, 74, 0), (100, 75, 1), (-1, 10_000, 0)]
)
def test_a_snapshot_is_made_near_the_limit(maxraftstate: int, size: int, made: int) -> None:
    async def test() -> None:
        bench = Bench(Files({STATE: b"x" * size}), maxraftstate)
        _ = bench.submit(b"4")
        await rest()
        bench.raft.commit(1)
        await rest()
        wanted = [(1, SNAPSHOT.encode(Snapshot(1, b"4")))] * made
        assert bench.raft.snapshots == wanted

    play(test)


def test_a_snapshot_is_restored_on_restart_and_on_delivery() -> None:
    async def test() -> None:
        bench = Bench(Files({SNAPSHOT_FILE: SNAPSHOT.encode(Snapshot(10, b"40"))}))
        assert bench.adder.sum == 40
        data = SNAPSHOT.encode(Snapshot(20, b"50"))
        message = ApplyMsg(snapshot_valid=True, snapshot=data, snapshot_index=20)
        bench.raft.apply.put_nowait(message)
        bench.raft.commit(21, ENTRY.encode(Entry(7, 1, b"5")))
        await rest()
        assert bench.adder.sum == 55
        assert bench.rsm._applied == 21

    play(test)
