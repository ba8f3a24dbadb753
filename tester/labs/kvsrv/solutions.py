"""Right solutions of the key/value lab in styles that the reference does not have."""

from typing import Final

from tester.labs.patch import Rewrite

SERVER, CLERK = "kvsrv/server.py", "kvsrv/client.py"

ACTOR: Final = '''\
"""One task owns the table; handlers leave their requests in its mailbox and wait."""

import asyncio

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply


class KVServer:
    def __init__(self):
        self.mailbox = asyncio.Queue()
        self.actor = None

    async def ask(self, args):
        if self.actor is None:
            self.actor = asyncio.get_running_loop().create_task(self.run())
        answer = asyncio.get_running_loop().create_future()
        await self.mailbox.put((args, answer))
        return await answer

    async def get(self, args: GetArgs) -> GetReply:
        return await self.ask(args)

    async def put(self, args: PutArgs) -> PutReply:
        return await self.ask(args)

    async def run(self):
        table = {}
        while True:
            args, answer = await self.mailbox.get()
            entry = table.get(args.key)
            if isinstance(args, GetArgs):
                reply = GetReply(*entry, Err.OK) if entry else GetReply("", 0, Err.NO_KEY)
            elif entry is None and args.version > 0:
                reply = PutReply(Err.NO_KEY)
            elif args.version != (entry[1] if entry else 0):
                reply = PutReply(Err.VERSION)
            else:
                table[args.key] = args.value, args.version + 1
                reply = PutReply(Err.OK)
            if not answer.done():
                answer.set_result(reply)
'''

LOCK_FOR_EACH_KEY: Final = '''\
"""Each key has a lock, and is worked on for a while."""

import asyncio
from collections import defaultdict

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply


class KVServer:
    def __init__(self):
        self.values = {}
        self.versions = defaultdict(int)
        self.locks = {}

    def lock(self, key):
        return self.locks.setdefault(key, asyncio.Lock())

    async def get(self, args: GetArgs) -> GetReply:
        async with self.lock(args.key):
            await asyncio.sleep(0)
            if args.key in self.values:
                return GetReply(self.values[args.key], self.versions[args.key], Err.OK)
            return GetReply(value="", version=0, err=Err.NO_KEY)

    async def put(self, args: PutArgs) -> PutReply:
        async with self.lock(args.key):
            found = args.key in self.values
            await asyncio.sleep(0.0002)
            if not found and args.version != 0:
                return PutReply(err=Err.NO_KEY)
            if found and self.versions[args.key] != args.version:
                return PutReply(err=Err.VERSION)
            self.values[args.key] = args.value
            await asyncio.sleep(0)
            self.versions[args.key] += 1
            return PutReply(err=Err.OK)
'''

JSON_TEXT: Final = '''\
"""The whole store is a dict whose values are JSON."""

import json

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply


class KVServer(dict):
    def load(self, key):
        return json.loads(self[key]) if key in self else None

    def get(self, args: GetArgs) -> GetReply:
        match self.load(args.key):
            case None:
                return GetReply("", 0, Err.NO_KEY)
            case {"value": value, "version": version}:
                return GetReply(value, version, Err.OK)

    def put(self, args: PutArgs) -> PutReply:
        match self.load(args.key), args.version:
            case None, 0:
                version = 0
            case None, _:
                return PutReply(Err.NO_KEY)
            case {"version": version}, wanted if wanted != version:
                return PutReply(Err.VERSION)
            case {"version": version}, _:
                pass
        self[args.key] = json.dumps({"value": args.value, "version": version + 1})
        return PutReply(Err.OK)
'''

OBJECTS: Final = '''\
"""Each key is an object that knows how to be put; a key that nobody has put is one, too."""

from dataclasses import dataclass

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply


class Missing:
    version = 0

    def read(self) -> GetReply:
        return GetReply("", 0, Err.NO_KEY)

    def refuse(self) -> Err:
        return Err.NO_KEY


@dataclass(frozen=True, slots=True)
class Entry(Missing):
    value: str
    version: int

    def read(self) -> GetReply:
        return GetReply(self.value, self.version, Err.OK)

    def refuse(self) -> Err:
        return Err.VERSION


class KVServer:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def get(self, args: GetArgs) -> GetReply:
        return self.entries.get(args.key, Missing()).read()

    def put(self, args: PutArgs) -> PutReply:
        entry = self.entries.get(args.key, Missing())
        if args.version != entry.version:
            return PutReply(entry.refuse())
        self.entries[args.key] = Entry(args.value, entry.version + 1)
        return PutReply(Err.OK)
'''

