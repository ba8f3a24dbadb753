"""A replica of the store with Put, Append and Get: the log may hold a write more than once."""

from __future__ import annotations

from collections.abc import Sequence

from kvraft.dedup.rpc import GetArgs, Reply, WriteArgs
from kvraft.kvmachine import APPEND_REQUEST, AppendMachine, AppendRequest
from kvraft.rsm import RSM
from labrpc import ClientEnd
from raft.api import Persister


class KVServer:
    """One server of the group. A snapshot is made near `maxraftstate` bytes; -1: never.

    That a write is executed once is up to the machine, whose table of clients is part of the
    replicated state: whoever leads, a repetition is answered as the first one was.
    """

    def __init__(
        self, peers: Sequence[ClientEnd], me: int, persister: Persister, maxraftstate: int
    ) -> None:
        self._rsm = RSM(peers, me, persister, maxraftstate, AppendMachine())

    def services(self) -> list[object]:
        """Who answers the RPCs: this server and its Raft."""
        return [self, self._rsm.raft]

    async def get(self, args: GetArgs) -> Reply:
        """The value of a key."""
        return await self._execute(AppendRequest("get", args.key))

    async def put(self, args: WriteArgs) -> Reply:
        """Replace the value of a key."""
        return await self._execute(
            AppendRequest("put", args.key, args.value, args.client, args.number)
        )

    async def append(self, args: WriteArgs) -> Reply:
        """Append to the value of a key, and answer what it was."""
        return await self._execute(
            AppendRequest("append", args.key, args.value, args.client, args.number)
        )

    async def _execute(self, request: AppendRequest) -> Reply:
        err, value = await self._rsm.submit(APPEND_REQUEST.encode(request))
        return Reply(err, value or "")

    def kill(self) -> object:
        """Stop."""
        return self._rsm.kill()
