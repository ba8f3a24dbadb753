"""The servers of a group as a clerk sees them: it asks one after the other until one answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, TypeVar

from kvsrv.rpc import Err
from labrpc import ClientEnd

PATIENCE_MS: Final = 300
"""What a server may take for an operation before another one is asked."""
PAUSE_MS: Final = 10, 320
"""The first pause after no server has answered, and the longest."""


class Reply(Protocol):
    """What a server answers."""

    @property
    def err(self) -> Err:
        """WRONG_LEADER: ask another server."""
        ...


A = TypeVar("A")
R = TypeVar("R", bound=Reply)


class Group:
    """Remembers who led last. Every node that uses one draws its pauses from its own luck."""

    def __init__(self, ends: Sequence[ClientEnd], patience_ms: int = PATIENCE_MS) -> None:
        self._ends = ends
        self._patience_ms = patience_ms
        self._leader = 0

    async def ask(
        self, method: Callable[[Any, A], Coroutine[Any, Any, R]], args: A
    ) -> tuple[R, bool]:
        """The reply of a server that leads, and whether an earlier try may have been executed.

        So may one be that was answered by WRONG_LEADER: the server may have led when it took the
        request, and others may have got it before it was deposed.
        """
        tried = False
        pause_ms, longest_ms = PAUSE_MS
        while True:
            for _ in self._ends:
                reply = await self._try(method, args)
                if reply is not None and reply.err is not Err.WRONG_LEADER:
                    return reply, tried
                tried = True
                self._leader = (self._leader + 1) % len(self._ends)
            await asyncio.sleep(random.randint(pause_ms // 2, pause_ms) / 1_000)
            pause_ms = min(2 * pause_ms, longest_ms)

    async def _try(self, method: Callable[[Any, A], Coroutine[Any, Any, R]], args: A) -> R | None:
        try:
            async with asyncio.timeout(self._patience_ms / 1_000):
                return await self._ends[self._leader].call(method, args)
        except TimeoutError:
            return None
