"""A Raft peer: the lab's interface and its RPCs, as a shell of timers, calls and a disk.

All that Raft decides, `raft.core` decides. The shell tells it what happens, and does what it says:
first save, then wait until that is safe, then let out what may depend on it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from labrpc import ClientEnd
from labrpc.codec import codec
from raft.api import ApplyMsg, Persister
from raft.core import Core
from raft.events import Command, Event, Ready, Request, Response, Snapshot, TimerExpired
from raft.messages import (
    AppendEntriesArgs,
    AppendEntriesReply,
    Args,
    InstallSnapshotArgs,
    InstallSnapshotReply,
    Reply,
    RequestVoteArgs,
    RequestVoteReply,
)
from raft.state import Role, Saved

HEARTBEAT_MS: Final = 120
"""The lab allows about ten a second."""
ELECTION_MS: Final = 300, 600
"""Long enough for a few lost heartbeats, short enough for several elections in five seconds."""


class Raft:
    """One peer. `peers[me]` is an end to itself, which it never uses.

    Every committed command goes into `apply`, in the order of the log. After a restart that begins
    again after the snapshot, which the service finds in `persister` itself.
    """

    def __init__(
        self,
        peers: Sequence[ClientEnd],
        me: int,
        persister: Persister,
        apply: asyncio.Queue[ApplyMsg],
    ) -> None:
        self._peers = peers
        self._persister = persister
        self._apply = apply
        self._codec = codec(Saved)
        state = persister.read_raft_state()
        saved = self._codec.decode(state) if state else None
        self._core = Core(me, len(peers), saved, persister.read_snapshot())

        self._saves = 0
        self._safe = 0
        self._waiting: deque[tuple[int, Ready]] = (
            deque()
        )  # (how many saves must be safe, what waits)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._killed = False
        self._timer: asyncio.TimerHandle | None = None
        self._start_timer()

    # -- for the service --------------------------------------------------------------------------

    def start(self, command: bytes) -> tuple[int, int, bool]:
        """Have a command agreed on: its index if it is ever committed, the term, and if we lead.

        Returns at once, and promises nothing: the leader may fail. Without leading, the index is
        -1.
        """
        core = self._core
        if core.role is not Role.LEADER or self._killed:
            return -1, core.term, False
        self._drive(Command(command))
        return core.log.last_index, core.term, True

    def get_state(self) -> tuple[int, bool]:
        """The current term, and whether this peer believes that it leads."""
        return self._core.term, self._core.role is Role.LEADER

    def snapshot(self, index: int, data: bytes) -> None:
        """The service has in `data` all it was given up to `index`; the log up to there may go.

        Raises IndexError if it has not been given that much.
        """
        self._drive(Snapshot(index, data))

    def kill(self) -> None:
        """Stop: start no election, send and deliver nothing; a late request is still answered."""
        self._killed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()

    def describe(self) -> dict[str, Any]:
        """What an observer may want to see, as plain data.

        `term`, `voted_for` and `leader` (peers or None), `role` ("follower", "candidate" or
        "leader"), `commit` and `applied` (indexes), `base` and `base_term` (the last entry that
        the snapshot covers), and `terms` (of the entries after it, a fresh list).
        """
        core = self._core
        return {
            "term": core.term,
            "voted_for": core.voted_for,
            "role": str(core.role),
            "leader": core.leader,
            "commit": core.commit,
            "applied": core.applied,
            "base": core.log.base,
            "base_term": core.log.base_term,
            "terms": core.log.terms.copy(),
        }

    # -- for its peers ----------------------------------------------------------------------------

    async def request_vote(self, args: RequestVoteArgs) -> RequestVoteReply:
        """A candidate asks for a vote."""
        reply: RequestVoteReply = await self._reply(args)
        return reply

    async def append_entries(self, args: AppendEntriesArgs) -> AppendEntriesReply:
        """A leader sends entries, or a heartbeat."""
        reply: AppendEntriesReply = await self._reply(args)
        return reply

    async def install_snapshot(self, args: InstallSnapshotArgs) -> InstallSnapshotReply:
        """A leader sends its snapshot."""
        reply: InstallSnapshotReply = await self._reply(args)
        return reply

    async def _reply(self, args: Args) -> Any:
        ready = self._step(Request(args))
        await self._sync()
        return ready.reply

    # -- the shell --------------------------------------------------------------------------------

    def _step(self, event: Event) -> Ready:
        """Pass the event to the core, and save. The rest is held until the caller's `_sync`."""
        core = self._core
        ready = core.step(event)
        if ready.save:
            self._persister.save(self._codec.encode(core.saved()), core.snapshot)
            self._saves += 1
        if ready.reset_timer:
            self._start_timer()
        if ready.messages or ready.apply:
            self._waiting.append((self._saves, ready))
        return ready

    def _drive(self, event: Event) -> None:
        """Step without waiting: `_sync` runs in a task."""
        self._step(event)
        if self._safe == self._saves:
            self._release()
        else:
            self._spawn(self._sync())

    async def _sync(self) -> None:
        """Wait until all that was saved by now is safe, and let out what waits for that."""
        saves = self._saves
        if self._safe < saves:
            await self._persister.sync()
            self._safe = max(self._safe, saves)
        self._release()

    def _release(self) -> None:
        """Send and deliver what may go, in the order of the steps."""
        while self._waiting and self._waiting[0][0] <= self._safe:
            _, ready = self._waiting.popleft()
            if self._killed:
                continue
            for message in ready.apply:
                self._apply.put_nowait(message)
            for peer, args in ready.messages:
                if args.term == self._core.term:
                    self._spawn(self._call(peer, args))

    async def _call(self, peer: int, args: Args) -> None:
        """Make a call. Without an answer nothing is done: the next heartbeat or election asks."""
        end = self._peers[peer]
        reply: Reply | None
        match args:
            case RequestVoteArgs():
                reply = await end.call(Raft.request_vote, args)
            case AppendEntriesArgs():
                reply = await end.call(Raft.append_entries, args)
            case InstallSnapshotArgs():
                reply = await end.call(Raft.install_snapshot, args)
        if reply is not None:
            self._step(Response(peer, args, reply))
            await self._sync()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task, and keep it: asyncio holds tasks only by weak references, see gh-91887."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    def _start_timer(self) -> None:
        """Wait for a heartbeat or, for a random time, for an election (sections 5.2 and 9.3)."""
        if self._timer is not None:
            self._timer.cancel()
        if self._killed:
            return
        leads = self._core.role is Role.LEADER
        ms = HEARTBEAT_MS if leads else random.randint(*ELECTION_MS)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(ms / 1000, self._drive, TimerExpired())
