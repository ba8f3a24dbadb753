"""Single-decree Paxos: proposers and acceptors choose one value, and never another one.

Lamport, "Paxos Made Simple" (2001). A value is chosen when a majority of the acceptors has
accepted it under one ballot. A proposer first asks a majority to promise that it will accept
nothing under a lower ballot. Of the values it then hears of, it has to propose the one accepted
under the highest ballot, for that may be chosen. Only if it hears of none may it propose its own.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence

from labrpc import ClientEnd, Message
from tester import Disk


class Prepare(Message, frozen=True):
    ballot: int


class Promise(Message, frozen=True):
    promised: int
    """The highest ballot that the acceptor has promised: if it is the one asked for, a yes."""
    accepted: int
    """The ballot under which it last accepted a value; 0: it has accepted none."""
    value: str


class Accept(Message, frozen=True):
    ballot: int
    value: str


class Acceptor:
    """Promises and accepts, and forgets neither in a crash."""

    def __init__(self, peers: Sequence[ClientEnd], me: int, disk: Disk) -> None:
        self._disk = disk
        saved = json.loads(disk.read("acceptor") or b'[0, 0, ""]')
        self._promised, self._accepted, self._value = saved

    async def prepare(self, args: Prepare) -> Promise:
        """Promise to accept nothing under a lower ballot."""
        if args.ballot > self._promised:
            self._promised = args.ballot
            await self._save()
        return Promise(self._promised, self._accepted, self._value)

    async def accept(self, args: Accept) -> Promise:
        """Accept a value, unless a higher ballot has been promised."""
        if args.ballot >= self._promised:
            self._promised = self._accepted = args.ballot
            self._value = args.value
            await self._save()
        return Promise(self._promised, self._accepted, self._value)

    async def _save(self) -> None:
        saved = json.dumps([self._promised, self._accepted, self._value]).encode()
        self._disk.write({"acceptor": saved})
        await self._disk.sync()

    def describe(self) -> dict[str, int | str]:
        """What an invariant sees."""
        return {"promised": self._promised, "accepted": self._accepted, "value": self._value}


class Proposer:
    """Proposes a value, and learns which one is chosen."""

    def __init__(self, acceptors: Sequence[ClientEnd], me: int, proposers: int) -> None:
        self._acceptors = acceptors
        self._majority = len(acceptors) // 2 + 1
        self._me = me
        self._ballot = me + 1
        self._step = proposers
        """Ballots are distinct: each proposer has every n-th."""

    async def propose(self, value: str) -> str:
        """Have a value chosen: this one, unless another one may be; which it was."""
        while True:
            chosen = await self._round(value)
            if chosen is not None:
                return chosen
            self._ballot += self._step
            await asyncio.sleep(0.05 * (1 + self._me) + 0.2 * random.random())

    async def _round(self, value: str) -> str | None:
        ballot = self._ballot
        promises = self._granted(
            ballot,
            await asyncio.gather(
                *(a.call(Acceptor.prepare, Prepare(ballot)) for a in self._acceptors)
            ),
        )
        if len(promises) < self._majority:
            return None
        value = self._to_propose(promises, value)
        accepted = self._granted(
            ballot,
            await asyncio.gather(
                *(a.call(Acceptor.accept, Accept(ballot, value)) for a in self._acceptors)
            ),
        )
        return value if len(accepted) >= self._majority else None

    def _granted(self, ballot: int, replies: Sequence[Promise | None]) -> list[Promise]:
        """The replies that say yes; the others say which ballot is to be exceeded."""
        heard = [reply for reply in replies if reply is not None]
        highest = max((reply.promised for reply in heard), default=0)
        while self._ballot + self._step <= highest:
            self._ballot += self._step
        return [reply for reply in heard if reply.promised == ballot]

    def _to_propose(self, promises: Sequence[Promise], value: str) -> str:
        """Adopt the value accepted under the highest ballot, if there is one."""
        latest = max(promises, key=lambda promise: promise.accepted)
        return latest.value if latest.accepted else value
