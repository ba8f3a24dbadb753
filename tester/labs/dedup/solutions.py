"""Right solutions of the 2024 key/value lab in styles that the reference does not have."""

from typing import Final

from tester.labs.patch import Rewrite

SERVER, CLERK = "kvsrv/dedup/server.py", "kvsrv/dedup/client.py"

ACK_SERVER: Final = '''\
"""Remembers an answer until the clerk says that it has it, by a call of its own."""

from labrpc import Message


class Op(Message, frozen=True):
    key: str
    value: str
    ident: int


class Old(Message, frozen=True):
    value: str


class Ident(Message, frozen=True):
    ident: int


class KVServer:
    def __init__(self):
        self.table = {}
        self.answers = {}

    def get(self, args: Op) -> Old:
        return Old(self.table.get(args.key, ""))

    def put(self, args: Op) -> Old:
        if args.ident not in self.answers:
            self.answers[args.ident] = ""
            self.table[args.key] = args.value
        return Old("")

    def append(self, args: Op) -> Old:
        if args.ident not in self.answers:
            old = self.answers[args.ident] = self.table.get(args.key, "")
            self.table[args.key] = old + args.value
        return Old(self.answers[args.ident])

    def seen(self, args: Ident) -> Ident:
        self.answers.pop(args.ident, None)
        return args
'''

ACK_CLERK: Final = '''\
"""Gives each write a random name, and says when it has had the answer."""

import asyncio
import secrets

from kvsrv.dedup.server import Ident, KVServer, Op


class Clerk:
    def __init__(self, end):
        self.end = end

    async def ask(self, method, args):
        while (reply := await self.end.call(method, args)) is None:
            await asyncio.sleep(0.05)
        return reply

    async def get(self, key):
        return (await self.ask(KVServer.get, Op(key, "", 0))).value

    async def put(self, key, value):
        await self.write(KVServer.put, key, value)

    async def append(self, key, arg):
        return await self.write(KVServer.append, key, arg)

    async def write(self, method, key, value):
        ident = secrets.randbits(62)
        old = (await self.ask(method, Op(key, value, ident))).value
        await self.ask(KVServer.seen, Ident(ident))
        return old
'''

SINGLE_FLIGHT: Final = '''\
"""Copies of a request that is under way wait for the same future; a write takes 2 ms."""

import asyncio

from kvsrv.dedup.rpc import AppendReply, GetArgs, GetReply, PutReply, WriteArgs


class KVServer:
    def __init__(self):
        self.table = {}
        self.last = {}
        self.answers = {}
        self.turn = asyncio.Lock()

    async def get(self, args: GetArgs) -> GetReply:
        async with self.turn:
            return GetReply(self.table.get(args.key, ""))

    async def once(self, args, append):
        last = self.last.get(args.client, 0)
        if args.request < last:
            return ""  # nobody waits for this any more
        if args.request == last:
            under_way = self.answers.get(args.client)
            return "" if under_way is None else await asyncio.shield(under_way)
        self.last[args.client] = args.request
        answer = self.answers[args.client] = asyncio.get_running_loop().create_future()
        async with self.turn:
            await asyncio.sleep(0.002)
            old = self.table.get(args.key, "")
            self.table[args.key] = old + args.value if append else args.value
        answer.set_result(old if append else "")
        if not append and self.answers.get(args.client) is answer:
            del self.answers[args.client]
        return answer.result()

    async def put(self, args: WriteArgs) -> PutReply:
        await self.once(args, append=False)
        return PutReply()

    async def append(self, args: WriteArgs) -> AppendReply:
        return AppendReply(await self.once(args, append=True))
'''

ACTOR: Final = '''\
"""One task executes everything in the order in which it came, and looks there what is a copy."""

import asyncio

from kvsrv.dedup.rpc import AppendReply, GetArgs, GetReply, PutReply, WriteArgs


class KVServer:
    def __init__(self):
        self.queue = asyncio.Queue()
        self.task = None

    async def enqueue(self, kind, args):
        if self.task is None:
            self.task = asyncio.create_task(self.work())
        answer = asyncio.Future()
        self.queue.put_nowait((kind, args, answer))
        return await answer

    async def get(self, args: GetArgs) -> GetReply:
        return GetReply(await self.enqueue("get", args))

    async def put(self, args: WriteArgs) -> PutReply:
        await self.enqueue("put", args)
        return PutReply()

    async def append(self, args: WriteArgs) -> AppendReply:
        return AppendReply(await self.enqueue("append", args))

    async def work(self):
        self.table, self.last, self.olds = {}, {}, {}
        while True:
            kind, args, answer = await self.queue.get()
            await asyncio.sleep(0)
            old = self.table.get(args.key, "")
            if kind == "get":
                answer.set_result(old)
                continue
            if self.last.get(args.client) == args.request:
                answer.set_result(self.olds.get(args.client, ""))
                continue
            self.last[args.client] = args.request
            self.olds.pop(args.client, None)
            if kind == "append":
                self.olds[args.client] = old
                self.table[args.key] = old + args.value
            else:
                self.table[args.key] = args.value
            answer.set_result(old)
'''

