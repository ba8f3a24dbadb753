"""A Clerk of the key/value server: asks until it is answered; the reference solution."""

from __future__ import annotations

import asyncio

from kvsrv.rpc import Err, GetArgs, PutArgs, Version
from kvsrv.server import KVServer
from labrpc import ClientEnd


class Clerk:
    """A client of one KVServer. `None` from a call says only that no reply came."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """The value, the version and OK; or "", 0 and NO_KEY. Reading twice does no harm."""
        while True:
            reply = await self._end.call(KVServer.get, GetArgs(key))
            if reply is not None:
                return reply.value, reply.version, reply.err
            await asyncio.sleep(0.1)

    async def put(self, key: str, value: str, version: Version) -> Err:
        """OK; VERSION or NO_KEY: certainly not done; MAYBE: it is unknown whether it was done.

        After a repetition, VERSION may mean that an earlier copy was executed and its reply lost:
        the version it asks for is gone because this very put used it up.
        """
        repeated = False
        while True:
            reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            if reply is not None:
                if reply.err is Err.VERSION and repeated:
                    return Err.MAYBE
                return reply.err
            repeated = True
            await asyncio.sleep(0.1)
