"""Right solutions of the lock lab in styles that the reference does not have."""

from typing import Final

from tester.labs.patch import Rewrite

LOCK = "lock/lock.py"

QUEUE: Final = '''\
"""A fair lock: its key holds a JSON list of those who want it, and the first one has it."""

import asyncio
import json
import uuid

from kvsrv.rpc import Err


class Lock:
    def __init__(self, clerk, name):
        self.clerk, self.name = clerk, name
        self.me = str(uuid.uuid4())

    async def read(self):
        value, version, err = await self.clerk.get(self.name)
        return (json.loads(value) if value else []), version

    async def acquire(self):
        while True:
            queue, version = await self.read()
            if queue[:1] == [self.me]:
                return
            if self.me not in queue:
                await self.clerk.put(self.name, json.dumps([*queue, self.me]), version)
            else:
                await asyncio.sleep(0.005 * (1 + queue.index(self.me)))

    async def release(self):
        while True:
            queue, version = await self.read()
            if self.me not in queue:
                return
            queue.remove(self.me)
            await self.clerk.put(self.name, json.dumps(queue), version)

    async def __aenter__(self):
        await self.acquire()
        return self

    async def __aexit__(self, *exc):
        await self.release()
'''

LEASE: Final = '''\
"""A lease that its holder renews; one that has not been renewed for long may be taken."""

import asyncio
import secrets

from kvsrv.rpc import Err

RENEW, EXPIRES = 0.5, 8.0


class Lock:
    def __init__(self, clerk, name):
        self.clerk = clerk
        self.name = name
        self.renewal = None

    async def acquire(self):
        me = self.me = secrets.token_hex(8)
        now = asyncio.get_running_loop().time
        seen, since = None, 0.0
        while True:
            holder, version, err = await self.clerk.get(self.name)
            if holder == me:
                break
            if seen != version:
                seen, since = version, now()
            if holder in ("", "free") or now() - since > EXPIRES:
                if await self.clerk.put(self.name, me, version) is Err.OK:
                    break
            else:
                await asyncio.sleep(0.02)
        self.renewal = asyncio.create_task(self.renew(me))

    async def renew(self, me):
        while True:
            await asyncio.sleep(RENEW)
            holder, version, _ = await self.clerk.get(self.name)
            if holder != me:
                return
            await self.clerk.put(self.name, me, version)

    async def release(self):
        if self.renewal is not None:
            self.renewal.cancel()
            self.renewal = None
        while True:
            holder, version, _ = await self.clerk.get(self.name)
            if holder != self.me:
                return
            if await self.clerk.put(self.name, "free", version) is Err.OK:
                return

    async def __aenter__(self):
        await self.acquire()
        return self

    async def __aexit__(self, *exc):
        await self.release()
'''

READS_BACK: Final = '''\
"""Believes no answer to a put: a look at the key tells who has the lock."""

import asyncio
import random

from kvsrv.rpc import Err


class Lock:
    def __init__(self, clerk, name):
        self._clerk, self._key = clerk, f"locks:{name}"
        self._token = f"{random.getrandbits(64):016x}"

    async def _owner(self):
        value, version, err = await self._clerk.get(self._key)
        return (None if err == Err.NO_KEY else value or None), version

    async def acquire(self):
        pause = 0.002
        while True:
            owner, version = await self._owner()
            if owner == self._token:
                return True
            if owner is None:
                _ = await self._clerk.put(self._key, self._token, version)
                continue
            await asyncio.sleep(random.random() * pause)
            pause = min(pause * 2, 0.1)

    async def release(self):
        owner, version = await self._owner()
        while owner == self._token:
            _ = await self._clerk.put(self._key, "", version)
            owner, version = await self._owner()

    async def __aenter__(self):
        await self.acquire()

    async def __aexit__(self, kind, error, traceback):
        await self.release()
'''

