"""A replica of the versioned key/value server: all operations, reads too, go through the log."""

from __future__ import annotations

from collections.abc import Sequence

from kvraft.kvmachine import KV_REQUEST, KVMachine, KVRequest
from kvraft.rsm import RSM
from kvsrv.rpc import GetArgs, GetReply, PutArgs, PutReply
from labrpc import ClientEnd
from raft.api import Persister


class KVServer:
    """One server of the group. A snapshot is made near `maxraftstate` bytes; -1: never."""

    def __init__(
        self, peers: Sequence[ClientEnd], me: int, persister: Persister, maxraftstate: int
    ) -> None:
        self._rsm = RSM(peers, me, persister, maxraftstate, KVMachine())

    def services(self) -> list[object]:
        """Who answers the RPCs: this server and its Raft."""
        return [self, self._rsm.raft]

    async def get(self, args: GetArgs) -> GetReply:
        """The value and version of a key; or WRONG_LEADER."""
        err, reply = await self._rsm.submit(KV_REQUEST.encode(KVRequest(args.key)))
        return reply if isinstance(reply, GetReply) else GetReply("", 0, err)

    async def put(self, args: PutArgs) -> PutReply:
        """Install the value if the version matches; or WRONG_LEADER: maybe, and maybe not."""
        request = KVRequest(args.key, args.value, args.version)
        err, reply = await self._rsm.submit(KV_REQUEST.encode(request))
        return reply if isinstance(reply, PutReply) else PutReply(err)

    def kill(self) -> object:
        """Stop."""
        return self._rsm.kill()
