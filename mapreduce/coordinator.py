"""A coordinator: hands out map tasks, then reduce tasks, again to others after silence."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from labrpc import Message

PATIENCE_S: Final = 10
"""A task that was handed out so long ago, and is not finished, goes to another worker."""


class Kind(StrEnum):
    """What a worker is to do."""

    MAP = "map"
    REDUCE = "reduce"
    WAIT = "wait"
    """Nothing, for now: other workers have the tasks that are left."""
    EXIT = "exit"
    """Nothing any more: the job is done."""


class Ask(Message, frozen=True):
    """A worker asks for a task."""

    worker: str


class Task(Message, frozen=True):
    """What a worker is to do. A map task X makes a file `mr-X-Y` for each reduce task Y."""

    kind: Kind
    number: int = 0
    attempt: int = 0
    """No two hand-outs have the same: what is written is named after it."""
    file: str = ""
    """The input of a map task."""
    n_map: int = 0
    n_reduce: int = 0


class Report(Message, frozen=True):
    """A worker has finished a task: all its files have their names."""

    kind: Kind
    number: int


class Noted(Message, frozen=True):
    """The report has been heard."""


class Phase:
    """Tasks that can be done in any order, by their numbers."""

    def __init__(self, kind: Kind, size: int) -> None:
        self.kind = kind
        self.size = size
        self.finished: set[int] = set()
        self._waiting = deque(range(size))
        self._since: dict[int, float] = {}
        """When each task that is under way was handed out, the earliest first."""

    @property
    def over(self) -> bool:
        """Whether all tasks are finished."""
        return len(self.finished) == self.size

    def take(self, now: float) -> int | None:
        """A task for somebody who asks at this time; None if all are under way or finished."""
        if self._waiting:
            number = self._waiting.popleft()
        else:
            number = next(iter(self._since), -1)
            if number < 0 or now - self._since[number] < PATIENCE_S:
                return None
            del self._since[number]
        self._since[number] = now
        return number

    def give_back(self, number: int) -> None:
        """Whoever had a task will not finish it: it is the next to be handed out."""
        if self._since.pop(number, None) is not None:
            self._waiting.appendleft(number)

    def finish(self, number: int) -> None:
        """A task is finished: by whomever, and however often it is said."""
        self.finished.add(number)
        _ = self._since.pop(number, None)
        if number in self._waiting:
            self._waiting.remove(number)


class Coordinator:
    """Knows the tasks of one job, and which of them are finished; touches no file."""

    def __init__(self, files: Sequence[str], n_reduce: int) -> None:
        self._files = list(files)
        self._n_reduce = n_reduce
        self._phases = (Phase(Kind.MAP, len(files)), Phase(Kind.REDUCE, n_reduce))
        self._attempts = 0

    def done(self) -> bool:
        """Whether the whole output is there."""
        return all(phase.over for phase in self._phases)

    def next_task(self, ask: Ask) -> Task:
        """A task for a worker. Reduce tasks are handed out once all map tasks are finished."""
        phase = next((phase for phase in self._phases if not phase.over), None)
        if phase is None:
            return Task(Kind.EXIT)
        number = phase.take(asyncio.get_running_loop().time())
        if number is None:
            return Task(Kind.WAIT)
        self._attempts += 1
        file = self._files[number] if phase.kind is Kind.MAP else ""
        return Task(phase.kind, number, self._attempts, file, len(self._files), self._n_reduce)

    def finished(self, report: Report) -> Noted:
        """Note that a task is finished."""
        self._phases[report.kind is Kind.REDUCE].finish(report.number)
        return Noted()