PICKLED_SERVER: Final = '''\
"""One handler for everything: requests and answers are pickled tuples."""

import pickle

from labrpc import Message


class Blob(Message, frozen=True):
    data: bytes


class KVServer:
    def __init__(self):
        self.data = {}
        self.sessions = {}

    def call(self, blob: Blob) -> Blob:
        who, number, kind, *args = pickle.loads(blob.data)
        if kind == "get":
            return Blob(pickle.dumps(self.data.get(*args, "")))
        if self.sessions.get(who, (0, None))[0] != number:
            self.sessions[who] = number, getattr(self, kind)(*args)
        return Blob(pickle.dumps(self.sessions[who][1]))

    def put(self, key, value):
        self.data[key] = value

    def append(self, key, value):
        old = self.data.get(key, "")
        self.data[key] = old + value
        return old
'''

PICKLED_CLERK: Final = '''\
"""Sends pickled tuples."""

import asyncio
import pickle
import random

from kvsrv.dedup.server import Blob, KVServer


class Clerk:
    def __init__(self, end):
        self.end = end
        self.me = random.getrandbits(60)
        self.number = 0

    async def call(self, *args):
        if args[0] != "get":
            self.number += 1
        blob = Blob(pickle.dumps((self.me, self.number, *args)))
        while True:
            reply = await self.end.call(KVServer.call, blob)
            if reply is not None:
                return pickle.loads(reply.data)
            await asyncio.sleep(0.01 + random.random() / 50)

    async def get(self, key):
        return await self.call("get", key)

    async def put(self, key, value):
        await self.call("put", key, value)

    async def append(self, key, arg):
        return await self.call("append", key, arg)
'''

PIGGYBACK_SERVER: Final = '''\
"""Each request says which one before it was answered; its answer is then forgotten."""

import json

from labrpc import Message


class Request(Message, frozen=True):
    name: str
    answered: str
    body: str


class Response(Message, frozen=True):
    text: str


class KVServer:
    def __init__(self):
        self.store = {}
        self.given = {}

    def handle(self, request: Request) -> Response:
        op = json.loads(request.body)
        old = self.store.get(op["key"], "")
        if op["op"] == "get":
            return Response(old)
        self.given.pop(request.answered, None)
        if request.name in self.given:
            return Response(self.given[request.name])
        self.store[op["key"]] = op["value"] if op["op"] == "put" else old + op["value"]
        self.given[request.name] = "" if op["op"] == "put" else old
        return Response(self.given[request.name])
'''

PIGGYBACK_CLERK: Final = '''\
"""Names each write anew, and tells the server the name of the one before."""

import asyncio
import json
from uuid import uuid4

from kvsrv.dedup.server import KVServer, Request


class Clerk:
    def __init__(self, end):
        self.end = end
        self.answered = ""

    async def get(self, key):
        return await self.request("", op="get", key=key)

    async def put(self, key, value):
        await self.request(uuid4().hex[:16], op="put", key=key, value=value)

    async def append(self, key, arg):
        return await self.request(uuid4().hex[:16], op="append", key=key, value=arg)

    async def request(self, name, **op):
        request = Request(name, self.answered, json.dumps(op))
        response = None
        while response is None:
            response = await self.end.call(KVServer.handle, request)
        if name:
            self.answered = name
        return response.text
'''

