"""A witness compares what a clerk of several servers sends with what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from kvraft.client import Clerk
from kvraft.server import KVServer
from kvsrv.rpc import Err, GetArgs, Version
from labrpc import ClientEnd
from tester.labs.kvraft.clerks import KVCluster
from tester.labs.kvraft.cluster import within
from tester.labs.kvraft.network import CALM
from tester.labs.kvraft.verdicts import AcknowledgedPutLost
from tester.world.failure import NotLinearizable, TooManyRpcs
from tester.world.run import Outcome
from tester.world.simulation import Simulation
from tests.labs.kvraft.test_replica import instead
from tests.world.lab import once, passes


async def two_clients(sim: Simulation) -> None:
    kv = KVCluster(sim, 3)
    one, two = kv.clerk(), kv.clerk()
    _ = await one.put("k", "a", 0)
    _ = await two.get("k")
    _ = await two.put("k", "b", 1)
    _ = await one.get("k")


def with_clerk(clerk: type) -> Outcome:
    with instead(kvraft_client=clerk):
        return once(two_clients, network=CALM)


class Silent(Clerk):
    async def get(self, key: str) -> tuple[str, Version, Err]:
        return "a", 1, Err.OK


class Hasty(Clerk):
    async def get(self, key: str) -> tuple[str, Version, Err]:
        call = self._group._ends[0].call(KVServer.get, GetArgs(key))
        task = asyncio.create_task(call)
        await asyncio.sleep(0)
        task.cancel()
        return "a", 1, Err.OK


class Floods(Clerk):
    def __init__(self, ends: Sequence[ClientEnd]) -> None:
        super().__init__(ends)
        self._ends = ends

    async def get(self, key: str) -> tuple[str, Version, Err]:
        calls = [self._ends[i % 3].call(KVServer.get, GetArgs(key)) for i in range(300)]
        _ = await asyncio.gather(*calls)
        return await super().get(key)


@pytest.mark.parametrize(
    ("clerk", "kind", "sentence"),
    [
        (Silent, AssertionError, "Get('k') -> ('a', v1, OK), and no server was asked"),
        (Hasty, AssertionError, "Get('k') -> ('a', v1, OK), and no server has answered"),
        (Floods, TooManyRpcs, "Get('k') -> ('a', v1, OK) took 30"),
    ],
)
def test_what_a_clerk_must_not_do(clerk: type, kind: type, sentence: str) -> None:
    error = with_clerk(clerk).error
    assert isinstance(error, kind)
    assert str(error).startswith(sentence)


def test_what_clerks_were_told_is_compared_at_once() -> None:
    class Lies(Clerk):
        async def get(self, key: str) -> tuple[str, Version, Err]:
            _ = await super().get(key)
            return "lie", 2, Err.OK

    assert isinstance(with_clerk(Lies).error, NotLinearizable | AcknowledgedPutLost)


def test_a_clerk_reaches_only_those_it_may() -> None:
    async def test(sim: Simulation) -> None:
        kv = KVCluster(sim, 3)
        ck = kv.clerk()
        leader = await kv.leader()
        kv.limit(ck.name, [i for i in range(3) if i != leader])
        task = asyncio.create_task(ck.get("k"))
        await asyncio.sleep(2)
        assert not task.done()
        kv.limit(ck.name, range(3))
        _ = await within(sim, 3, task, "all can be reached")

    _ = passes(test, network=CALM)


def test_an_operation_that_takes_too_long_is_a_livelock() -> None:
    async def test(sim: Simulation) -> None:
        kv = KVCluster(sim, 3)
        kv.servers.disconnect(0, 1, 2)
        _ = await within(sim, 2, kv.clerk().get("k"), "nobody can talk")

    error: Any = once(test, network=CALM).error
    assert str(error).startswith("an operation should have completed within 2 s: nobody can talk")
