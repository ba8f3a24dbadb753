"""A leader that reads its own table while a majority promises it no other, and how that fails."""

from dataclasses import replace
from typing import Final

from tester.labs.patch import Patch

MAKE = "        self._rsm = RSM(peers, me, persister, maxraftstate, KVMachine())\n"
GET = """\
        err, reply = await self._rsm.submit(KV_REQUEST.encode(KVRequest(args.key)))
        return reply if isinstance(reply, GetReply) else GetReply("", 0, err)
"""
LOCAL = "self._machine.apply(KV_REQUEST.encode(KVRequest(args.key)))"
LEASE = '''
PROMISE_S = 0.3
"""A server that has heard from a leader votes for nobody else so long: no less than an election
timeout. A leader counts on two thirds of that, so clocks may be a third apart."""


class Raft:
    """A Raft that keeps its promise, for the RPCs; all else is asked of the one below."""

    def __init__(self, raft: RealRaft) -> None:
        self._raft = raft
        self._heard = self._time()  # or it forgets a promise when it restarts

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    def __getattr__(self, name: str) -> object:
        return getattr(self._raft, name)

    async def request_vote(self, args: RequestVoteArgs) -> RequestVoteReply:
        if self._time() < self._heard + PROMISE_S:
            return RequestVoteReply(0, False)
        return await self._raft.request_vote(args)

    async def append_entries(self, args: AppendEntriesArgs) -> AppendEntriesReply:
        if args.term >= self._raft.get_state()[0]:
            self._heard = self._time()
        return await self._raft.append_entries(args)

    async def install_snapshot(self, args: InstallSnapshotArgs) -> InstallSnapshotReply:
        return await self._raft.install_snapshot(args)


class Lease:
    """Until when a majority has promised to vote for nobody else."""

    def __init__(self, ends: Sequence[ClientEnd], me: int) -> None:
        self._sent = dict.fromkeys((i for i in range(len(ends)) if i != me), (0, -1.0))
        self._majority = len(ends) // 2
        self.ends = [Leased(end, i, self) for i, end in enumerate(ends)]

    def heard(self, peer: int, term: int, sent: float) -> None:
        self._sent[peer] = max(self._sent[peer], (term, sent))

    def holds(self, term: int) -> bool:
        mine = sorted((sent for t, sent in self._sent.values() if t == term), reverse=True)
        if len(mine) < self._majority:
            return False
        now = asyncio.get_running_loop().time()
        return now < mine[self._majority - 1] + PROMISE_S * 2 / 3


class Leased:
    """An end that notes when a follower has heard from this leader."""

    def __init__(self, end: ClientEnd, peer: int, lease: Lease) -> None:
        self._end, self._peer, self._lease = end, peer, lease

    async def call(self, method: object, args: object) -> object:
        sent = asyncio.get_running_loop().time()
        reply = await self._end.call(method, args)
        if isinstance(reply, AppendEntriesReply) and reply.term == args.term:
            self._lease.heard(self._peer, args.term, sent)
        return reply


class KVServer:
'''
LEASED_GET = f"""\
        term, leads = self._rsm.raft.get_state()
        if leads and self._term == term and self._lease.holds(term):
            return {LOCAL}
        err, reply = await self._rsm.submit(KV_REQUEST.encode(KVRequest(args.key)))
        if err is Err.OK and self._rsm.raft.get_state() == (term, True):
            self._term = term  # it has applied all that earlier terms have committed
        return reply if isinstance(reply, GetReply) else GetReply("", 0, err)
"""
RAFT_IMPORTS = """\
import asyncio

from raft.api import Persister
from raft.messages import (
    AppendEntriesArgs,
    AppendEntriesReply,
    InstallSnapshotArgs,
    InstallSnapshotReply,
    RequestVoteArgs,
    RequestVoteReply,
)
from raft.raft import Raft as RealRaft
"""

LEADER_LEASE: Final = Patch(
    "leader_lease",
    "A leader answers reads from its table as long as a majority has promised it no other.",
    "kvraft/server.py",
    (
        (
            MAKE,
            """\
        self._lease, self._term = Lease(peers, me), -1
        self._machine = KVMachine()
        self._rsm = RSM(self._lease.ends, me, persister, maxraftstate, self._machine)
        self._raft = Raft(self._rsm.raft)
""",
        ),
        (GET, LEASED_GET),
        ("        return [self, self._rsm.raft]\n", "        return [self, self._raft]\n"),
        ("\nclass KVServer:\n", LEASE),
        ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
        ("from raft.api import Persister\n", RAFT_IMPORTS),
    ),
)

REMEMBERS = "        self._heard = self._time()  # or it forgets a promise when it restarts\n"
CUT_OFF = ("test_reads_at_a_leader_that_is_cut_off",)

LEASES: Final = (
    replace(
        LEADER_LEASE,
        name="lease_longer_than_the_promise",
        about="A leader answers reads from its table for longer than others keep their promise.",
        edits=(*LEADER_LEASE.edits, ("PROMISE_S * 2 / 3", "PROMISE_S * 8 / 3")),
        killed_by=CUT_OFF,
    ),
    replace(
        LEADER_LEASE,
        name="promise_forgotten_by_a_restart",
        about="A server that restarts votes at once, whatever it has promised its leader before.",
        edits=(*LEADER_LEASE.edits, (REMEMBERS, "        self._heard = -1.0\n")),
        killed_by=CUT_OFF,
        seeds=10,
    ),
)
