"""The operations of a test on other nodes: recorded here, and answered from there."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import msgspec

from labrpc.codec import UNDECODABLE
from labrpc.method import RemoteMethod
from tester.engine.scheduler import Place
from tester.world.context import Context
from tester.world.failure import NodeDown
from tester.world.history import History, Op


class Callee(Protocol):
    """The node of an object, as far as an operation on it must know it."""

    name: str
    place: Place
    down: bool
    paused: bool


class _Open(msgspec.Struct):
    """An operation that has no answer yet, and who waits for one."""

    op: Op
    shape: RemoteMethod
    answer: asyncio.Future[Any]
    node: Callee


class Operations:
    """What the test asks of other nodes passes here; the history records it on this side.

    `test` is the place of the test's node, and `loop` its event loop.
    """

    def __init__(self, context: Context, test: Place, loop: asyncio.AbstractEventLoop) -> None:
        self.history = History()
        self.rpcs_before = 0
        """RPCs that had been sent when an operation last completed."""
        self.ended_us: int | None = None
        """When that was, in virtual microseconds; None: none has completed."""
        self._scheduler = context.scheduler
        self._network = context.network
        self._trace = context.trace
        self._test = test
        self._loop = loop
        self._largest = 0  # bytes of the arguments or the result of one
        self._open: dict[int, _Open] = {}

    async def operate(
        self,
        node: Callee,
        key: str,
        like: type,
        shape: RemoteMethod,
        method: str,
        args: tuple[Any, ...],
    ) -> Any:
        """Call a method of the object `key` on another node."""
        payload = shape.args.encode(args)
        if len(payload) > self._largest:  # noqa: PLR1730 - a call less
            self._largest = len(payload)
        now = self._scheduler.now
        op = self.history.begin(key, node.name, method, args, like, now)
        self._trace.add((now, "call", op.number, key, method, payload))
        answer: asyncio.Future[Any] = asyncio.Future(loop=self._loop)
        self._open[op.number] = _Open(op, shape, answer, node)
        if node.down or node.paused:
            self._node_down(op.number)
        else:
            node.place.put(("operate", op.number, key, method, payload))
        return await answer

    def done(self, number: int, payload: bytes) -> None:
        """A node has this result for the operation of this number."""
        if number not in self._open:
            return  # its caller was told that the node is down
        found = self._open.pop(number)
        op, shape, answer = found.op, found.shape, found.answer
        now = self._scheduler.now
        network = self._network
        self.rpcs_before = network.rpc_total
        if len(payload) > self._largest:  # noqa: PLR1730 - a call less
            self._largest = len(payload)
        largest = self._largest if self._largest > network.largest else network.largest  # noqa: FURB136 - likewise
        self._trace.trim(network.byte_total, largest)
        if answer.cancelled():  # its caller gave up and was told nothing: it stays open
            self._trace.add((now, "unheard", number, payload))
            return
        try:
            result = shape.reply.unpack(payload)
        except UNDECODABLE as error:
            raise shape.reply.explain(error) from error.__cause__
        self.history.end(op, result, now)
        self.ended_us = now
        self._trace.add((now, "return", number, payload))
        # The test's node learns of it in its own step; its caller may have gone meanwhile.
        self._test.put(("returned", answer, result))

    def node_went_down(self, node: Callee) -> None:
        """Tell the callers of operations on this node; the operations stay open."""
        for number, found in list(self._open.items()):
            if found.node is node:
                self._node_down(number)

    def _node_down(self, number: int) -> None:
        found = self._open.pop(number)
        shape, answer, node = found.shape, found.answer, found.node
        state = "paused" if node.paused else "down"
        error = NodeDown(f"{node.name} is {state}, and {shape.name} was called on it")
        self._test.put(("node down", answer, error))

    def close(self) -> None:
        """Drop all open operations at the end of the run."""
        self._open.clear()
