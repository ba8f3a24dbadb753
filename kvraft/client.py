"""A Clerk of the replicated key/value server: it finds the leader, and admits what is unknown."""

from __future__ import annotations

from collections.abc import Sequence

from kvraft.group import Group
from kvraft.server import KVServer
from kvsrv.rpc import Err, GetArgs, PutArgs, Version
from labrpc import ClientEnd


class Clerk:
    """A client of a group of KVServers; `ends` lead to all of them."""

    def __init__(self, ends: Sequence[ClientEnd]) -> None:
        self._group = Group(ends)

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """The value, the version and OK; or "", 0 and NO_KEY."""
        reply, _ = await self._group.ask(KVServer.get, GetArgs(key))
        return reply.value, reply.version, reply.err

    async def put(self, key: str, value: str, version: Version) -> Err:
        """OK; VERSION or NO_KEY: certainly not done; MAYBE: it is unknown whether it was done."""
        reply, tried = await self._group.ask(KVServer.put, PutArgs(key, value, version))
        if tried and reply.err is Err.VERSION:
            return Err.MAYBE  # an earlier try may have used this version up
        return reply.err
