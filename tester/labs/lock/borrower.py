"""A borrower: an object on a client's node that holds a lock by `async with`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final

from kvsrv.rpc import Err
from tester.world.handles import KV

# It observes the code under test: see tester.engine.origin.
__harness__ = True

HOLD_S: Final = 0.01


class _Oops(Exception):
    """Raised inside the block, and seen again outside."""


class Borrower:
    """Uses a lock of its node as code of its node does: `async with lock`."""

    stands_for: ClassVar = "Lock"

    def __init__(self, clerk: KV, lock: AbstractAsyncContextManager[Any, bool | None]) -> None:
        self._clerk = clerk
        self._lock = lock

    async def borrow(self, key: str, name: str, fails: bool) -> str:
        """Write to a key that the lock protects; returns what is wrong, "" if nothing is.

        `fails`: the block is left by an exception, which must come out of it.
        """
        try:
            async with self._lock:
                wrong = await self._inside(key, name)
                if fails:
                    raise _Oops
        except _Oops:
            return wrong
        return wrong or ("an exception inside `async with` did not come out of it" * fails)

    async def _inside(self, key: str, name: str) -> str:
        found, version, _ = await self._clerk.get(key)
        if found:
            return f"{name} is inside `async with`, and so is {found}"
        for value in (name, ""):
            err = await self._clerk.put(key, value, version)
            if err is not Err.OK:
                return f"{name} is inside `async with`, and Put({key!r}, {value!r}) -> {err}"
            version += 1
            await asyncio.sleep(HOLD_S)
        return ""
