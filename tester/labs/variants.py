"""Correct variants of a server on a table: handlers that are coroutines, alone or under a lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tester.labs.patch import Patch


class Handler(NamedTuple):
    """A handler of the server, and the names of its messages."""

    name: str
    args: str
    reply: str


def importing_asyncio(first: str) -> tuple[str, str]:
    """The edit that imports asyncio before a module's first import, which begins like this."""
    return first, "import asyncio\n\n" + first


def async_handlers(server: str, handlers: Sequence[Handler]) -> Patch:
    """Handlers that are coroutines and never wait: whatever runs them must await them."""
    return Patch(
        "async_handlers",
        "The handlers are `async def`, and never await.",
        server,
        tuple((f"    def {one.name}(", f"    async def {one.name}(") for one in handlers),
    )


def locked_handlers(
    server: str, handlers: Sequence[Handler], *, first_import: str, table: str
) -> Patch:
    """Handlers of which one at a time works; all but `get`, the first, await while they do.

    `table` is the line of the constructor after which the lock is made.
    """
    first, *others = handlers
    guarded = "".join(_guarded(one, waits=one in others) for one in handlers)
    return Patch(
        "async_handlers_with_a_lock",
        "The handlers await while they work, one at a time.",
        server,
        (
            importing_asyncio(first_import),
            (table, table + "        self._lock = asyncio.Lock()\n"),
            (f"    def {first.name}(", f"{guarded}    def _{first.name}("),
            *((f"    def {one.name}(", f"    def _{one.name}(") for one in others),
        ),
    )


def _guarded(handler: Handler, *, waits: bool) -> str:
    pause = "            await asyncio.sleep(0)\n" if waits else ""
    return (
        f"    async def {handler.name}(self, args: {handler.args}) -> {handler.reply}:\n"
        f"        async with self._lock:\n{pause}"
        f"            return self._{handler.name}(args)\n\n"
    )
