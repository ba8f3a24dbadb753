"""A Clerk that is too sure of itself: it never says ErrMaybe. Can you see when that is wrong?"""

import asyncio

from kvsrv.rpc import Err, GetArgs, PutArgs, Version
from kvsrv.server import KVServer
from labrpc import ClientEnd


class Clerk:
    """A client of one KVServer."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """Ask until there is an answer."""
        while (reply := await self._end.call(KVServer.get, GetArgs(key))) is None:
            await asyncio.sleep(0.1)
        return reply.value, reply.version, reply.err

    async def put(self, key: str, value: str, version: Version) -> Err:
        """Ask until there is an answer, and pass it on."""
        args = PutArgs(key, value, version)
        while (reply := await self._end.call(KVServer.put, args)) is None:
            await asyncio.sleep(0.1)
        return reply.err
