"""Clerks of a group of servers with their witnesses, and the clients that use them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, TypeVar, cast

from kvsrv.rpc import Err, PutArgs, PutReply, Version
from tester.labs.crowd import Crowd
from tester.labs.kvraft.cluster import APPEND, VERSIONED, Limits, StoreCluster
from tester.labs.kvraft.watch import Acknowledged
from tester.labs.kvtest import AnyClient
from tester.labs.witness import describe_get, describe_put, short
from tester.world import submission
from tester.world.failure import TooManyRpcs
from tester.world.handles import KV, AppendKV
from tester.world.simulation import Simulation

R = TypeVar("R")

PATIENCE: Final = 30
"""RPCs to each server that one operation may take, besides one for every few milliseconds."""
PACE_US: Final = 5_000


class _GroupWitness:
    """What a clerk of several servers sends is compared with what it answers.

    It may ask any of them, and again; but not nobody, nor each all the time.
    """

    def __init__(self, sim: Simulation, name: str, ends: list[str]) -> None:
        self.name = self._key = name
        self._sim = sim
        self._traffic = [sim.network.traffic(end) for end in ends]
        self._busy = 0

    async def _watch(self, operation: Coroutine[Any, Any, R], describe: Callable[[R], str]) -> R:
        sent, answered, start_us = self._sent(), self._answered(), self._sim.virtual_us
        self._busy += 1
        alone = self._busy == 1
        try:
            answer = await operation
        finally:
            self._busy -= 1
        sent = self._sent() - sent
        if not sent:
            raise AssertionError(f"{describe(answer)}, and no server was asked")
        if alone and self._answered() == answered:
            raise AssertionError(f"{describe(answer)}, and no server has answered")
        took_us = self._sim.virtual_us - start_us
        if alone and sent > len(self._traffic) * (PATIENCE + took_us // PACE_US):
            raise TooManyRpcs(
                f"{describe(answer)} took {sent} RPCs in {took_us // 1_000} ms: a "
                "clerk that asks so often floods the servers that have no leader to name"
            )
        return answer

    def _sent(self) -> int:
        sent = 0
        for traffic in self._traffic:
            sent += traffic.sent
        return sent

    def _answered(self) -> int:
        answered = 0
        for traffic in self._traffic:
            answered += traffic.answered
        return answered


class GroupWitness(_GroupWitness):
    """A clerk of the replicated versioned store, as `KV`; all of a test share `acknowledged`."""

    def __init__(
        self, sim: Simulation, name: str, ends: list[str], ck: KV, acknowledged: Acknowledged
    ) -> None:
        super().__init__(sim, name, ends)
        self._ck = ck
        self.acknowledged = acknowledged

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """See KV."""
        before = self.acknowledged.latest(key)
        got = await self._watch(self._ck.get(key), lambda got: describe_get(key, got))
        self.acknowledged.got(self.name, key, got, before)
        return got

    async def put(self, key: str, value: str, version: Version) -> Err:
        """See KV."""

        def describe(err: Err) -> str:
            return describe_put(key, value, version, err)

        sent, busy = self._sent(), self._busy
        err = await self._watch(self._ck.put(key, value, version), describe)
        if err is Err.MAYBE and not busy and self._sent() == sent + 1:
            raise AssertionError(f"{describe(err)}, though it was sent only once")
        self.acknowledged.put(self.name, key, value, version, err)
        return err


class GroupAppendWitness(_GroupWitness):
    """A clerk of the replicated store of 2024, as `AppendKV`."""

    def __init__(self, sim: Simulation, name: str, ends: list[str], ck: AppendKV) -> None:
        super().__init__(sim, name, ends)
        self._ck = ck

    async def get(self, key: str) -> str:
        """See AppendKV."""
        return await self._watch(self._ck.get(key), lambda _: f"Get({key!r})")

    async def put(self, key: str, value: str) -> None:
        """See AppendKV."""
        await self._watch(self._ck.put(key, value), lambda _: f"Put({key!r}, {short(value)})")

    async def append(self, key: str, arg: str) -> str:
        """See AppendKV."""
        return await self._watch(
            self._ck.append(key, arg), lambda _: f"Append({key!r}, {short(arg)})"
        )


class AsksOnce:
    """A client that asks one server, once, and waits as long as it takes: for ever, maybe.

    What a server answers after a clerk's patience is over nobody would hear otherwise.
    """

    stands_for: ClassVar = "Clerk"

    def __init__(self, end: Any) -> None:
        self._end = end

    async def put(self, key: str, value: str, version: Version) -> Err:
        """See KV."""
        server: Any = submission.current().get(VERSIONED.server, "KVServer")
        args = PutArgs(key, value, version)
        reply: PutReply | None = await self._end.call(server.put, args)
        while reply is None or reply.err is Err.WRONG_LEADER:
            await asyncio.Event().wait()  # nobody knows what has happened
        return reply.err


class GroupAppendClerks(Crowd):
    """A crowd of clerks of the store of 2024, each with an end to each server."""

    module = APPEND.client
    interface = APPEND.interface

    def __init__(self, first: int, servers: int, *ends: object) -> None:
        clerk = submission.current().get(self.module, "Clerk")
        starts = range(0, len(ends), servers)
        groups = (list(ends[start : start + servers]) for start in starts)
        self.clerks = {number: clerk(group) for number, group in enumerate(groups, first)}

    async def sign(self) -> None:
        """Have each put its number at a key of its own, all at the same time."""
        puts = (self.ask(number, "put", f"k{number}", f"{number}") for number in self.clerks)
        await asyncio.gather(*puts)


class KVCluster(StoreCluster):
    """Servers of the versioned store, whose clerks have witnesses."""

    def __init__(self, sim: Simulation, n: int, maxraftstate: Limits = -1) -> None:
        super().__init__(sim, n, VERSIONED, maxraftstate)
        self.acknowledged = Acknowledged(sim)

    def clerk(self) -> GroupWitness:
        """A clerk on a node of its own."""
        name, ends, made = self.make_clerk()
        return GroupWitness(self.sim, name, ends, made, self.acknowledged)

    def asks_once(self, server: int) -> KV:
        """A client of this server alone, on a node of its own: see `AsksOnce`."""
        name, to = self.next_name(), self.servers.names[server]
        node = self.sim.node(name)
        end = node.end(f"{name}.{to}", to)
        return cast(KV, node.make(AsksOnce, end, like=KV, name=name))

    def client(self, number: int, ck: GroupWitness) -> AnyClient[KV]:
        """A client that uses a clerk."""
        return AnyClient[KV](self.sim, number, ck)


class AppendCluster(StoreCluster):
    """Servers of the store of 2024, whose clerks have witnesses."""

    def __init__(self, sim: Simulation, n: int, maxraftstate: Limits = -1) -> None:
        super().__init__(sim, n, APPEND, maxraftstate)

    def clerk(self) -> GroupAppendWitness:
        """A clerk on a node of its own."""
        return GroupAppendWitness(self.sim, *self.make_clerk())

    async def sign(self, first: int, clients: int) -> None:
        """Have new clients, which share a node, put their numbers at keys of their own."""
        node = self.sim.node("clients")
        servers = self.servers.names
        names = [f"client{number}" for number in range(first, first + clients)]
        ends = [node.end(f"{name}.{server}", server) for name in names for server in servers]
        crowd = node.make(GroupAppendClerks, first, len(servers), *ends)
        await cast(GroupAppendClerks, crowd).sign()

    def client(self, number: int, ck: GroupAppendWitness) -> AnyClient[AppendKV]:
        """A client that uses a clerk."""
        return AnyClient[AppendKV](self.sim, number, ck)
