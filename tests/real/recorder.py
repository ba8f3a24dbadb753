"""Records what clerks ask and are answered, with the machine's own clock, as a history."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from kvsrv.operations import Clerk
from kvsrv.rpc import Err, Version
from linearizability import Operation, explain
from linearizability import check as decide
from linearizability.model import Model
from linearizability.models import Get, Put

R = TypeVar("R")


class Recorder:
    """The history of all clients of one test, who are in one process: one clock stamps it."""

    def __init__(self) -> None:
        self.history: list[Operation] = []

    async def record(self, client: int, input: Any, work: Awaitable[R]) -> R:
        """Await an operation; it stays open if it does not return."""
        operation = Operation(client, input, None, time.monotonic_ns(), None)
        self.history.append(operation)
        result = await work
        operation.output, operation.ret = result, time.monotonic_ns()
        return result

    def check(self, model: Model) -> None:
        verdict = decide(model, self.history)
        assert verdict, explain(verdict)


class RecordedClerk:
    """A clerk whose operations are recorded."""

    def __init__(self, recorder: Recorder, client: int, clerk: Clerk) -> None:
        self._recorder = recorder
        self._client = client
        self._clerk = clerk

    async def get(self, key: str) -> tuple[str, Version, Err]:
        return await self._recorder.record(self._client, Get(key), self._clerk.get(key))

    async def put(self, key: str, value: str, version: Version) -> Err:
        put = self._clerk.put(key, value, version)
        return await self._recorder.record(self._client, Put(key, value, version), put)
