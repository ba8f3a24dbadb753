"""The scheduler: who is due when. It owns virtual time, and time moves in exactly one line."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from tester.engine.errors import Deadlock, Livelock, Waiting
from tester.engine.node import Event, Turn
from tester.engine.schedule import Pick

A = TypeVar("A")


class Machine(Protocol):
    """A node as the scheduler sees it: here or in a child process."""

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """See `tester.engine.node.Node.step`."""

    def waiting(self) -> list[Waiting]:
        """Where each unfinished task of the node waits."""


class Place:
    """A machine's place in the schedule: what has arrived for it, and when it is due."""

    __slots__ = ("_scheduler", "frozen", "inbox", "machine", "name", "next_due", "queued")

    def __init__(self, scheduler: Scheduler, name: str, machine: Machine) -> None:
        self._scheduler = scheduler
        self.name = name
        self.machine = machine
        self.inbox: list[Event] = []
        self.next_due: int | None = None
        self.queued = False
        self.frozen = False
        """A frozen machine is never stepped again: a crash is a freeze, not a cancellation."""

    def put(self, event: Event) -> None:
        """Let an event arrive now; it is taken in by the machine's next step, at this instant."""
        self.inbox.append(event)
        if not self.queued:
            self._queue()

    def wake(self, due: int) -> None:
        """The machine's earliest timer is due, unless it has been set anew meanwhile."""
        if due == self.next_due and not self.queued:
            self._queue()

    def freeze(self) -> None:
        """Never step the machine again; what has arrived, or will, is nobody's."""
        self.frozen = True
        if self.queued:
            self._scheduler.due.remove(self)

    def _queue(self) -> None:
        if not self.frozen:
            self.queued = True
            self._scheduler.due.append(self)


class Scheduler:
    """Runs events in order of time, then of arrival; nodes due at one instant are picked among.

    At each instant first everything that was posted for it happens, in the order of posting; then
    the nodes that got something, or whose timers are due, are stepped one at a time until none is
    left. `route(place, event)` is called for each event that leaves a node.
    """

    def __init__(
        self,
        pick: Pick,
        route: Callable[[Place, Event], None],
        *,
        time_limit_us: int,
        step_limit: int,
        instant_limit: int,
    ) -> None:
        self.now = 0
        """Microseconds since the start of the run."""
        self.due: list[Place] = []
        self.steps = 0
        """Callbacks run so far, on all nodes."""
        self.places: list[Place] = []
        self._pick = pick
        self._route = route
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._serial = 0
        self._time_limit = time_limit_us
        self._step_limit = step_limit
        self._instant_limit = instant_limit

    def place(self, name: str, machine: Machine) -> Place:
        """Give a machine its place."""
        place = Place(self, name, machine)
        self.places.append(place)
        return place

    def post(self, when: int, action: Callable[[A], None], argument: A) -> None:
        """Have `action(argument)` happen at `when` (microseconds), not before now."""
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, action, argument))

    def run(self, finished: Callable[[], bool]) -> None:
        """Run until `finished()`; asked after every step.

        Raises Deadlock when nothing is left to happen and Livelock when a budget is spent.
        """
        due, heap = self.due, self._heap
        instant_ends = self._instant_limit
        while True:
            while due:
                place = due.pop(self._pick(len(due)) if len(due) > 1 else 0)
                self._step(place, instant_ends)
                if finished():
                    return
            if not heap:
                raise Deadlock("nothing can happen any more", self.waiting())
            when = heap[0][0]
            if when > self._time_limit:
                raise Livelock(
                    f"{self._time_limit / 1e6:g} virtual seconds have passed", self.waiting()
                )
            self.now = when
            instant_ends = self.steps + self._instant_limit
            while heap and heap[0][0] == when:
                _, _, action, argument = heapq.heappop(heap)
                action(argument)

    def _step(self, place: Place, instant_ends: int) -> None:
        limit = min(self._step_limit, instant_ends) - self.steps
        inbox, place.inbox = place.inbox, []
        place.queued = False
        outbox, next_due, ran = place.machine.step(self.now, inbox, limit)
        if next_due is not None and next_due != place.next_due:
            self.post(next_due, place.wake, next_due)
        place.next_due = next_due
        self.steps += ran + 1
        for event in outbox:
            self._route(place, event)
        if self.steps > instant_ends or self.steps > self._step_limit:
            if self.steps > self._step_limit:
                sentence = f"{self._step_limit} steps have been run"
            else:
                sentence = (
                    f"{self._instant_limit} steps have been run at one instant, "
                    f"{self.now / 1e6:.3f} s, and nobody lets time pass"
                )
            raise Livelock(sentence, self.waiting())

    def waiting(self) -> list[Waiting]:
        """Where every unfinished task of every living node waits."""
        return [
            waiting
            for place in self.places
            if not place.frozen
            for waiting in place.machine.waiting()
        ]
