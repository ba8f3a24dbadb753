"""The coordinator of a real job: it knows who has which task, and gives up on what is hopeless."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from labrpc import Message
from mapreduce.coordinator import Ask, Coordinator, Kind, Noted, Phase, Report, Task

DEATHS: Final = 3
"""A task that has ended this many workers is not tried again."""


class Failed(Message, frozen=True):
    """A worker cannot continue, and no other could."""

    worker: str
    sentence: str


class JobCoordinator(Coordinator):
    """A coordinator that is told when workers die, and tells when something has changed."""

    def __init__(
        self,
        tasks: Sequence[str],
        n_reduce: int,
        about: Sequence[str],
        changed: Callable[[], None],
    ) -> None:
        super().__init__(tasks, n_reduce)
        self.failure = ""
        """Why the job has failed; "" as long as it has not."""
        self._about = about
        """What each map task is about, in words."""
        self._changed = changed
        self._has: dict[str, tuple[Phase, int]] = {}
        self._deaths: dict[tuple[Kind, int], int] = {}
        """How many workers each task has ended."""
        self._idle_deaths = 0
        """How many workers have died without a task since the last task was handed out."""

    @property
    def over(self) -> bool:
        """Whether nobody has anything to do any more."""
        return bool(self.failure) or self.done()

    def finished_tasks(self) -> tuple[int, int]:
        """How many map tasks are finished, and how many reduce tasks."""
        maps, reduces = (len(phase.finished) for phase in self._phases)
        return maps, reduces

    def at_work(self) -> set[str]:
        """The workers that have had a task and have not died."""
        return set(self._has)

    def next_task(self, ask: Ask) -> Task:
        """See Coordinator; nothing any more once the job has failed."""
        if self.failure:
            return Task(Kind.EXIT)
        task = super().next_task(ask)
        if task.kind in (Kind.MAP, Kind.REDUCE):
            self._idle_deaths = 0
            self._has[ask.worker] = self._phases[task.kind is Kind.REDUCE], task.number
        return task

    def finished(self, report: Report) -> Noted:
        """See Coordinator."""
        noted = super().finished(report)
        self._changed()
        return noted

    def failed(self, report: Failed) -> Noted:
        """A worker says why the job cannot be done."""
        self._fail(report.sentence)
        return Noted()

    def lost(self, worker: str, how: str) -> None:
        """A worker has died: whatever it had is handed out anew, unless it is to blame."""
        phase, number = self._has.pop(worker, (None, -1))
        if phase is None:
            self._idle_deaths += 1
            if self._idle_deaths == DEATHS:
                self._fail(
                    f"three workers in turn ended before they had a task; the last one {how}"
                )
            return
        if number in phase.finished:
            return
        phase.give_back(number)
        deaths = self._deaths[phase.kind, number] = self._deaths.get((phase.kind, number), 0) + 1
        if deaths == DEATHS:
            is_map = phase.kind is Kind.MAP
            task = f"map task of {self._about[number]}" if is_map else f"reduce task {number}"
            self._fail(f"the {task} has ended three workers in turn; the last one {how}")

    def _fail(self, sentence: str) -> None:
        self.failure = self.failure or sentence
        self._changed()
