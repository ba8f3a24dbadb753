"""A stage for the engine's tests: a scheduler, and nodes whose events are plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tester.engine.choices import Choices, Replayed, Source
from tester.engine.errors import Waiting
from tester.engine.node import Event, Node
from tester.engine.schedule import Fifo, Schedule
from tester.engine.scheduler import Place, Scheduler
from tester.guard.waiting import waiting

T = TypeVar("T")


class Actor(Node):
    """A node whose events are ("do", function); the function is called with the node."""

    def __init__(
        self, name: str, choices: Choices, schedule: Schedule, incarnation: int = 0
    ) -> None:
        super().__init__(name, choices, schedule, incarnation)
        self.receivers = {"do": lambda event: self.context.run(event[1], self)}
        self.failures: list[BaseException] = []
        """What nobody handled, in the order in which it happened."""

    def failed(self, error: BaseException, doing: str) -> None:
        self.failures.append(error)

    def waiting(self) -> list[Waiting]:
        """Where each unfinished task of the node waits."""
        return waiting(self.name, self.loop)

    def send(self, to: str, function: Callable[[Actor], object], after_us: int = 0) -> None:
        """Have the function called on another node, some time later."""
        self.outbox.append((to, function, after_us))


class Stage:
    """Some actors and what passes between them; by default nothing is random."""

    def __init__(
        self,
        *names: str,
        source: Source | None = None,
        schedule: Schedule | None = None,
        time_limit_us: int = 10**9,
        step_limit: int = 10**6,
        instant_limit: int = 10**5,
    ) -> None:
        schedule = schedule or Fifo()
        self.choices = Choices(source or Replayed({}))
        self.scheduler = Scheduler(
            schedule.for_run(self.choices),
            self._route,
            time_limit_us=time_limit_us,
            step_limit=step_limit,
            instant_limit=instant_limit,
        )
        self.actors = {name: Actor(name, self.choices, schedule) for name in names}
        self.places = {
            name: self.scheduler.place(name, actor) for name, actor in self.actors.items()
        }

    def do(self, name: str, function: Callable[[Actor], object]) -> None:
        """Have the function called on the node, now."""
        self.places[name].put(("do", function))

    def start(
        self, name: str, main: Callable[[], Coroutine[Any, Any, T]]
    ) -> list[asyncio.Task[T]]:
        """Start a task on the node; the list holds it as soon as it exists."""
        made: list[asyncio.Task[T]] = []
        self.do(name, lambda actor: made.append(actor.loop.create_task(main(), name=name)))
        return made

    def run(self, finished: Callable[[], bool] = lambda: False) -> None:
        """Run until `finished()`, by default for ever: a Deadlock is how most stages end."""
        self.scheduler.run(finished)

    def _route(self, place: Place, event: Event) -> None:
        to, function, after_us = event
        self.scheduler.post(self.scheduler.now + after_us, self.places[to].put, ("do", function))

    def close(self) -> None:
        """Let go of all that still waits."""
        for actor in self.actors.values():
            actor.inside(actor.loop.shutdown)


def play(
    main: Callable[[], Coroutine[Any, Any, T]],
    *,
    source: Source | None = None,
    schedule: Schedule | None = None,
) -> T:
    """Run one coroutine on one node to its end, and return what it returns."""
    stage = Stage("n", source=source, schedule=schedule)
    made = stage.start("n", main)
    try:
        stage.run(lambda: bool(made) and made[0].done())
        assert stage.actors["n"].failures == []
        return made[0].result()
    finally:
        stage.close()
