"""What the zygote does once, so that its copies need not: a few runs of a tiny service of ours.

What Python makes at the first call of something, such as a codec, or faster code, is then in the
memory that the copies share.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from typing import Any, Final

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply, Version
from labrpc import UNRELIABLE, ClientEnd, Message, NotAMessage
from labrpc.codec import codec
from tester.engine.choices import Choices, Seeded
from tester.world.handles import KV
from tester.world.operation import shape
from tester.world.run import run
from tester.world.scenario import Scenario
from tester.world.simulation import Simulation

_RUNS: Final = 5
_CLIENTS: Final = 3
_ROUNDS: Final = 10


class _Server:
    """Answers all the same."""

    def get(self, args: GetArgs) -> GetReply:
        """Answer."""
        return GetReply(args.key, 0, Err.OK)

    async def put(self, args: PutArgs) -> PutReply:
        """Answer, a moment later."""
        await asyncio.sleep(0.001)
        return PutReply(Err.OK)


class _Clerk:
    """Asks until it is answered."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """Ask."""
        while (reply := await self._end.call(_Server.get, GetArgs(key))) is None:
            await asyncio.sleep(0.1)
        return reply.value, reply.version, reply.err

    async def put(self, key: str, value: str, version: Version) -> Err:
        """Ask."""
        while (await self._end.call(_Server.put, PutArgs(key, value, version))) is None:
            await asyncio.sleep(0.1)
        return Err.OK


async def _talk(sim: Simulation) -> None:
    _ = sim.serve(_Server)
    async with asyncio.TaskGroup() as clients:
        for number in range(_CLIENTS):
            clients.create_task(_ask(sim.clerk(_Clerk), f"{number}"))


async def _ask(clerk: KV, key: str) -> None:
    for version in range(_ROUNDS):
        _ = await clerk.put(key, key, version)
        _ = await clerk.get(key)


def up() -> None:
    """Run it, and prepare the codecs of all messages and operations that are known by now."""
    scenario = Scenario(_talk, "warm", network=UNRELIABLE, model=None)
    for seed in range(_RUNS):
        outcome = run(scenario, Choices(Seeded(seed)))
        if outcome.error is not None:
            raise outcome.error
    for name, module in list(sys.modules.items()):
        if name.startswith(("tester.labs.", "tester.world.handles")):
            for value in list(vars(module).values()):
                _prepare(value)


def _prepare(value: Any) -> None:
    if not inspect.isclass(value):
        return
    if issubclass(value, Message) and value is not Message:
        _ = codec(value)
    elif getattr(value, "_is_protocol", False):  # typing.is_protocol, from 3.13 on: gh-104873
        protocol: Any = value
        for method in vars(value):
            if not method.startswith("_") and inspect.isfunction(getattr(value, method)):
                try:
                    _ = shape(protocol, method)
                except NotAMessage:
                    continue  # a protocol of something that is not operated from outside
