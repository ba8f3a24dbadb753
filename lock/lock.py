"""A lock made of two clerk operations; the reference solution.

The lock's key holds the name of the holder, "" when it is free.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Protocol, Self

from kvsrv.rpc import Err, Version


class Clerk(Protocol):
    """What a lock needs of the key/value store."""

    async def get(self, key: str) -> tuple[str, Version, Err]: ...

    async def put(self, key: str, value: str, version: Version) -> Err: ...


class Lock:
    """One client's handle on the lock `name`: not re-entrant, without a lease."""

    def __init__(self, clerk: Clerk, name: str) -> None:
        self._clerk = clerk
        self._name = name
        self._me = uuid.uuid4().hex  # so that after MAYBE a look tells whether it is ours

    async def acquire(self) -> None:
        """Return when this handle holds the lock."""
        asked = False
        while True:
            holder, version, _ = await self._clerk.get(self._name)
            if holder == self._me and asked:
                return  # the put that answered MAYBE had happened
            if holder == "":
                asked = True
                if await self._clerk.put(self._name, self._me, version) is Err.OK:
                    return
            else:
                await asyncio.sleep(0.01)

    async def release(self) -> None:
        """Give the lock back; only its holder may."""
        while True:
            holder, version, _ = await self._clerk.get(self._name)
            if holder != self._me:
                return  # a put that answered MAYBE had happened
            if await self._clerk.put(self._name, "", version) is Err.OK:
                return

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()
