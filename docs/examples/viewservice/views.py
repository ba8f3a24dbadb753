"""Primary and backup: a view server says who is which, and the two keep one table.

The design is that of the 6.824 lab of 2012 to 2015. The view server hears pings. A new view begins
when the primary or the backup is silent for a while. A backup becomes primary only if the primary
before it has acknowledged their view, for until then the backup may not have the table. A primary
does nothing before its backup has agreed to it: one that has been replaced, and does not know, is
refused there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from labrpc import ClientEnd, Message

PING_S = 0.2
SILENT_S = 0.9


class View(Message, frozen=True):
    number: int
    """0: there has been none yet."""
    primary: str
    backup: str
    """"": there is none."""


class Ping(Message, frozen=True):
    server: str
    """Its name and when it has started: after a crash it is another one, with an empty table."""
    number: int
    """The last view that the server has taken up; 0: none."""


class Op(Message, frozen=True):
    view: int
    client: str
    number: int
    """The client's own: a repeated operation is the same one."""
    key: str
    value: str | None
    """What to put; None: a get."""


class Reply(Message, frozen=True):
    ok: bool
    """False: not done, for the server is not what the sender takes it for."""
    value: str = ""


class Table(Message, frozen=True):
    view: int
    data: dict[str, str]
    done: dict[str, int]
    """The last put of each client."""


class ViewServer:
    """Says who is primary and who is backup. It never crashes: that is this design's limit."""

    def __init__(self) -> None:
        self._view = View(0, "", "")
        self._acknowledged = True
        self._heard: dict[str, float] = {}
        self._ticking = asyncio.create_task(self._tick())

    def ping(self, args: Ping) -> View:
        """A server is alive; what it gets is the present view."""
        self._heard[args.server] = time.monotonic()
        if args.server == self._view.primary and args.number == self._view.number:
            self._acknowledged = True
        self._change()
        return self._view

    def view(self, args: Ping) -> View:
        """The present view, for a client."""
        return self._view

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            self._change()

    def _may_promote(self) -> bool:
        """Whether the backup is known to have the table."""
        return self._acknowledged

    def _alive(self) -> list[str]:
        now = time.monotonic()
        return [name for name, at in self._heard.items() if now - at < SILENT_S]

    def _change(self) -> None:
        """Begin a new view, if one is called for and allowed."""
        alive = self._alive()
        primary, backup = self._view.primary, self._view.backup
        if not self._view.number and alive:
            primary = alive[0]
        elif primary not in alive:
            if backup not in alive or not self._may_promote():
                return
            primary, backup = backup, ""
        if backup not in alive:
            backup = next((name for name in alive if name != primary), "")
        if (primary, backup) != (self._view.primary, self._view.backup):
            self._view = View(self._view.number + 1, primary, backup)
            self._acknowledged = False

    def describe(self) -> dict[str, int | bool]:
        """What an invariant sees: a server may crash only while two have the table."""
        safe = self._acknowledged and {self._view.primary, self._view.backup} <= {*self._alive()}
        return {"view": self._view.number, "safe": safe}


class Server:
    """Primary, backup, or idle, as the view says. Its table is in memory only."""

    def __init__(
        self, peers: Sequence[ClientEnd], me: int, names: list[str], views: ClientEnd
    ) -> None:
        self._peers = dict(zip(names, peers, strict=True))
        self._me = f"{names[me]}@{time.monotonic_ns()}"
        self._views = views
        self._view = View(0, "", "")
        """The view taken up,"""
        self._known = 0
        """and the latest one it has heard of: until that is taken up it does nothing."""
        self._has_table = 0
        """The view for which it was given the table, as a backup."""
        self._data: dict[str, str] = {}
        self._done: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._pinging = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        while True:
            view = await self._views.call(ViewServer.ping, Ping(self._me, self._view.number))
            if view is not None and view.number > self._view.number:
                self._known = max(self._known, view.number)
                await self._take_up(view)
            await asyncio.sleep(PING_S)

    async def _take_up(self, view: View) -> None:
        """Become what the view says; a primary first gives its backup the table."""
        async with self._lock:
            if view.primary == self._me and view.backup and not await self._transfer(view):
                return  # not acknowledged: it is tried again after the next ping
            self._view = view

    async def _transfer(self, view: View) -> bool:
        table = Table(view.number, self._data, self._done)
        reply = await self._peers[name_of(view.backup)].call(Server.receive, table)
        return reply is not None and reply.ok

    def receive(self, args: Table) -> Reply:
        """Be given the table, as the backup of a view."""
        if args.view <= self._has_table or args.view < self._known:
            return Reply(args.view == self._has_table)
        self._data, self._done = dict(args.data), dict(args.done)
        self._has_table = self._known = args.view
        return Reply(True)

    async def operate(self, args: Op) -> Reply:
        """Do what a client asks, as the primary."""
        async with self._lock:
            if self._view.primary != self._me or not self._is_current():
                return Reply(False)
            if self._view.backup and not await self._agreed(args):
                return Reply(False)
            self._apply(args)
            return Reply(True, self._data.get(args.key, ""))

    def _is_current(self) -> bool:
        return self._known == self._view.number

    async def _agreed(self, args: Op) -> bool:
        """Whether the backup has done the same, in the same view.

        Nothing else is done until that is known, so that both do all things in one order.
        """
        op = Op(self._view.number, args.client, args.number, args.key, args.value)
        while self._is_current():
            reply = await self._peers[name_of(self._view.backup)].call(Server.follow, op)
            if reply is not None:
                return reply.ok
        return False

    def follow(self, args: Op) -> Reply:
        """Do what the primary does, as its backup."""
        if args.view != self._has_table or args.view != self._known:
            return Reply(False)
        self._apply(args)
        return Reply(True)

    def _apply(self, args: Op) -> None:
        if args.value is not None and self._done.get(args.client, 0) < args.number:
            self._data[args.key] = args.value
            self._done[args.client] = args.number


def name_of(server: str) -> str:
    """The name of a server, by which it is reached."""
    return server.partition("@")[0]


class Client:
    """Gets and puts, at whoever is primary, until it has an answer."""

    def __init__(
        self, servers: Sequence[ClientEnd], names: list[str], views: ClientEnd, me: str
    ) -> None:
        self._servers = dict(zip(names, servers, strict=True))
        self._views = views
        self._me = me
        self._primary = ""
        self._number = 0

    async def get(self, key: str) -> str:
        """The value of a key, "" if there is none."""
        return await self._do(key, None)

    async def put(self, key: str, value: str) -> None:
        """Set a key."""
        _ = await self._do(key, value)

    async def _do(self, key: str, value: str | None) -> str:
        self._number += 1
        op = Op(0, self._me, self._number, key, value)
        while True:
            if self._primary:
                reply = await self._servers[self._primary].call(Server.operate, op)
                if reply is not None and reply.ok:
                    return reply.value
            await asyncio.sleep(PING_S)
            view = await self._views.call(ViewServer.view, Ping(self._me, 0))
            if view is not None:
                self._primary = name_of(view.primary)
