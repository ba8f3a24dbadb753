"""A right solution of the Raft lab in another style: one lock, and loops that poll."""

from typing import Final

from tester.labs.patch import Rewrite

SOURCE: Final = '''\
"""Raft as it is often written in Go: one class, one lock, and a loop for each thing to do."""

import asyncio
import pickle
import random
from dataclasses import dataclass

from raft.api import ApplyMsg


@dataclass
class RequestVoteArgs:
    term: int
    candidate_id: int
    last_log_index: int
    last_log_term: int


@dataclass
class RequestVoteReply:
    term: int
    vote_granted: bool


@dataclass
class AppendEntriesArgs:
    term: int
    leader_id: int
    prev_log_index: int
    prev_log_term: int
    entries: bytes
    leader_commit: int


@dataclass
class AppendEntriesReply:
    term: int
    success: bool
    x_term: int
    x_index: int
    x_len: int


@dataclass
class InstallSnapshotArgs:
    term: int
    leader_id: int
    last_included_index: int
    last_included_term: int
    data: bytes


@dataclass
class InstallSnapshotReply:
    term: int


class Raft:
    def __init__(self, peers, me, persister, apply):
        self.peers, self.me, self.persister, self.apply_ch = peers, me, persister, apply
        self.mu = asyncio.Lock()
        self.apply_cond = asyncio.Condition(self.mu)
        self.wake = [asyncio.Event() for _ in peers]
        self.current_term, self.voted_for = 0, -1
        self.log = [(0, b"")]  # log[0] is the last entry that the snapshot covers
        self.first = 0  # the index of log[0]
        self.snapshot_data = persister.read_snapshot()
        if state := persister.read_raft_state():
            self.current_term, self.voted_for, self.first, self.log = pickle.loads(state)
        self.commit_index = self.last_applied = self.first
        self.state = "follower"
        self.next_index = [1] * len(peers)
        self.match_index = [0] * len(peers)
        self.to_install = None
        self.dead = False
        loop = asyncio.get_running_loop()
        self.deadline = 0.0
        self.tasks = [loop.create_task(self.ticker()), loop.create_task(self.applier())]
        self.calls = set()

    # -- helpers, all of them with the lock held ------------------------------------------------

    def now(self):
        return asyncio.get_running_loop().time()

    def put_off_election(self):
        self.deadline = self.now() + random.uniform(0.4, 0.8)

    def persist(self):
        state = (self.current_term, self.voted_for, self.first, self.log)
        self.persister.save(pickle.dumps(state), self.snapshot_data)

    def last_index(self):
        return self.first + len(self.log) - 1

    def term_at(self, index):
        return self.log[index - self.first][0]

    def step_down(self, term):
        if term > self.current_term:
            self.current_term, self.voted_for = term, -1
            self.persist()
        self.state = "follower"
        for event in self.wake:
            event.set()

    def spawn(self, coro):
        task = asyncio.get_running_loop().create_task(coro)
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    # -- the service ----------------------------------------------------------------------------

    async def start(self, command):
        async with self.mu:
            if self.state != "leader" or self.dead:
                return -1, self.current_term, False
            self.log.append((self.current_term, command))
            self.persist()
            for event in self.wake:
                event.set()
            return self.last_index(), self.current_term, True

    async def get_state(self):
        async with self.mu:
            return self.current_term, self.state == "leader"

    async def snapshot(self, index, data):
        async with self.mu:
            if index <= self.first:
                return
            self.log = [(self.term_at(index), b""), *self.log[index - self.first + 1 :]]
            self.first, self.snapshot_data = index, data
            self.persist()

    def kill(self):
        self.dead = True
        for task in [*self.tasks, *self.calls]:
            task.cancel()

    async def applier(self):
        while True:
            async with self.mu:
                while self.last_applied >= self.commit_index and self.to_install is None:
                    await self.apply_cond.wait()
                if self.to_install is not None:
                    messages, self.to_install = [self.to_install], None
                else:
                    first, last = self.last_applied + 1, self.commit_index
                    messages = [
                        ApplyMsg(True, self.log[i - self.first][1], i)
                        for i in range(first, last + 1)
                    ]
                    self.last_applied = last
                for message in messages:
                    self.apply_ch.put_nowait(message)

    # -- elections ------------------------------------------------------------------------------

    async def ticker(self):
        async with self.mu:
            self.put_off_election()
        while True:
            await asyncio.sleep(random.uniform(0.01, 0.03))
            async with self.mu:
                if self.state != "leader" and self.now() >= self.deadline:
                    self.campaign()

    def campaign(self):
        self.state = "candidate"
        self.current_term += 1
        self.voted_for = self.me
        self.votes = 1
        self.persist()
        self.put_off_election()
        last = self.last_index()
        args = RequestVoteArgs(self.current_term, self.me, last, self.term_at(last))
        for peer in range(len(self.peers)):
            if peer != self.me:
                self.spawn(self.ask(peer, args))

    async def ask(self, peer, args):
        reply = await self.peers[peer].call(Raft.request_vote, args)
        if reply is None:
            return
        async with self.mu:
            if reply.term > self.current_term:
                self.step_down(reply.term)
            elif self.state == "candidate" and self.current_term == args.term:
                self.votes += reply.vote_granted
                if self.votes > len(self.peers) // 2:
                    self.lead()

    def lead(self):
        self.state = "leader"
        self.next_index = [self.last_index() + 1] * len(self.peers)
        self.match_index = [0] * len(self.peers)
        for peer in range(len(self.peers)):
            if peer != self.me:
                self.spawn(self.replicator(peer, self.current_term))

    async def request_vote(self, args: RequestVoteArgs) -> RequestVoteReply:
        async with self.mu:
            if args.term > self.current_term:
                self.step_down(args.term)
            last = self.last_index()
            newer = (args.last_log_term, args.last_log_index) >= (self.term_at(last), last)
            granted = (
                args.term == self.current_term
                and self.voted_for in (-1, args.candidate_id)
                and newer
            )
            if granted:
                self.voted_for = args.candidate_id
                self.persist()
                self.put_off_election()
            return RequestVoteReply(self.current_term, granted)

    # -- replication ----------------------------------------------------------------------------

    async def replicator(self, peer, term):
        """Has one call at a time under way, and makes another when a heartbeat is due."""
        beat = 0.0
        call = None
        while True:
            async with self.mu:
                if self.state != "leader" or self.current_term != term:
                    return
                idle = call is None or call.done()
                due = self.now() >= beat
                if due or (idle and self.next_index[peer] <= self.last_index()):
                    beat = self.now() + 0.12
                    made = asyncio.get_running_loop().create_task(self.send(peer, term))
                    self.calls.add(made)
                    made.add_done_callback(self.calls.discard)
                    made.add_done_callback(lambda _, event=self.wake[peer]: event.set())
                    call = made
                self.wake[peer].clear()
                left = beat - self.now()
            try:
                async with asyncio.timeout(left):
                    await self.wake[peer].wait()
            except TimeoutError:
                pass

    async def send(self, peer, term):
        async with self.mu:
            if self.state != "leader" or self.current_term != term:
                return
            nxt = self.next_index[peer]
            if nxt <= self.first:
                args = InstallSnapshotArgs(
                    term, self.me, self.first, self.log[0][0], self.snapshot_data
                )
                method = Raft.install_snapshot
            else:
                new = self.log[nxt - self.first :]
                args = AppendEntriesArgs(
                    term,
                    self.me,
                    nxt - 1,
                    self.term_at(nxt - 1),
                    pickle.dumps(new) if new else b"",
                    self.commit_index,
                )
                method = Raft.append_entries
                sent = nxt - 1 + len(new)
        reply = await self.peers[peer].call(method, args)
        if reply is None:
            return
        async with self.mu:
            if reply.term > self.current_term:
                self.step_down(reply.term)
            if self.state != "leader" or self.current_term != term:
                return
            if method is Raft.install_snapshot:
                self.has(peer, args.last_included_index)
            elif reply.success:
                self.has(peer, sent)
            elif args.prev_log_index == self.next_index[peer] - 1:
                self.next_index[peer] = max(self.back(args, reply), self.match_index[peer] + 1)

    def back(self, args, reply):
        if reply.x_term < 0:
            return reply.x_len
        last = args.prev_log_index
        while last > self.first and self.term_at(last) > reply.x_term:
            last -= 1
        if last > self.first and self.term_at(last) == reply.x_term:
            return last
        return reply.x_index

    def has(self, peer, index):
        if index > self.match_index[peer]:
            self.match_index[peer] = index
        self.next_index[peer] = max(self.next_index[peer], self.match_index[peer] + 1)
        self.match_index[self.me] = self.last_index()
        majority = sorted(self.match_index)[(len(self.peers) - 1) // 2]
        if majority > self.commit_index and self.term_at(majority) == self.current_term:
            self.commit_index = majority
            self.apply_cond.notify()

    async def append_entries(self, args: AppendEntriesArgs) -> AppendEntriesReply:
        async with self.mu:
            if args.term < self.current_term:
                return AppendEntriesReply(self.current_term, False, -1, -1, 0)
            self.step_down(args.term)
            self.put_off_election()
            prev = args.prev_log_index
            entries = pickle.loads(args.entries) if args.entries else []
            if prev > self.last_index():
                return AppendEntriesReply(self.current_term, False, -1, -1, self.last_index() + 1)
            if prev >= self.first and self.term_at(prev) != args.prev_log_term:
                x_term, x_index = self.term_at(prev), prev
                while x_index - 1 > self.first and self.term_at(x_index - 1) == x_term:
                    x_index -= 1
                return AppendEntriesReply(self.current_term, False, x_term, x_index, 0)
            for i, entry in enumerate(entries):
                index = prev + 1 + i
                if index <= self.first:
                    continue
                if index > self.last_index() or self.term_at(index) != entry[0]:
                    self.log = self.log[: index - self.first] + entries[i:]
                    self.persist()
                    break
            last = min(args.leader_commit, prev + len(entries))
            if last > self.commit_index:
                self.commit_index = last
                self.apply_cond.notify()
            return AppendEntriesReply(self.current_term, True, -1, -1, 0)

    async def install_snapshot(self, args: InstallSnapshotArgs) -> InstallSnapshotReply:
        async with self.mu:
            if args.term < self.current_term:
                return InstallSnapshotReply(self.current_term)
            self.step_down(args.term)
            self.put_off_election()
            index, term = args.last_included_index, args.last_included_term
            if index <= self.commit_index:
                return InstallSnapshotReply(self.current_term)
            if index <= self.last_index() and self.term_at(index) == term:
                self.log = [(term, b""), *self.log[index - self.first + 1 :]]
            else:
                self.log = [(term, b"")]
            self.first, self.snapshot_data = index, args.data
            self.persist()
            self.commit_index = self.last_applied = index
            self.to_install = ApplyMsg(
                snapshot_valid=True,
                snapshot=args.data,
                snapshot_term=term,
                snapshot_index=index,
            )
            self.apply_cond.notify()
            return InstallSnapshotReply(self.current_term)
'''

