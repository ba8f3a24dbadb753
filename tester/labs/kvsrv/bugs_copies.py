"""A server that does not know a put again while it works on it."""

from typing import Final

SAYS_OK_TO_COPIES: Final = '''\
"""Works on a put for a while, and takes the same one for a copy until it is done."""

import asyncio

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply


class KVServer:
    def __init__(self):
        self.table = {}
        self.busy = set()
        self.turn = asyncio.Lock()

    def get(self, args: GetArgs) -> GetReply:
        value, version = self.table.get(args.key, ("", 0))
        return GetReply(value, version, Err.OK if version else Err.NO_KEY)

    async def put(self, args: PutArgs) -> PutReply:
        what = args.key, args.value, args.version
        if what in self.busy:
            return PutReply(Err.OK)
        self.busy.add(what)
        async with self.turn:
            await asyncio.sleep(0.02)
            version = self.table.get(args.key, ("", 0))[1]
            err = Err.OK if version == args.version else Err.VERSION if version else Err.NO_KEY
            if err is Err.OK:
                self.table[args.key] = args.value, version + 1
        self.busy.discard(what)
        return PutReply(err)
'''