PARITY: Final = '''\
"""The version is the state: an odd number of puts has the lock taken, an even one has it free."""

import asyncio
import itertools
import uuid

from kvsrv.rpc import Err


class Lock:
    def __init__(self, clerk, name):
        self.clerk = clerk
        self.name = name
        self.me = uuid.uuid4().int
        self.turns = itertools.count()
        self.version = None

    async def acquire(self):
        token = f"{self.me}/{next(self.turns)}"
        while self.version is None:
            _, version, _ = await self.clerk.get(self.name)
            if version % 2:
                await asyncio.sleep(0.01)
                continue
            err = await self.clerk.put(self.name, token, version)
            if err is Err.MAYBE:
                value, now, _ = await self.clerk.get(self.name)
                err = Err.OK if (value, now) == (token, version + 1) else Err.VERSION
            if err is Err.OK:
                self.version = version + 1

    async def release(self):
        version, self.version = self.version, None
        if version is not None:
            await self.clerk.put(self.name, "nobody", version)

    async def __aenter__(self):
        await self.acquire()
        return self

    async def __aexit__(self, *exc):
        await self.release()
'''

PICKLED: Final = '''\
"""What is stored is a pickled record of who has had the lock, and how often it was taken."""

import asyncio
import base64
import pickle
from dataclasses import dataclass, replace

from kvsrv.rpc import Err


@dataclass(frozen=True)
class State:
    holder: str = ""
    taken: int = 0

    @classmethod
    def read(cls, text):
        return pickle.loads(base64.b64decode(text)) if text else cls()

    def text(self):
        return base64.b64encode(pickle.dumps(self)).decode()


class Lock:
    count = 0

    def __init__(self, clerk, name):
        import uuid

        self.clerk = clerk
        self.name = name
        self.id = uuid.uuid4().hex

    async def change(self, allowed, new):
        """Put a new state over one that allows it; False if the state does not."""
        while True:
            value, version, _ = await self.clerk.get(self.name)
            state = State.read(value)
            if not allowed(state):
                return False
            if await self.clerk.put(self.name, new(state).text(), version) is Err.OK:
                return True

    async def acquire(self):
        def take(state):
            return replace(state, holder=self.id, taken=state.taken + 1)

        while not await self.change(lambda state: not state.holder, take):
            value, _, _ = await self.clerk.get(self.name)
            if State.read(value).holder == self.id:
                return
            await asyncio.sleep(0.015)

    async def release(self):
        mine = lambda state: state.holder == self.id
        await self.change(mine, lambda state: replace(state, holder=""))

    async def __aenter__(self):
        await self.acquire()
        return self

    async def __aexit__(self, *exc):
        await self.release()
'''

LOCAL_TURN: Final = '''\
"""Tasks of one client queue up before they ask the store; a machine of states does the rest."""

import asyncio
import uuid

from kvsrv.rpc import Err


class Lock:
    def __init__(self, clerk, name):
        self.clerk = clerk
        self.name = name
        self.me = f"holder-{uuid.uuid4()}"
        self.turn = asyncio.Lock()

    async def acquire(self):
        await self.turn.acquire()
        state, version = "look", 0
        while state != "held":
            match state:
                case "look":
                    holder, version, err = await self.clerk.get(self.name)
                    state = "take" if err is Err.NO_KEY or holder == "-" else "wait"
                case "take":
                    match await self.clerk.put(self.name, self.me, version):
                        case Err.OK:
                            state = "held"
                        case Err.MAYBE:
                            state = "doubt"
                        case _:
                            state = "wait"
                case "doubt":
                    holder, _, _ = await self.clerk.get(self.name)
                    state = "held" if holder == self.me else "wait"
                case "wait":
                    await asyncio.sleep(0.02)
                    state = "look"

    async def release(self):
        try:
            holder, version, _ = await self.clerk.get(self.name)
            if holder == self.me:
                while await self.clerk.put(self.name, "-", version) not in (Err.OK, Err.MAYBE):
                    pass
        finally:
            if self.turn.locked():
                self.turn.release()

    async def __aenter__(self):
        await self.acquire()
        return self

    async def __aexit__(self, *exc):
        await self.release()
'''

SOLUTIONS: Final = (
    Rewrite("queue_in_json", "The key holds a list of those who want the lock.", ((LOCK, QUEUE),)),
    Rewrite("renewed_lease", "A task of the holder renews the lock's lease.", ((LOCK, LEASE),)),
    Rewrite("reads_back", "The lock is whose the store says it is.", ((LOCK, READS_BACK),)),
    Rewrite("odd_versions", "The lock is taken at odd versions of its key.", ((LOCK, PARITY),)),
    Rewrite("pickled_state", "The key holds a pickled record.", ((LOCK, PICKLED),)),
    Rewrite(
        "states_and_turns",
        "A machine of states, behind a lock of the client.",
        ((LOCK, LOCAL_TURN),),
    ),
)
