"""A key/value server that keeps its table on the disk of its node, and some that do not."""

from __future__ import annotations

import asyncio

import msgspec

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer, PutArgs, PutReply, Version
from tester.world.disk import Disk
from tester.world.nodes import Member
from tester.world.simulation import Simulation


class Durable(KVServer):
    """Answers only what is safe on the disk; its requests take turns."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self._disk = disk
        self._turn = asyncio.Lock()
        self._recovered = False
        if saved := disk.read("table"):
            self._table = msgspec.msgpack.decode(saved, type=dict[str, tuple[str, Version]])

    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        async with self._turn:
            await self._recover()
            return super().get(args)

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        async with self._turn:
            await self._recover()
            reply = super().put(args)
            if reply.err is Err.OK:
                self._disk.write({"table": msgspec.msgpack.encode(self._table)})
                await self._sync()
            return reply

    async def _recover(self) -> None:
        if not self._recovered:  # what it has read may be what a crash left unsynced
            await self._sync()
            self._recovered = True

    async def _sync(self) -> None:
        await self._disk.sync()


class Unsynced(Durable):
    """Planted bug: it writes, and does not wait until the write is safe."""

    async def _sync(self) -> None:
        pass


class Forgetful(KVServer):
    """Planted bug: it has a disk and keeps its table in memory."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()


class GivesUp(Clerk):
    """Planted bug: a get that is not answered is taken for a missing key."""

    async def get(self, key: str) -> tuple[str, Version, Err]:
        reply = await self._end.call(KVServer.get, GetArgs(key))
        return ("", 0, Err.NO_KEY) if reply is None else (reply.value, reply.version, reply.err)


def serve(sim: Simulation, server: type = Durable) -> Member:
    """The server on its node."""
    node = sim.node("server")
    node.serve(node.make(server, node.disk))
    return node


async def two_clients(sim: Simulation, clerk: type = Clerk, rounds: int = 6) -> None:
    """Two clients that read a key and write it, with pauses, for about two seconds."""

    async def client(name: str) -> None:
        ck = sim.clerk(clerk)
        for number in range(rounds):
            _, version, _ = await ck.get("k")
            await ck.put("k", f"{name}{number}", version)
            await sim.sleep(0.3)

    async with asyncio.TaskGroup() as clients:
        for name in "ab":
            clients.create_task(client(name))