HEDGED: Final = '''\
"""Sends another copy of what is not answered soon, and takes the first answer."""

import asyncio

from kvsrv.rpc import Err, GetArgs, PutArgs
from kvsrv.server import KVServer


class Clerk:
    def __init__(self, end):
        self.end = end

    async def first_answer(self, method, args):
        """The first reply to any of the copies, and how many were sent before it came."""
        pending, sent, reply = set(), 0, None
        try:
            while reply is None:
                pending.add(asyncio.ensure_future(self.end.call(method, args)))
                sent += 1
                done, pending = await asyncio.wait(
                    pending, timeout=0.06, return_when=asyncio.FIRST_COMPLETED
                )
                replies = [one.result() for one in done if one.result() is not None]
                reply = replies[0] if replies else None
                if done and not replies:
                    await asyncio.sleep(0.02)
            return reply, sent
        finally:
            for task in pending:
                task.cancel()

    async def get(self, key):
        reply, _ = await self.first_answer(KVServer.get, GetArgs(key))
        return reply.value, reply.version, reply.err

    async def put(self, key, value, version):
        reply, sent = await self.first_answer(KVServer.put, PutArgs(key, value, version))
        if reply.err == Err.VERSION and sent > 1:
            return Err.MAYBE
        return reply.err
'''

JITTER: Final = '''\
"""Waits longer after each try, and not always as long; gives up on a call that takes too long."""

import asyncio
import random

from kvsrv.rpc import Err, GetArgs, PutArgs
from kvsrv.server import KVServer


def pauses():
    pause = 0.005
    while True:
        yield pause * random.uniform(0.5, 1.5)
        pause = min(pause * 2, 0.8)


class Clerk:
    def __init__(self, end):
        self.end = end

    async def attempt(self, method, args):
        try:
            async with asyncio.timeout(0.5):
                return await self.end.call(method, args)
        except TimeoutError:
            return None

    async def get(self, key):
        for pause in pauses():
            if reply := await self.attempt(KVServer.get, GetArgs(key)):
                return (reply.value, reply.version, reply.err)
            await asyncio.sleep(pause)

    async def put(self, key, value, version):
        for tries, pause in enumerate(pauses()):
            reply = await self.attempt(KVServer.put, PutArgs(key, value, version))
            match reply:
                case None:
                    await asyncio.sleep(pause)
                case _ if tries and reply.err is Err.VERSION:
                    return Err.MAYBE
                case _:
                    return reply.err
'''

WORKER: Final = '''\
"""The clerk is a mailbox as well: one task sends what it finds there, one after the other."""

import asyncio

from kvsrv.rpc import Err, GetArgs, PutArgs
from kvsrv.server import KVServer


class Clerk:
    def __init__(self, end):
        self.end = end
        self.inbox = asyncio.Queue()
        self.worker = None

    async def get(self, key):
        reply, _ = await self.submit(KVServer.get, GetArgs(key))
        return reply.value, reply.version, reply.err

    async def put(self, key, value, version):
        reply, tries = await self.submit(KVServer.put, PutArgs(key, value, version))
        return Err.MAYBE if tries > 1 and reply.err is Err.VERSION else reply.err

    async def submit(self, method, args):
        if self.worker is None or self.worker.done():
            self.worker = asyncio.create_task(self.work(), name="clerk")
        done = asyncio.Event()
        job = [method, args, done, None]
        self.inbox.put_nowait(job)
        await done.wait()
        return job[3]

    async def work(self):
        while True:
            job = await self.inbox.get()
            method, args, done, _ = job
            tries = 1
            while (reply := await self.end.call(method, args)) is None:
                tries += 1
                await asyncio.sleep(0.03)
            job[3] = reply, tries
            done.set()
'''

SOLUTIONS: Final = (
    Rewrite(
        "actor_server",
        "One task owns the table, and takes requests from a queue.",
        ((SERVER, ACTOR),),
    ),
    Rewrite(
        "lock_for_each_key",
        "Handlers await under a lock of the key.",
        ((SERVER, LOCK_FOR_EACH_KEY),),
    ),
    Rewrite("json_in_a_dict", "The server is a dict of JSON texts.", ((SERVER, JSON_TEXT),)),
    Rewrite("objects_for_keys", "A key that is missing is an object, too.", ((SERVER, OBJECTS),)),
    Rewrite(
        "hedges_and_takes_the_first",
        "The clerk keeps several copies under way.",
        ((CLERK, HEDGED),),
    ),
    Rewrite(
        "jitter",
        "The clerk waits longer each time, and gives up on slow calls.",
        ((CLERK, JITTER),),
    ),
    Rewrite("clerk_with_a_worker", "A task of the clerk sends its requests.", ((CLERK, WORKER),)),
    Rewrite(
        "actor_and_hedges",
        "One task owns the table, and clerks keep several copies under way.",
        ((SERVER, ACTOR), (CLERK, HEDGED)),
    ),
)
