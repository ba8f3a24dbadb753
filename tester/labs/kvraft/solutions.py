"""Correct solutions of the kvraft lab in styles of their own, which its suite must let pass."""

from typing import Final

from tester.labs.patch import Rewrite

WITHOUT_RSM = '''\
"""All in one class: commands as JSON, waiting by a condition, for half a second at most."""

import asyncio
import json
import random

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply
from raft.api import ApplyMsg, Persister
from raft.raft import Raft

KEPT = 500


class KVServer:
    def __init__(self, peers, me: int, persister: Persister, maxraftstate: int) -> None:
        self.me, self.persister, self.limit = me, persister, maxraftstate
        self.store: dict[str, list] = {}
        self.applied = 0
        self.results: dict[int, tuple[bytes, list]] = {}
        self.changed = asyncio.Condition()
        if saved := persister.read_snapshot():
            self.load(saved)
        self.queue: asyncio.Queue[ApplyMsg] = asyncio.Queue()
        self.raft = Raft(peers, me, persister, self.queue)
        self.task = asyncio.get_running_loop().create_task(self.run())

    def services(self):
        return [self, self.raft]

    def kill(self) -> None:
        self.task.cancel()
        self.raft.kill()

    def load(self, saved: bytes) -> None:
        self.applied, self.store = json.loads(saved)
        self.results.clear()

    async def run(self) -> None:
        while True:
            msg = await self.queue.get()
            async with self.changed:
                if msg.snapshot_valid:
                    self.load(msg.snapshot)
                else:
                    self.applied = msg.command_index
                    self.results[self.applied] = msg.command, self.execute(msg.command)
                    self.results.pop(self.applied - KEPT, None)
                self.changed.notify_all()
            if 0 < self.limit <= self.persister.raft_state_size():
                self.raft.snapshot(self.applied, json.dumps([self.applied, self.store]).encode())

    def execute(self, command: bytes) -> list:
        _, what, key, value, version = json.loads(command)
        found, now = self.store.get(key, ("", 0))
        if what == "get":
            return [found, now, Err.OK if now else Err.NO_KEY]
        if now != version:
            return [Err.VERSION if now else Err.NO_KEY]
        self.store[key] = [value, now + 1]
        return [Err.OK]

    async def agree(self, *what) -> list:
        tag = f"{self.me}/{random.getrandbits(60)}"
        command = json.dumps([tag, *what]).encode()
        index, _, leads = self.raft.start(command)
        if not leads:
            return [Err.WRONG_LEADER]
        try:
            async with asyncio.timeout(0.5), self.changed:
                await self.changed.wait_for(lambda: self.applied >= index)
        except TimeoutError:
            return [Err.WRONG_LEADER]
        done, reply = self.results.get(index, (b"", []))
        return reply if done == command else [Err.WRONG_LEADER]

    async def get(self, args: GetArgs) -> GetReply:
        reply = await self.agree("get", args.key, "", 0)
        return GetReply(*reply) if len(reply) == 3 else GetReply("", 0, reply[0])

    async def put(self, args: PutArgs) -> PutReply:
        reply = await self.agree("put", args.key, args.value, args.version)
        return PutReply(reply[0])
'''
ASKS_ALL = '''\
"""A clerk that asks all servers at the same time, and takes the first answer that is one."""

import asyncio

from kvraft.server import KVServer
from kvsrv.rpc import Err, GetArgs, PutArgs


class Clerk:
    def __init__(self, ends) -> None:
        self.ends = ends

    async def get(self, key: str):
        _, reply = await self.ask(KVServer.get, GetArgs(key))
        return reply.value, reply.version, reply.err

    async def put(self, key: str, value: str, version: int) -> Err:
        sent, reply = await self.ask(KVServer.put, PutArgs(key, value, version))
        return Err.MAYBE if sent > 1 and reply.err is Err.VERSION else reply.err

    async def ask(self, method, args):
        sent = 0
        while True:
            calls = [asyncio.ensure_future(end.call(method, args)) for end in self.ends]
            sent += len(calls)
            left = set(calls)
            while left:
                done, left = await asyncio.wait(
                    left, timeout=1, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for call in calls:
                    if call in done:
                        reply = call.result()
                        if reply is not None and reply.err is not Err.WRONG_LEADER:
                            for other in calls:
                                other.cancel()
                            return sent, reply
            for call in calls:
                call.cancel()
            await asyncio.sleep(0.05)
'''
NAMED_LEADER = '''\
"""A clerk that asks at random after a failure, gives up on a server after a second, and sleeps."""

import asyncio
import random

from kvraft.server import KVServer
from kvsrv.rpc import Err, GetArgs, PutArgs


class Clerk:
    def __init__(self, ends) -> None:
        self.ends = ends
        self.known = None

    async def once(self, method, args):
        end = self.known or random.choice(self.ends)
        try:
            async with asyncio.timeout(1):
                reply = await end.call(method, args)
        except TimeoutError:
            reply = None
        ok = reply is not None and reply.err is not Err.WRONG_LEADER
        self.known = end if ok else None
        return reply if ok else None

    async def get(self, key: str):
        while (reply := await self.once(KVServer.get, GetArgs(key))) is None:
            await asyncio.sleep(0.02)
        return reply.value, reply.version, reply.err

    async def put(self, key: str, value: str, version: int) -> Err:
        first = True
        while (reply := await self.once(KVServer.put, PutArgs(key, value, version))) is None:
            first = False
            await asyncio.sleep(0.02)
        return Err.MAYBE if reply.err is Err.VERSION and not first else reply.err
'''

SOLUTIONS: Final = (
    Rewrite(
        "without_rsm",
        "The server talks to Raft itself; whoever waits gives up after half a second.",
        (("kvraft/server.py", WITHOUT_RSM),),
    ),
    Rewrite(
        "asks_all_servers",
        "The clerk asks all servers at the same time.",
        (("kvraft/client.py", ASKS_ALL),),
    ),
    Rewrite(
        "nothing_of_the_reference",
        "A server without an RSM, and a clerk that asks at random.",
        (("kvraft/server.py", WITHOUT_RSM), ("kvraft/client.py", NAMED_LEADER)),
    ),
)
