"""Rafts that are wrong, odd or lame, for tests of what looks after them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from labrpc import ClientEnd
from raft.api import ApplyMsg, Persister
from tester.labs.raft.network import CALM
from tester.world import submission
from tester.world.run import Outcome
from tester.world.scenario import SimulatedTest
from tests.world.lab import once


class Solo:
    """The only server of its group: it leads from the start, and commits at once."""

    def __init__(
        self,
        peers: Sequence[ClientEnd],
        me: int,
        persister: Persister,
        apply: asyncio.Queue[ApplyMsg],
    ) -> None:
        self.peers = peers
        self.me = me
        self.persister = persister
        self.apply = apply
        self.log: list[bytes] = []

    def start(self, command: bytes) -> tuple[int, int, bool]:
        self.log.append(command)
        self.persister.save(b"".join(self.log), self.persister.read_snapshot())
        index = len(self.log)
        self.apply.put_nowait(ApplyMsg(command_valid=True, command=command, command_index=index))
        return index, 1, True

    def get_state(self) -> tuple[int, bool]:
        return 1, True

    def snapshot(self, index: int, data: bytes) -> None:
        self.persister.save(b"", data)

    def kill(self) -> None: ...


class Mute(Solo):
    """Never leads."""

    def start(self, command: bytes) -> tuple[int, int, bool]:
        return -1, 1, False

    def get_state(self) -> tuple[int, bool]:
        return 1, False


class _Instead(submission.Submission):
    def __init__(self, raft: type) -> None:
        super().__init__()
        self._raft = raft

    def get(self, module: str, name: str) -> Any:
        return self._raft if module == "raft.raft" else super().get(module, name)


@contextmanager
def instead(raft: type) -> Iterator[None]:
    """Inside, the submission's Raft is this class."""
    with submission.instead(_Instead(raft)):
        yield


def with_raft(raft: type, test: SimulatedTest, **conditions: Any) -> Outcome:
    """One run of a test with this Raft."""
    with instead(raft):
        return once(test, **{"network": CALM, "model": None} | conditions)
