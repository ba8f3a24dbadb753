"""A Raft that does what a test says, and servers that answer what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from unittest import mock

from kvraft.rsm import RSM
from labrpc import ClientEnd
from raft.api import ApplyMsg, Persister


class Files:
    """A disk in memory."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}

    def read(self, name: str) -> bytes:
        return self.files.get(name, b"")

    def write(self, files: Any) -> None:
        self.files.update(files)

    async def sync(self) -> None: ...


class FakeRaft:
    """Leads, and commits when it is told to."""

    def __init__(
        self, peers: Any, me: int, persister: Persister, apply: asyncio.Queue[ApplyMsg]
    ) -> None:
        self.persister = persister
        self.apply = apply
        self.term, self.leads = 1, True
        self.log: list[bytes] = []
        self.snapshots: list[tuple[int, bytes]] = []
        self.killed = False

    def start(self, command: bytes) -> Any:
        if not self.leads:
            return -1, self.term, False
        self.log.append(command)
        return len(self.log), self.term, True

    def get_state(self) -> Any:
        return self.term, self.leads

    def snapshot(self, index: int, data: bytes) -> Any:
        self.snapshots.append((index, data))
        self.persister.save(b"", data)

    def kill(self) -> None:
        self.killed = True

    def commit(self, index: int, command: bytes | None = None) -> None:
        command = self.log[index - 1] if command is None else command
        message = ApplyMsg(command_valid=True, command=command, command_index=index)
        self.apply.put_nowait(message)


class ListRaft(FakeRaft):
    """A Raft whose methods return lists, which unpack as well."""

    def start(self, command: bytes) -> Any:
        return [*super().start(command)]

    def get_state(self) -> Any:
        return [*super().get_state()]


class AsyncRaft(FakeRaft):
    """A Raft with asynchronous methods, which commits before `start` returns."""

    async def start(self, command: bytes) -> Any:
        await asyncio.sleep(0)
        started = super().start(command)
        self.commit(started[0])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return started

    async def get_state(self) -> Any:
        await asyncio.sleep(0)
        return super().get_state()

    async def snapshot(self, index: int, data: bytes) -> Any:
        await asyncio.sleep(0)
        super().snapshot(index, data)


class Adder:
    """A machine whose state is a sum."""

    def __init__(self) -> None:
        self.sum = 0
        self.applied: list[bytes] = []

    def apply(self, request: bytes) -> int:
        self.applied.append(request)
        self.sum += int(request)
        return self.sum

    def snapshot(self) -> bytes:
        return b"%d" % self.sum

    def restore(self, data: bytes) -> None:
        self.sum = int(data)


class Bench:
    """An RSM on a fake Raft."""

    def __init__(
        self, disk: Files | None = None, maxraftstate: int = -1, raft: type = FakeRaft
    ) -> None:
        with mock.patch("kvraft.rsm.Raft", raft):
            self.adder = Adder()
            self.persister = Persister(disk or Files())
            self.rsm = RSM([], 0, self.persister, maxraftstate, self.adder)
        self.raft: FakeRaft = self.rsm.raft

    def submit(self, request: bytes) -> asyncio.Task[Any]:
        return asyncio.create_task(self.rsm.submit(request))


def play(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a loop of its own."""
    asyncio.run(test())


async def rest(turns: int = 10) -> None:
    """Let everything run that can."""
    for _ in range(turns):
        await asyncio.sleep(0)


def end(answer: Callable[[str], Awaitable[bytes | None]]) -> ClientEnd:
    """An end on which a call is answered so."""

    async def send(method: str, payload: bytes) -> bytes | None:
        return await answer(method)

    return ClientEnd("end", send)
