"""A Clerk whose writes happen exactly once: it numbers them, whichever servers it asks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from kvraft.dedup.rpc import GetArgs, WriteArgs
from kvraft.dedup.server import KVServer
from kvraft.group import Group
from labrpc import ClientEnd

LEADER_MS: Final = 80
"""A leader that takes longer may be none any more. That a write is sent twice does no harm."""


class Clerk:
    """A client of a group of KVServers, one operation at a time; `ends` lead to all of them."""

    def __init__(self, ends: Sequence[ClientEnd]) -> None:
        self._group = Group(ends, LEADER_MS)
        self._client = secrets.randbits(62)
        self._number = 0

    async def get(self, key: str) -> str:
        """The value of a key; "" if it was never written."""
        reply, _ = await self._group.ask(KVServer.get, GetArgs(key))
        return reply.value

    async def put(self, key: str, value: str) -> None:
        """Replace the value of a key."""
        _ = await self._group.ask(KVServer.put, self._write(key, value))

    async def append(self, key: str, arg: str) -> str:
        """Append to the value of a key; returns what it was before."""
        reply, _ = await self._group.ask(KVServer.append, self._write(key, arg))
        return reply.value

    def _write(self, key: str, value: str) -> WriteArgs:
        self._number += 1
        return WriteArgs(key, value, self._client, self._number)
