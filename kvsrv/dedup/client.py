"""A Clerk whose writes happen exactly once: it numbers them, and asks until it is answered."""

from __future__ import annotations

import asyncio
import secrets

from kvsrv.dedup.rpc import GetArgs, WriteArgs
from kvsrv.dedup.server import KVServer
from labrpc import ClientEnd


class Clerk:
    """A client of one KVServer; one operation at a time."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end
        self._client = secrets.randbits(62)
        self._request = 0

    async def get(self, key: str) -> str:
        """The value of a key; "" if it was never written."""
        while (reply := await self._end.call(KVServer.get, GetArgs(key))) is None:
            await asyncio.sleep(0.1)
        return reply.value

    async def put(self, key: str, value: str) -> None:
        """Replace the value of a key."""
        args = self._write(key, value)
        while await self._end.call(KVServer.put, args) is None:
            await asyncio.sleep(0.1)

    async def append(self, key: str, arg: str) -> str:
        """Append to the value of a key; returns what it was before."""
        args = self._write(key, arg)
        while (reply := await self._end.call(KVServer.append, args)) is None:
            await asyncio.sleep(0.1)
        return reply.old

    def _write(self, key: str, value: str) -> WriteArgs:
        self._request += 1
        return WriteArgs(key, value, self._client, self._request)
