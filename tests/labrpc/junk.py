"""A server with every kind of handler, and a caller for it on a node of its own."""

import asyncio
from dataclasses import dataclass

from labrpc import ClientEnd, Conditions, Message
from tester.world.nodes import Remote
from tester.world.simulation import Simulation


@dataclass
class Text:
    text: str


@dataclass
class Number:
    number: int


class Packed(Message, frozen=True):
    x: int


class JunkServer:
    """Handlers of texts and numbers, of dataclasses and structs, quick ones and one that hangs."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def parse(self, args: Text) -> Number:
        return Number(int(args.text))

    def name(self, args: Number) -> Text:
        return Text(f"handler2-{args.number}")

    async def hang(self, args: Number) -> Number:
        async with self._lock:
            await asyncio.sleep(20)
        return Number(-args.number)

    def of_a_dataclass(self, args: Number) -> Text:
        return Text(f"dataclass {args.number}")

    async def of_a_struct(self, args: Packed) -> Packed:
        return Packed(args.x + 1)

    def length(self, args: Text) -> Number:
        return Number(len(args.text))

    def letters(self, args: Number) -> Text:
        return Text("y" * args.number)


class Caller:
    """Each method is one RPC; None says that no reply came."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def parse(self, text: str) -> int | None:
        reply = await self._end.call(JunkServer.parse, Text(text))
        return None if reply is None else reply.number

    async def name(self, number: int) -> str | None:
        reply = await self._end.call(JunkServer.name, Number(number))
        return None if reply is None else reply.text

    async def hang(self, number: int) -> int | None:
        reply = await self._end.call(JunkServer.hang, Number(number))
        return None if reply is None else reply.number

    async def of_a_dataclass(self, number: int) -> str | None:
        reply = await self._end.call(JunkServer.of_a_dataclass, Number(number))
        return None if reply is None else reply.text

    async def of_a_struct(self, x: int) -> int | None:
        reply = await self._end.call(JunkServer.of_a_struct, Packed(x))
        return None if reply is None else reply.x

    async def length(self, text: str) -> int | None:
        reply = await self._end.call(JunkServer.length, Text(text))
        return None if reply is None else reply.number

    async def letters(self, number: int) -> str | None:
        reply = await self._end.call(JunkServer.letters, Number(number))
        return None if reply is None else reply.text


def callers(sim: Simulation, n: int) -> list[Remote]:
    """Callers with enabled ends "e0", "e1", ..., on one node."""
    node = sim.node("client")
    return [node.make(Caller, node.end(f"e{i}", "server")) for i in range(n)]


def junk(sim: Simulation, conditions: Conditions | None = None) -> Remote:
    """A junk server, and a caller of it."""
    sim.serve(JunkServer)
    if conditions is not None:
        sim.network.conditions = conditions
    return callers(sim, 1)[0]
