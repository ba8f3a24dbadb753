"""A node of the world: the objects it hosts, their calls, and which operation caused each RPC.

Every event is a tuple of a kind and plain data; this is the whole vocabulary.

to a node                                         from a node
("make", key, factory, args, like)                ("send", call, end, method, payload, op)
("serve", server, key)                            ("answer", number, payload)
("operate", op, key, method, payload)             ("done", op, payload)
("request", number, server, method, payload)      ("fail", failure)
("reply", call, payload or None)                  ("refused", failure): the guard did, in a child
("kill", key)                                     ("write", files)
("disk", files)                                   ("sync", number)
("synced", number)                                ("file", number, method, name, other, data)
("filed", number, result or None)                 ("fault", stream, index, what, kind)
("skew", ahead_us, drift_ppm)                     ("report", what, ...): a probe did
                                                  ("unawaited", call): its code forgot one
                                                  ("annotate", tag, text, details, since, lasting)

`factory` builds the object `key` from `args`, which are packed: see `tester.world.arguments`.
`like` is the class or Protocol by whose annotations the object's operations travel. `op` is the
operation that caused a request: the one in whose task, or in a task started from there, it was
sent; None where there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import replace
from functools import partial
from types import CoroutineType
from typing import Any, Final

from labrpc.codec import UNDECODABLE
from labrpc.end import ClientEnd
from labrpc.server import Server
from tester.engine import current, reserve
from tester.engine.choices import Choices
from tester.engine.errors import SharedState, Waiting
from tester.engine.node import Event, Node
from tester.engine.schedule import Schedule
from tester.guard.unawaited import Unawaited, held_by
from tester.guard.waiting import waiting
from tester.world import memory
from tester.world.arguments import End, Made, OnDisk, OnFiles, Reference, name_of, unpack
from tester.world.disk import Disk
from tester.world.failure import describe, first
from tester.world.files import Files
from tester.world.interruption import interruption
from tester.world.operation import BoundMethod, operation
from tester.world.probe import Probe
from tester.world.returned import Returned
from tester.world.spectator import Spectator

_cause: Final[ContextVar[int | None]] = ContextVar("cause", default=None)
"""The operation that the running code serves; tasks inherit it from whoever starts them."""


class Host(Node):
    """A node with objects, the handlers of those that serve, and the calls they wait for."""

    def __init__(
        self, name: str, choices: Choices, schedule: Schedule, incarnation: int = 0
    ) -> None:
        super().__init__(name, choices, schedule, incarnation)
        self._objects: dict[str, Any] = {}
        self._likes: dict[str, type] = {}
        self._operations: dict[tuple[str, str], BoundMethod] = {}
        self._servers: dict[str, Server] = {}
        self._calls: dict[int, asyncio.Future[bytes | None]] = {}
        self._call = 0
        self.disk = Disk(self)
        self.files = Files(self)
        self.notes_returns = False
        """Whether to watch where methods return: see `Returned`."""
        self.spectator: Spectator | None = None
        """Who looks at the objects here after each step, if anybody does."""
        inside: Callable[..., None] = self.context.run
        self.receivers |= {
            "make": partial(inside, self._make),
            "serve": partial(inside, self._serve),
            "operate": partial(inside, self._operate),
            "request": partial(inside, self._request),
            "reply": self._reply,
            "kill": partial(inside, self._kill),
            "disk": self.disk.load,
            "synced": self.disk.synced,
            "filed": self.files.filed,
            "skew": self._skew,
        }

    def unretrieved(self) -> list[Event]:
        """A ("fail", failure) for each background task that died and that nobody awaited."""
        for error, time_us in self.loop.unretrieved():
            self._report(error, "in a task that nobody awaited", time_us)
        found, self.outbox = self.outbox, []
        return found

    def waiting(self) -> list[Waiting]:
        """Where each unfinished task of the node waits."""
        return waiting(self.name, self.loop)

    def objects(self) -> list[object]:
        """What has been made on the node."""
        return list(self._objects.values())

    def object(self, key: str) -> object:
        """What has been made under this name; None if nothing has."""
        return self._objects.get(key)

    def measure(self, key: str) -> int:
        """Bytes the object holds, with all that it refers to; 0 if there is no such object."""
        return memory.size(self._objects[key]) if key in self._objects else 0

    def close(self) -> None:
        """End the node's tasks and drop its objects at the end of the run."""
        self.inside(self._release)
        self.receivers.clear()
        del self.loop, self._queues

    def terminate(self) -> None:
        """End the node at once: the run was interrupted."""
        self.close()

    def _release(self) -> None:
        self.loop.shutdown()
        for held in (self._objects, self._servers, self._operations, self._calls, self.looks):
            if held:
                held.clear()
        self.disk.detach()
        self.files.detach()

    def forgot(self, call: Unawaited) -> None:
        """See ForgettingNode."""
        self.outbox.append(("unawaited", call))

    def failed(self, error: BaseException, doing: str, returned: Returned | None = None) -> None:
        """Tell the run what went wrong here, as plain data."""
        self._report(error, doing, self.loop.now, returned)

    def _report(
        self,
        error: BaseException,
        doing: str,
        time_us: int | None,
        returned: Returned | None = None,
    ) -> None:
        if (outside := interruption(error)) is not None:
            # Of all exceptions this one leaves a task as well, and all that would swallow it.
            raise KeyboardInterrupt from outside
        for call in held_by(first(error), self):
            self.forgot(call)
        failure = describe(error, self.name, doing, time_us)
        if returned is not None and not failure.frames:
            failure = replace(failure, returned=returned.line())
        self.outbox.append(("fail", failure))

    # -- objects ----------------------------------------------------------------------------------

    def _make(self, event: Event) -> None:
        _, key, factory, args, like = event
        self._likes[key] = like
        try:
            made = self._objects[key] = factory(*(unpack(arg, self._real) for arg in args))
            if self.spectator is not None and self.spectator.looks:
                self.looks.append(partial(self.spectator.look, self.name, key, made))
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            self.failed(error, f"while it made {name_of(factory)}")

    def _real(self, arg: Reference) -> Any:
        if isinstance(arg, End):
            return self.end(arg.name)
        if isinstance(arg, Made):
            return self._objects[arg.key]
        if isinstance(arg, OnFiles):
            return self.files
        return self.disk if isinstance(arg, OnDisk) else Probe(self)

    def end(self, name: str) -> ClientEnd:
        """A client end whose messages leave from this node."""
        calls = self._calls

        def send(method: str, payload: bytes) -> asyncio.Future[bytes | None]:
            if current.node is not self:
                raise SharedState(
                    f"the client end {name!r} belongs to {self.name}, and code on "
                    f"{getattr(current.node, 'name', 'no node')} called it. Nodes share nothing."
                )
            call = self._call = self._call + 1
            # Of the running loop, which is this node's: to name it takes twice as long.
            future: asyncio.Future[bytes | None] = asyncio.Future()
            calls[call] = future
            self.outbox.append(("send", call, name, method, payload, _cause.get()))
            return future

        return ClientEnd(name, send)

    def _kill(self, event: Event) -> None:
        _, key = event
        kill = getattr(self._objects.get(key), "kill", None)
        if kill is not None:
            self._guarded(kill, "while it ran kill()")

    def _guarded(self, function: Callable[[], Any], doing: str) -> None:
        try:
            result = function()
            if isinstance(result, CoroutineType):
                _ = self.loop.create_task(result)
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            self.failed(error, doing)

    def _skew(self, event: Event) -> None:
        _, ahead_us, drift_ppm = event
        self.loop.drift(drift_ppm)
        self.ahead_us = ahead_us - self.loop.offset  # what the clocks have gained is corrected

    # -- calls ------------------------------------------------------------------------------------

    def _reply(self, event: Event) -> None:
        _, call, payload = event
        future = self._calls.pop(call, None)
        if future is not None:
            try:  # noqa: SIM105 - a call less
                future.set_result(payload)
            except asyncio.InvalidStateError:
                pass  # who waited for it has been cancelled

    # -- handlers ---------------------------------------------------------------------------------

    def _serve(self, event: Event) -> None:
        _, server, key = event
        target = self._objects.get(key)
        if target is None:
            return  # its factory raised, which the run has been told
        services = getattr(target, "services", None)
        try:
            self._servers[server] = Server(*(services() if services is not None else (target,)))
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            self.failed(error, f"while it listed the services of {type(target).__name__}")

    def _request(self, event: Event) -> None:
        _, number, server, method, payload = event
        returned = watched = None
        if self.notes_returns:
            returned = Returned()
            watched = returned.call
        try:
            reply = self._servers[server].respond(method, payload, watched)
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            self.failed(error, f"while it handled #{number} {method}", returned)
            return
        if isinstance(reply, bytes):
            self.outbox.append(("answer", number, reply))
            return
        answering = self._answer(number, method, reply, returned)
        _ = self.loop.create_task(answering, name=f"#{number} {method}")

    async def _answer(
        self, number: int, method: str, reply: Awaitable[bytes], returned: Returned | None
    ) -> None:
        try:
            payload = await reply
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            if not self.loop.is_closed():
                self.failed(error, f"while it handled #{number} {method}", returned)
            return
        self.outbox.append(("answer", number, payload))

    # -- operations -------------------------------------------------------------------------------

    def _operate(self, event: Event) -> None:
        _, op, key, method, payload = event
        bound = self._operations.get((key, method))
        returned = Returned() if self.notes_returns else None
        try:
            if bound is None:
                bound = operation(self._objects[key], self._likes[key], method)
                self._operations[key, method] = bound
            context = copy_context()
            context.run(_cause.set, op)
            try:
                args = bound.args.unpack(payload)
            except UNDECODABLE as error:
                raise bound.args.explain(error) from error.__cause__
            if returned is None:
                result = context.run(bound.function, *args)
            else:
                result = context.run(returned.call, bound.function, *args)
            if type(result) is not CoroutineType:
                self.outbox.append(("done", op, bound.encode_result(result)))
                return
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            self.failed(error, f"while it ran {method}", returned)
            return
        coro = self._perform(op, bound, result, returned)
        _ = self.loop.create_task(coro, name=method, context=context)

    async def _perform(
        self,
        op: int,
        bound: BoundMethod,
        coro: Coroutine[Any, Any, Any],
        returned: Returned | None,
    ) -> None:
        try:
            payload = bound.encode_result(await coro)
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            reserve.release()
            if not self.loop.is_closed():
                self.failed(error, f"while it ran {bound.name}", returned)
            return
        self.outbox.append(("done", op, payload))
