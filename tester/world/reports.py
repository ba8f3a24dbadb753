"""What nodes report of their code: exceptions, tasks that died, calls never awaited."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tester.engine.node import Event
from tester.engine.scheduler import Place, Scheduler
from tester.guard.unawaited import Unawaited, held_by, noticed
from tester.world.failure import Failure, HandlerCrashed, Misused, ProcessDied, first
from tester.world.testhost import TestHost


class Reports:
    """What has been reported in a run so far; a failure ends it. `test` is the test's node."""

    def __init__(self, scheduler: Scheduler, test: TestHost) -> None:
        self.refused: list[Misused] = []
        """What the guard has refused to code in child processes, swallowed or not."""
        self.unawaited: list[Unawaited] = []
        """What code on nodes has called and forgotten to await, if the run keeps its trace."""
        self.died: list[Failure] = []
        """The errors of background tasks that were never awaited, once the run is over."""
        self._scheduler = scheduler
        self._test = test

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Collect reports while the run lasts; a failing run is looked at again at its end."""
        with noticed() if self._test.loop.notes_deaths else contextlib.nullcontext():
            try:
                yield
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # pytest's own outcomes are among them
                self.unawaited += held_by(first(error), self._test)
                self._find_others_dead()
                raise

    def take(self, event: Event) -> None:
        """Take a node's ("fail", failure), ("unawaited", call) or ("refused", failure).

        Raises HandlerCrashed or Misused for a failure.
        """
        kind, report = event
        if kind == "fail":
            raise _verdict(report)
        if kind == "unawaited":
            self.unawaited.append(report)
        else:
            self.refused.append(Misused(report))

    def raise_unretrieved(self, but: Place | None = None) -> None:
        """Raise what a background task has died of on some node but this one, if any has."""
        for place in self._scheduler.places:
            if not place.frozen and place is not but:
                self._find_dead(place)
        if self.died:
            raise _verdict(self.died[0])

    def _find_dead(self, place: Place) -> None:
        host: Any = place.machine  # a Hosting; to say so by `cast` is a call
        for event in host.unretrieved():
            if event[0] == "fail":
                self.died.append(event[1])
            else:
                self.take(event)

    def _find_others_dead(self) -> None:
        """What else tasks have died of, also on nodes that went down after that: for the story."""
        main = self._test.main
        if main is not None and main.done() and not main.cancelled():
            main.exception()  # the test itself is no background task
        for place in self._scheduler.places:
            with contextlib.suppress(ProcessDied):
                self._find_dead(place)


def _verdict(failure: Failure) -> HandlerCrashed | Misused:
    return (Misused if failure.misuse else HandlerCrashed)(failure)