SOLUTIONS: Final = (
    Rewrite(
        "one_lock_and_loops",
        "One class, one asyncio.Lock, tasks that poll, and a pickled log, as ported from Go.",
        (("raft/raft.py", SOURCE),),
    ),
)

_START: Final = """\
        async with self.mu:
            if self.state != "leader" or self.dead:
                return -1, self.current_term, False
            self.log.append((self.current_term, command))
"""
_START_AFTER_A_PAUSE: Final = """\
        if self.state != "leader" or self.dead:
            return -1, self.current_term, False
        await asyncio.sleep(0.001)
        async with self.mu:
            self.log.append((self.current_term, command))
"""
_LATER: Final = "*self.log[index - self.first + 1 :]"

BUGS: Final = (
    Rewrite(
        "keeps_where_a_snapshot_ends",
        "Of a log that agrees with a snapshot from elsewhere, the entry at which it ends stays.",
        (("raft/raft.py", SOURCE.replace(_LATER, "*self.log[index - self.first :]")),),
        killed_by=("test_snapshot_into_right_log",),
    ),
    Rewrite(
        "appends_without_leading",
        "Whether it leads is looked at before something is awaited, and not after.",
        (("raft/raft.py", SOURCE.replace(_START, _START_AFTER_A_PAUSE)),),
        killed_by=("test_starts_while_deposed",),
        seeds=2,
    ),
    Rewrite(
        "commits_its_tail_with_a_snapshot",
        "What follows a snapshot from elsewhere in the own log counts as committed, too.",
        (
            (
                "raft/raft.py",
                SOURCE.replace(
                    "self.commit_index = self.last_applied = index\n",
                    "self.last_applied, self.commit_index = index, self.last_index()\n",
                ),
            ),
        ),
        killed_by=("test_snapshot_before_a_wrong_tail",),
        seeds=10,
    ),
    Rewrite(
        "looks_before_its_snapshot",
        "A leader sends entries also if the first of them is the last one that its snapshot has.",
        (("raft/raft.py", SOURCE.replace("if nxt <= self.first:", "if nxt < self.first:")),),
        killed_by=("test_snapshot_next_to_a_log",),
        seeds=2,
    ),
)
