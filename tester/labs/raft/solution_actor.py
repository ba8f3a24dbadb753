"""A right solution of the Raft lab in another style: an actor, with pre-votes."""

from typing import Final

from tester.labs.patch import Rewrite

SOURCE: Final = '''\
"""Raft as an actor: one task takes events from a queue, and nobody else touches its state."""

import asyncio
import json
import random

from labrpc import Message
from raft.api import ApplyMsg


class Vote(Message):
    term: int
    who: int
    last: tuple[int, int]
    pre: bool


class Voted(Message):
    term: int
    yes: bool


class Entries(Message):
    term: int
    who: int
    prev: int
    prev_term: int
    terms: list[int]
    commands: list[bytes]
    commit: int


class Took(Message):
    term: int
    yes: bool
    upto: int


class Piece(Message):
    """A piece of a snapshot; the last one says so."""

    term: int
    who: int
    index: int
    index_term: int
    offset: int
    data: bytes
    last: bool


class Got(Message):
    term: int
    offset: int


PIECE = 400


class Raft:
    """With pre-votes (section 9.6 of Ongaro's dissertation), and snapshots sent in pieces."""

    def __init__(self, peers, me, persister, apply):
        self.peers, self.me, self.persister, self.out = peers, me, persister, apply
        self.others = [p for p in range(len(peers)) if p != me]
        self.term, self.vote = 0, None
        self.base = (0, 0)
        self.terms, self.commands = [], []
        self.snap = persister.read_snapshot()
        if state := persister.read_raft_state():
            self.term, self.vote, base, self.terms, commands = json.loads(state)
            self.base = tuple(base)
            self.commands = [bytes.fromhex(c) for c in commands]
        self.commit = self.applied = self.base[0]
        self.role, self.leader_seen = "follower", -10.0
        self.pieces = (0, 0, b"")
        self.inbox = asyncio.Queue()
        self.tasks = set()
        self.due = 0.0
        self.dead = False
        self.rest()
        self.spawn(self.run())
        self.spawn(self.clock())

    # -- the outside ----------------------------------------------------------------------------

    def kill(self):
        self.dead = True
        for task in list(self.tasks):
            task.cancel()

    async def ask_actor(self, what, *args):
        answer = asyncio.get_running_loop().create_future()
        self.inbox.put_nowait((what, args, answer))
        return await answer

    async def start(self, command):
        return await self.ask_actor(self.on_start, command)

    def get_state(self):
        return self.term, self.role == "leader"

    async def snapshot(self, index, data):
        await self.ask_actor(self.on_snapshot, index, data)

    async def request_vote(self, args: Vote) -> Voted:
        return await self.ask_actor(self.on_vote, args)

    async def append(self, args: Entries) -> Took:
        return await self.ask_actor(self.on_entries, args)

    async def install(self, args: Piece) -> Got:
        return await self.ask_actor(self.on_piece, args)

    # -- the actor ------------------------------------------------------------------------------

    async def run(self):
        while True:
            what, args, answer = await self.inbox.get()
            result = what(*args)
            if answer is not None and not answer.done():
                answer.set_result(result)
            await asyncio.sleep(0)

    async def clock(self):
        while True:
            await asyncio.sleep(0.015)
            self.inbox.put_nowait((self.on_tick, (), None))

    def now(self):
        return asyncio.get_running_loop().time()

    def spawn(self, coro):
        task = asyncio.get_running_loop().create_task(coro)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def call(self, peer, method, args, then):
        reply = await self.peers[peer].call(method, args)
        self.inbox.put_nowait((self.on_reply, (peer, args, reply, then), None))

    def on_reply(self, peer, args, reply, then):
        if reply is not None and reply.term > self.term:
            self.enter(reply.term)
        then(peer, args, reply)

    def rest(self):
        self.due = self.now() + random.randint(350, 700) / 1000

    def save(self):
        state = [self.term, self.vote, self.base, self.terms, [c.hex() for c in self.commands]]
        self.persister.save(json.dumps(state).encode(), self.snap)

    def last(self):
        return self.base[0] + len(self.terms)

    def term_of(self, index):
        return self.base[1] if index == self.base[0] else self.terms[index - self.base[0] - 1]

    def enter(self, term):
        self.term, self.vote, self.role = term, None, "follower"
        self.save()

    def on_start(self, command):
        if self.role != "leader":
            return -1, self.term, False
        self.terms.append(self.term)
        self.commands.append(command)
        self.save()
        self.advance()
        for peer in self.others:
            self.push(peer)
        return self.last(), self.term, True

    def on_snapshot(self, index, data):
        if self.base[0] < index <= self.applied:
            base = index, self.term_of(index)
            del self.terms[: index - self.base[0]], self.commands[: index - self.base[0]]
            self.base, self.snap = base, data
            self.save()

    def on_tick(self):
        if self.role == "leader":
            if self.now() >= self.due:
                self.due = self.now() + 0.12
                for peer in self.others:
                    self.push(peer, beat=True)
        elif self.now() >= self.due:
            self.rest()
            self.canvass(pre=True)

    # -- elections ------------------------------------------------------------------------------

    def canvass(self, pre):
        if not pre:
            self.enter(self.term + 1)
            self.role, self.vote = "candidate", self.me
            self.save()
        yes = {self.me}
        last = self.term_of(self.last()), self.last()
        args = Vote(self.term + pre, self.me, last, pre)
        asked_in = self.term

        def then(peer, args, reply):
            if reply is None or not reply.yes or self.term != asked_in or self.role == "leader":
                return
            if len(yes) * 2 > len(self.peers):
                return
            yes.add(peer)
            if len(yes) * 2 > len(self.peers):
                self.canvass(pre=False) if pre else self.lead()

        for peer in self.others:
            self.spawn(self.call(peer, Raft.request_vote, args, then))

    def on_vote(self, args):
        good = args.last >= (self.term_of(self.last()), self.last())
        if args.pre:  # which changes nothing
            quiet = self.now() - self.leader_seen >= 0.3 and self.role != "leader"
            return Voted(self.term, args.term > self.term and good and quiet)
        if args.term > self.term:
            self.enter(args.term)
        yes = args.term == self.term and self.vote in (None, args.who) and good
        if yes:
            self.vote = args.who
            self.save()
            self.rest()
        return Voted(self.term, yes)

    def lead(self):
        self.role, self.due = "leader", 0.0
        self.next = dict.fromkeys(self.others, self.last() + 1)
        self.match = dict.fromkeys(self.others, 0)
        self.busy = dict.fromkeys(self.others, False)
        self.sent = dict.fromkeys(self.others, (0, 0))
        self.on_tick()

    # -- replication ----------------------------------------------------------------------------

    def push(self, peer, beat=False):
        """Send what a peer lacks, one message at a time; with a beat, ask at least."""
        if self.busy[peer] and not beat:
            return
        at = self.next[peer]
        if at <= self.base[0]:
            self.busy[peer] = True
            index, offset = self.sent[peer]
            self.send_piece(peer, offset if index == self.base[0] else 0)
            return
        new = slice(at - self.base[0] - 1, None) if not self.busy[peer] else slice(0, 0)
        terms = self.terms[new]
        if not terms and not beat:
            return
        self.busy[peer] = True
        args = Entries(
            self.term,
            self.me,
            at - 1,
            self.term_of(at - 1),
            terms,
            self.commands[new],
            self.commit,
        )
        self.spawn(self.call(peer, Raft.append, args, self.after_entries))

    def after_entries(self, peer, args, reply):
        if self.role != "leader" or self.term != args.term:
            return
        self.busy[peer] = False
        if reply is None:
            return
        if reply.yes:
            self.note(peer, args.prev + len(args.terms))
        elif args.prev == self.next[peer] - 1:
            upto = min(reply.upto, args.prev - 1)
            self.next[peer] = max(upto, self.match[peer]) + 1
            self.push(peer)

    def send_piece(self, peer, offset):
        self.sent[peer] = self.base[0], offset
        data = self.snap[offset : offset + PIECE]
        last = offset + PIECE >= len(self.snap)
        args = Piece(self.term, self.me, *self.base, offset, data, last)
        self.spawn(self.call(peer, Raft.install, args, self.after_piece))

    def after_piece(self, peer, args, reply):
        if self.role != "leader" or self.term != args.term:
            return
        self.busy[peer] = False
        if reply is None:
            return
        if args.last and reply.offset >= args.offset + len(args.data):
            self.note(peer, args.index)
        elif args.index == self.base[0]:
            self.busy[peer] = True
            self.send_piece(peer, min(reply.offset, len(self.snap)))

    def note(self, peer, index):
        self.match[peer] = max(self.match[peer], index)
        self.next[peer] = max(self.next[peer], self.match[peer] + 1)
        self.advance()
        self.push(peer)

    def advance(self):
        have = sorted([self.last(), *self.match.values()], reverse=True)
        index = have[len(self.peers) // 2]
        if index > self.commit and self.term_of(index) == self.term:
            self.commit = index
            self.deliver()

    def deliver(self):
        while self.applied < self.commit:
            self.applied += 1
            command = self.commands[self.applied - self.base[0] - 1]
            self.out.put_nowait(ApplyMsg(True, command, self.applied))

    def obey(self, args):
        """Whether a message is of who leads in this term, or a later one."""
        if args.term < self.term:
            return False
        if args.term > self.term:
            self.enter(args.term)
        self.role, self.leader_seen = "follower", self.now()
        self.rest()
        return True

    def on_entries(self, args):
        if not self.obey(args):
            return Took(self.term, False, 0)
        prev, skip = args.prev, max(self.base[0] - args.prev, 0)
        if not skip:
            if prev > self.last():
                return Took(self.term, False, self.last())
            if self.term_of(prev) != args.prev_term:
                upto = prev
                while upto > self.base[0] and self.term_of(upto) > args.prev_term:
                    upto -= 1
                return Took(self.term, False, upto if upto < prev else self.before(prev))
        for at in range(skip, len(args.terms)):
            place = prev + at - self.base[0]
            if place >= len(self.terms) or self.terms[place] != args.terms[at]:
                self.terms[place:] = args.terms[at:]
                self.commands[place:] = args.commands[at:]
                self.save()
                break
        self.commit = max(self.commit, min(args.commit, prev + len(args.terms)))
        self.deliver()
        return Took(self.term, True, 0)

    def before(self, index):
        """The last entry of an earlier term than this one's."""
        term = self.term_of(index)
        while index > self.base[0] and self.term_of(index) == term:
            index -= 1
        return index

    def on_piece(self, args):
        if not self.obey(args):
            return Got(self.term, 0)
        index, who = args.index, args.who
        if index <= self.commit:
            return Got(self.term, args.offset + len(args.data))
        at, source, data = self.pieces
        if (at, source) != (index, who) or args.offset > len(data):
            data = b""
        if args.offset > len(data):
            return Got(self.term, 0)
        data = data[: args.offset] + args.data
        self.pieces = index, who, data
        if args.last:
            if index <= self.last() and self.term_of(index) == args.index_term:
                del self.terms[: index - self.base[0]], self.commands[: index - self.base[0]]
            else:
                self.terms, self.commands = [], []
            self.base, self.snap = (index, args.index_term), data
            self.commit = self.applied = index
            self.save()
            self.out.put_nowait(
                ApplyMsg(
                    snapshot_valid=True,
                    snapshot=data,
                    snapshot_term=args.index_term,
                    snapshot_index=index,
                )
            )
        return Got(self.term, len(data))

    def describe(self):
        return {
            "term": self.term,
            "voted_for": self.vote,
            "commit": self.commit,
            "base": self.base[0],
            "base_term": self.base[1],
            "terms": list(self.terms),
        }
'''

SOLUTIONS: Final = (
    Rewrite(
        "actor_with_pre_votes",
        "An actor that takes everything from a queue, with pre-votes and snapshots in pieces.",
        (("raft/raft.py", SOURCE),),
    ),
)
