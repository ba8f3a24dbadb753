"""A node's loop that can run by itself, which is how CPython's own asyncio tests drive a loop."""

from __future__ import annotations

import asyncio
from typing import Any

from tester.engine.choices import Choices, Replayed
from tester.engine.loop import Loop
from tester.engine.node import Node
from tester.engine.schedule import Fifo

ALL_ZERO = Choices(Replayed({}))


class _Alone(Node):
    """A node on which nothing may go wrong."""

    def failed(self, error: BaseException, doing: str) -> None:
        raise error


class RunnableLoop(Loop):
    """A node that is its own world: time moves on as soon as nothing is ready; all choices are 0.

    It adds what `asyncio.Runner` needs and a node refuses. Callbacks, timers, tasks and futures
    are the node's own.
    """

    made = 0
    """How many there have been: whoever borrows a test asks whether it came here at all."""

    def __init__(self) -> None:
        self._node = _Alone("conformance", ALL_ZERO, Fifo())
        super().__init__(self._node, *Fifo().for_node("conformance", ALL_ZERO))
        self._node.run_on(self)
        RunnableLoop.made += 1

    def run_until_complete(self, awaitable: Any) -> Any:
        future: asyncio.Future[Any] = asyncio.ensure_future(awaitable, loop=self)
        try:
            while not future.done():
                _, due, ran = self._node.step(self.now, (), 1)
                if not ran:
                    assert due is not None, "nothing can happen any more"
                    self._node.step(due, (), 1)
        finally:
            asyncio._set_running_loop(None)
        return future.result()

    async def shutdown_asyncgens(self) -> None:
        """None of the tests leaves a generator behind."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Return at once: there is no executor."""

    def close(self) -> None:
        """The runner has cancelled what was left."""
        self.shutdown()