HEDGED: Final = '''\
"""Keeps copies of a request under way, and takes the first answer."""

import asyncio
import secrets

from kvsrv.dedup.rpc import GetArgs, WriteArgs
from kvsrv.dedup.server import KVServer


class Clerk:
    def __init__(self, end):
        self.end = end
        self.client = secrets.randbits(60)
        self.request = 0

    async def ask(self, method, args):
        answer = asyncio.get_running_loop().create_future()

        async def attempt():
            reply = await self.end.call(method, args)
            if reply is not None and not answer.done():
                answer.set_result(reply)

        copies = []
        while not answer.done():
            copies.append(asyncio.create_task(attempt()))
            await asyncio.wait([answer], timeout=0.05)
        for copy in copies:
            copy.cancel()
        return answer.result()

    def write(self, key, value):
        self.request += 1
        return WriteArgs(key, value, self.client, self.request)

    async def get(self, key):
        return (await self.ask(KVServer.get, GetArgs(key))).value

    async def put(self, key, value):
        await self.ask(KVServer.put, self.write(key, value))

    async def append(self, key, arg):
        return (await self.ask(KVServer.append, self.write(key, arg))).old
'''

REGISTERING_SERVER: Final = '''\
"""Gives each client its number, and has a lock for each of them; a write takes a while."""

import asyncio

from labrpc import Message


class Hello(Message, frozen=True):
    pass


class Welcome(Message, frozen=True):
    client: int


class Read(Message, frozen=True):
    key: str


class Write(Message, frozen=True):
    client: int
    number: int
    key: str
    value: str
    append: bool


class Value(Message, frozen=True):
    value: str


class KVServer:
    def __init__(self):
        self.clients = 0
        self.table = {}
        self.numbers = {}
        self.olds = {}
        self.busy = {}

    def hello(self, args: Hello) -> Welcome:
        self.clients += 1
        return Welcome(self.clients)

    def read(self, args: Read) -> Value:
        return Value(self.table.get(args.key, ""))

    async def write(self, args: Write) -> Value:
        lock = self.busy.setdefault(args.client, asyncio.Lock())
        async with lock:
            await asyncio.sleep(0.001)
            if self.numbers.get(args.client, 0) < args.number:
                self.numbers[args.client] = args.number
                self.olds.pop(args.client, None)
                old = self.table.get(args.key, "")
                if args.append:
                    self.olds[args.client] = old
                self.table[args.key] = old + args.value if args.append else args.value
        if not lock.locked():
            self.busy.pop(args.client, None)
        return Value(self.olds.get(args.client, ""))
'''

REGISTERING_CLERK: Final = '''\
"""Asks the server for a number of its own before its first write."""

import asyncio

from kvsrv.dedup.server import Hello, KVServer, Read, Write


class Clerk:
    def __init__(self, end):
        self.end = end
        self.client = 0
        self.number = 0

    async def until_answered(self, method, args):
        while True:
            if (reply := await self.end.call(method, args)) is not None:
                return reply
            await asyncio.sleep(0.02)

    async def get(self, key):
        return (await self.until_answered(KVServer.read, Read(key))).value

    async def write(self, key, value, append):
        if not self.client:
            self.client = (await self.until_answered(KVServer.hello, Hello())).client
        self.number += 1
        args = Write(self.client, self.number, key, value, append)
        return (await self.until_answered(KVServer.write, args)).value

    async def put(self, key, value):
        await self.write(key, value, append=False)

    async def append(self, key, arg):
        return await self.write(key, arg, append=True)
'''


def _both(server: str, clerk: str) -> tuple[tuple[str, str], ...]:
    return ((SERVER, server), (CLERK, clerk))


ACK: Final = _both(ACK_SERVER, ACK_CLERK)
PICKLED: Final = _both(PICKLED_SERVER, PICKLED_CLERK)
PIGGYBACK: Final = _both(PIGGYBACK_SERVER, PIGGYBACK_CLERK)
REGISTERING: Final = _both(REGISTERING_SERVER, REGISTERING_CLERK)
SLOW_AND_HEDGED: Final = _both(SINGLE_FLIGHT, HEDGED)

SOLUTIONS: Final = (
    Rewrite("says_what_it_has_seen", "A call of its own frees an answer.", ACK),
    Rewrite("single_flight", "Copies wait for their request.", ((SERVER, SINGLE_FLIGHT),)),
    Rewrite("actor_server", "One task executes everything.", ((SERVER, ACTOR),)),
    Rewrite("pickled_messages", "One handler takes pickled tuples.", PICKLED),
    Rewrite("names_the_one_before", "A request frees the answer to the one before.", PIGGYBACK),
    Rewrite("hedges_and_takes_the_first", "Several copies are under way.", ((CLERK, HEDGED),)),
    Rewrite("registers_clients", "The server numbers its clients, and locks each.", REGISTERING),
    Rewrite("hedges_at_a_slow_server", "Copies of a clerk wait for its request.", SLOW_AND_HEDGED),
)
