"""A replicated state machine: requests go through the log of Raft to the machine of each replica.

What `submit` puts into the log is applied by the reader of the apply queue, which then wakes the
task that waits for it. Nobody else calls the machine.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from kvraft.api import StateMachine
from kvsrv.rpc import Err
from labrpc import ClientEnd, Message
from labrpc.codec import codec
from raft.api import ApplyMsg, Persister
from raft.raft import Raft

R = TypeVar("R")

TERM_CHECK_MS: Final = 50
"""A request whose leader was deposed is given up within this time."""


class Entry(Message, frozen=True):
    """What the log holds of a request: no two submissions have the same origin and number."""

    origin: int
    number: int
    request: bytes


class Snapshot(Message, frozen=True):
    """A snapshot of the machine, and the index up to which it had applied the log."""

    applied: int
    machine: bytes


ENTRY: Final = codec(Entry)
SNAPSHOT: Final = codec(Snapshot)


class _Waiter(Generic[R]):
    """A request that is under way: its place in the log as soon as that is known, its answer."""

    def __init__(self) -> None:
        self.index = 0
        self.term = 0
        self.answer: asyncio.Future[tuple[Err, R | None]] = (
            asyncio.get_running_loop().create_future()
        )

    def give(self, err: Err, reply: R | None = None) -> None:
        """Answer, unless that has been done or the caller no longer waits."""
        if not self.answer.done():
            self.answer.set_result((err, reply))


class RSM(Generic[R]):
    """One replica: a Raft peer, as `raft`, and the machine above it.

    A snapshot is made when the Raft state comes near `maxraftstate` bytes; -1: never.
    """

    def __init__(
        self,
        peers: Sequence[ClientEnd],
        me: int,
        persister: Persister,
        maxraftstate: int,
        state_machine: StateMachine[R],
    ) -> None:
        self._persister = persister
        self._maxraftstate = maxraftstate
        self._machine = state_machine
        self._applied = 0
        if data := persister.read_snapshot():
            self._restore(data)
        self._origin = secrets.randbits(62)
        self._number = 0
        self._waiters: dict[int, _Waiter[R]] = {}
        self._numbers: dict[int, int] = {}
        """By index: the number of the request that was given this place in the log."""
        self._killed = False
        self._queue: asyncio.Queue[ApplyMsg] = asyncio.Queue()
        self.raft: Any = Raft(peers, me, persister, self._queue)
        """Any Raft with the interface of the lab: its methods are `def` or `async def`."""
        loop = asyncio.get_running_loop()
        self._reader = loop.create_task(self._read(), name="reader of the apply queue")
        self._term_check: asyncio.Task[None] | None = None

    async def submit(self, request: bytes) -> tuple[Err, R | None]:
        """Have a request applied on every replica: OK, and the reply of the machine.

        Or WRONG_LEADER: this replica does not lead, or has ceased to while the request was under
        way. Then it may have been applied, or may still be.
        """
        number = self._number = self._number + 1
        waiter = self._waiters[number] = _Waiter[R]()
        try:
            entry = ENTRY.encode(Entry(self._origin, number, request))
            started = self.raft.start(entry)
            index, term, leads = started if type(started) is tuple else await _result(started)
            if not leads or self._killed:
                return Err.WRONG_LEADER, None
            waiter.index, waiter.term = index, term
            self._numbers[index] = number
            if self._term_check is None or self._term_check.done():
                self._term_check = asyncio.get_running_loop().create_task(self._check_terms())
            return await waiter.answer
        finally:
            del self._waiters[number]
            if self._numbers.get(waiter.index) == number:
                del self._numbers[waiter.index]

    def kill(self) -> object:
        """Stop, with the Raft: every waiting submit returns WRONG_LEADER."""
        self._killed = True
        self._reader.cancel()
        if self._term_check is not None:
            self._term_check.cancel()
        for waiter in self._waiters.values():
            waiter.give(Err.WRONG_LEADER)
        killed: object = self.raft.kill()
        return killed

    # -- the log ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._queue.get()
            if message.snapshot_valid:
                self._restore(message.snapshot)
            if message.command_valid:
                self._apply(message.command_index, ENTRY.decode(message.command))
                await self._compact()

    def _apply(self, index: int, entry: Entry) -> None:
        reply = self._machine.apply(entry.request)
        self._applied = index
        mine = entry.number if entry.origin == self._origin else 0
        if mine in self._waiters:
            self._waiters[mine].give(Err.OK, reply)
        if (expected := self._numbers.get(index, mine)) != mine:
            self._waiters[expected].give(Err.WRONG_LEADER)  # another leader has filled its place

    async def _compact(self) -> None:
        """Replace the log by a snapshot if the Raft state has three quarters of what it may."""
        if 0 < 3 * self._maxraftstate <= 4 * self._persister.raft_state_size():
            data = SNAPSHOT.encode(Snapshot(self._applied, self._machine.snapshot()))
            await _result(self.raft.snapshot(self._applied, data))

    def _restore(self, data: bytes) -> None:
        snapshot = SNAPSHOT.decode(data)
        self._machine.restore(snapshot.machine)
        self._applied = snapshot.applied

    # -- leadership -------------------------------------------------------------------------------

    async def _check_terms(self) -> None:
        """Give up the requests of earlier terms, as long as there are requests.

        Nothing else may ever come for them: a new leader need not have anything to say.
        """
        while self._waiters:
            await asyncio.sleep(TERM_CHECK_MS / 1_000)
            term, leads = await _result(self.raft.get_state())
            for waiter in self._waiters.values():
                if waiter.index and not (leads and waiter.term == term):
                    waiter.give(Err.WRONG_LEADER)


async def _result(returned: Any) -> Any:
    """What a method of a Raft returns, be it `def` or `async def`."""
    return await returned if hasattr(returned, "__await__") else returned
