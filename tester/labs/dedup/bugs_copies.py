"""Servers that do not know a request again while they work on it."""

from typing import Final

RUNS_COPIES: Final = '''\
"""Looks whether a request was executed, waits for its turn, and executes it."""

import asyncio

from kvsrv.dedup.rpc import AppendReply, GetArgs, GetReply, PutReply, WriteArgs


class KVServer:
    def __init__(self):
        self.table = {}
        self.done = {}
        self.turn = asyncio.Lock()

    async def get(self, args: GetArgs) -> GetReply:
        async with self.turn:
            return GetReply(self.table.get(args.key, ""))

    async def once(self, args, new):
        number, old = self.done.get(args.client, (0, ""))
        if args.request > number:
            async with self.turn:
                await asyncio.sleep(0.001)
                old = self.table.get(args.key, "")
                self.table[args.key] = new(old)
                self.done[args.client] = args.request, old
        return old

    async def put(self, args: WriteArgs) -> PutReply:
        await self.once(args, lambda old: args.value)
        return PutReply()

    async def append(self, args: WriteArgs) -> AppendReply:
        return AppendReply(await self.once(args, lambda old: old + args.value))
'''

ANSWERS_COPIES_WITH_NOTHING: Final = '''\
"""Takes down that a request has come, works on it, and has no answer for a copy until then."""

import asyncio

from kvsrv.dedup.rpc import AppendReply, GetArgs, GetReply, PutReply, WriteArgs


class KVServer:
    def __init__(self):
        self.table = {}
        self.seen = {}
        self.answers = {}

    def get(self, args: GetArgs) -> GetReply:
        return GetReply(self.table.get(args.key, ""))

    async def is_new(self, args):
        if args.request <= self.seen.get(args.client, 0):
            return False
        self.seen[args.client] = args.request
        self.answers.pop(args.client, None)
        await asyncio.sleep(0.001)
        return True

    async def put(self, args: WriteArgs) -> PutReply:
        if await self.is_new(args):
            self.table[args.key] = args.value
        return PutReply()

    async def append(self, args: WriteArgs) -> AppendReply:
        if await self.is_new(args):
            old = self.answers[args.client] = self.table.get(args.key, "")
            self.table[args.key] = old + args.value
        return AppendReply(self.answers.get(args.client, ""))
'''
