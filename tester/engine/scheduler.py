"""The scheduler: which node is due when; it owns virtual time, which moves in one line of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar

from tester.engine import pulse
from tester.engine.errors import Deadlock, Livelock, Waiting
from tester.engine.leftovers import finalizers_reported, generators_close_in_tasks
from tester.engine.node import MOST_READY, Event, Turn
from tester.engine.schedule import Pick

A = TypeVar("A")


class Machine(Protocol):
    """A node as the scheduler sees it: here or in a child process."""

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """See `tester.engine.node.Node.step`."""

    def waiting(self) -> list[Waiting]:
        """Where each unfinished task of the node waits."""

    def freeze(self) -> None:
        """Make no more steps."""


class Place:
    """A machine's place in the schedule: what has arrived for it, and when it is due."""

    __slots__ = (
        "_due",
        "_scheduler",
        "frozen",
        "inbox",
        "machine",
        "name",
        "next_due",
        "queued",
        "step",
    )

    def __init__(self, scheduler: Scheduler, name: str, machine: Machine) -> None:
        self._scheduler = scheduler
        self._due = scheduler.due
        self.step = machine.step
        self.name = name
        self.machine = machine
        self.inbox: list[Event] = []
        self.next_due: int | None = None
        """When `wake` will be called, as far as anybody still wants it."""
        self.queued = False
        self.frozen = False
        """A frozen machine is not stepped; a crash is a freeze for ever, not a cancellation."""

    def put(self, event: Event) -> None:
        """Let an event arrive now; it is taken in by the machine's next step, at this instant."""
        self.inbox.append(event)
        if not self.queued and not self.frozen:
            self.queued = True
            self._due.append(self)

    def wake(self) -> None:
        """The machine's earliest timer is due, unless it was cancelled meanwhile."""
        if self.next_due != self._scheduler.now:
            return
        self.next_due = None  # spent: a new timer for the same instant needs a wake-up of its own
        if not self.queued and not self.frozen:
            self.queued = True
            self._due.append(self)

    def freeze(self) -> None:
        """Never step the machine again; what has arrived, or will, is nobody's."""
        self.suspend()
        self.next_due = None
        self.machine.freeze()

    def suspend(self) -> None:
        """Step the machine no more until it is thawed; what arrives waits."""
        self.frozen = True
        if self.queued:
            self.queued = False
            self._due.remove(self)

    def thaw(self) -> None:
        """Go on after all: with what has arrived meanwhile, and with the timers, late as they are.

        A timer's wake-up that came while the machine was frozen is spent: `next_due` is None then.
        """
        self.frozen = False
        if self.inbox or self.next_due is None:
            self.queued = True
            self._due.append(self)


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
        self._beat_at = pulse.EVERY_STEPS
        self._limit = min(step_limit, instant_limit)  # of `steps`, while this instant lasts

    def place(self, name: str, machine: Machine) -> Place:
        """Give a machine its place."""
        place = Place(self, name, machine)
        self.places.append(place)
        return place

    def post(self, when: int, action: Callable[[A], None], argument: A) -> None:
        """Have `action(argument)` happen at `when` (microseconds), not before now."""
        self._serial += 1
        heappush(self._heap, (when, self._serial, action, argument))

    def run(self, finished: Callable[[], bool], by: Place | None = None) -> None:
        """Run until `finished()`; asked after every step, or only after those of the place `by`.

        Raises Deadlock when nothing is left to happen and Livelock when a budget is spent.
        """
        outer = asyncio._get_running_loop()
        task = asyncio.current_task(outer) if outer is not None else None
        if task is not None:  # since CPython 3.14 a thread has one current task: gh-129898
            asyncio.tasks._leave_task(task.get_loop(), task)
        try:
            with generators_close_in_tasks(), finalizers_reported():
                self._run(finished, by)
        finally:
            asyncio._set_running_loop(outer)
            if task is not None:
                asyncio.tasks._enter_task(task.get_loop(), task)

    def _run(self, finished: Callable[[], bool], by: Place | None) -> None:
        due, heap, route, wake = self.due, self._heap, self._route, Place.wake
        instant_limit, step_limit, beat_at = self._instant_limit, self._step_limit, self._beat_at
        now, steps, limit, time_limit = self.now, self.steps, self._limit, self._time_limit
        after_any = by is None
        try:
            while True:
                while due:
                    place = due.pop()
                    if due:  # several: which of them goes first is a choice
                        due.append(place)
                        place = due.pop(self._pick(len(due)))
                    inbox, place.inbox = place.inbox, []
                    place.queued = False
                    given = limit - steps
                    outbox, next_due, ran = place.step(now, inbox, given)
                    if next_due != place.next_due:
                        place.next_due = next_due
                        if next_due is not None:  # as `post` does it, without the call
                            self._serial += 1
                            heappush(heap, (next_due, self._serial, wake, place))
                    self.steps = steps = steps + ran + 1
                    for event in outbox:
                        route(place, event)
                    if steps > beat_at:
                        self._beat_at = beat_at = steps + pulse.beat()
                    if steps > limit:
                        raise self._spent(flooded=ran > given)
                    if (after_any or by is place) and finished():
                        return
                # Move time to the next thing that happens, and let all of that instant happen.
                while heap:
                    when, _, action, argument = heappop(heap)
                    if action is not wake or argument.next_due == when:
                        break
                    # else the timer was cancelled, which is no reason to let time pass
                else:
                    nothing = "no runnable task, no timer, no message in flight"
                    raise Deadlock(nothing, self.waiting())
                if when > now:
                    if when > time_limit:
                        raise self._out_of_time()
                    self.now = now = when
                    limit = steps + instant_limit
                    if limit > step_limit:  # noqa: PLR1730 - a call less
                        limit = step_limit
                action(argument)
                while heap and heap[0][0] == when:
                    _, _, action, argument = heappop(heap)
                    action(argument)
        finally:
            self._limit = limit

    def close(self) -> None:
        """Drop all places and pending events at the end of the run.

        They refer to the run, and the run to them. Without these cycles reference counting frees
        a run at once, and the garbage collector need not search the whole heap for it.
        """
        self.due.clear()
        self.places.clear()
        self._heap.clear()
        del self._route

    def _out_of_time(self) -> Livelock:
        sentence = f"{self._time_limit / 1_000_000:g} virtual seconds have passed"
        return Livelock(sentence, self.waiting(), ended_us=self._time_limit)

    def _spent(self, *, flooded: bool) -> Livelock:
        if flooded:
            return Livelock(
                f"more than {MOST_READY} callbacks and tasks are ready at one instant, "
                f"{self.now / 1_000_000:.3f} s: they make more and more of each other",
                self.waiting(),
            )
        if self.steps > self._step_limit:
            sentence = f"{self._step_limit} steps have been run"
            return Livelock(sentence, self.waiting(), ended_us=self.now)
        return Livelock(
            f"{self._instant_limit} steps have been run at one instant, "
            f"{self.now / 1_000_000:.3f} s, and time does not pass",
            self.waiting(),
        )

    def waiting(self) -> list[Waiting]:
        """Where every unfinished task of every living node waits."""
        return [
            waiting
            for place in self.places
            if not place.frozen
            for waiting in place.machine.waiting()
        ]
