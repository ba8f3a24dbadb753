"""The node of the test: it runs the test itself, and receives the results of its operations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from tester.engine.choices import Choices
from tester.engine.node import Event
from tester.engine.schedule import Schedule
from tester.world.host import Host


class TestHost(Host):
    """The node the test runs on; the only one that receives results of operations as objects."""

    __test__ = False  # not for pytest to collect

    def __init__(self, name: str, choices: Choices, schedule: Schedule) -> None:
        super().__init__(name, choices, schedule)
        self.main: asyncio.Task[object] | None = None
        """The test itself, once it has been started."""
        self.over: asyncio.Future[None] = asyncio.Future(loop=self.loop)
        """Done as soon as the test is."""
        inside: Callable[..., None] = self.context.run
        self.receivers["start"] = partial(inside, self._start)
        self.receivers["returned"] = self._returned
        self.receivers["node down"] = self._node_down

    def close(self) -> None:
        """See Host."""
        super().close()
        self.main = None
        del self.over

    def _start(self, event: Event) -> None:
        test: Callable[[], Coroutine[Any, Any, object]] = event[1]
        self.main = self.loop.create_task(test(), name=self.name)
        self.main.add_done_callback(lambda _: self.over.set_result(None))

    def _returned(self, event: Event) -> None:
        future: asyncio.Future[Any]
        _, future, result = event
        try:  # noqa: SIM105 - a call less
            future.set_result(result)
        except asyncio.InvalidStateError:
            pass  # its caller gave up

    def _node_down(self, event: Event) -> None:
        future: asyncio.Future[Any]
        _, future, error = event
        if not future.done():
            future.set_exception(error)
