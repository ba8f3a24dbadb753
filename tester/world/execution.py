"""An execution: one run of one test, from its first step to the release of all it held."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple, cast

from labrpc.conditions import RELIABLE, Conditions
from labrpc.errors import TesterError
from tester.engine.choices import Choices
from tester.engine.errors import LimitReached, Livelock, Stuck
from tester.engine.leftovers import silent_finalizers
from tester.engine.node import Event
from tester.engine.schedule import DEFAULT, SCHEDULES
from tester.engine.scheduler import Place, Scheduler
from tester.engine.trace import Entry
from tester.guard.watched import Watched
from tester.world.context import Context
from tester.world.failure import ProcessDied
from tester.world.host import Host
from tester.world.limits import DEFAULT_LIMITS, Limits
from tester.world.nemesis import Kind
from tester.world.nodes import Hosting, Nodes, StartNode
from tester.world.operations import Operations
from tester.world.reports import Reports
from tester.world.simulation import Simulation
from tester.world.spectator import Spectator
from tester.world.testhost import TestHost

TEST: Final = "test"
"""The name of the node on which the test itself runs."""


class Sender(NamedTuple):
    """Where an RPC was sent, and which operation caused it, if one did."""

    node: str
    op: int | None


class Observation(NamedTuple):
    """What a probe told the run: see `tester.world.probe`. It is no event of the trace."""

    time_us: int
    place: int
    """How many events the trace had by then."""
    node: str
    what: str
    data: tuple[Any, ...]


class Execution:
    """Everything that one run is made of; `run` it once, then `close` it."""

    def __init__(
        self,
        choices: Choices,
        *,
        network: Conditions = RELIABLE,
        schedule: str = DEFAULT,
        limits: Limits = DEFAULT_LIMITS,
        keep_trace: bool = False,
        notes_returns: bool = False,
        isolated: bool = False,
        start_node: StartNode | None = None,
        watched: Watched | None = None,
        faults: Sequence[Kind] = (),
        spectator: Spectator | None = None,
        read: Callable[[list[Entry]], None] | None = None,
    ) -> None:
        order = SCHEDULES[schedule](bool(faults) or not network.reliable)
        self._scheduler = Scheduler(
            order.for_run(choices),
            self._route,
            time_limit_us=limits.virtual_s * 1_000_000,
            step_limit=limits.steps,
            instant_limit=limits.instant_steps,
        )
        self._keep_trace = keep_trace
        self._limits = limits
        self._silent_rpcs = limits.silent_rpcs
        self.senders: dict[int, Sender] = {}
        """Who sent each RPC, if the run keeps its trace."""
        self.observations: list[Observation] = []
        """What probes have told, if the run keeps its trace."""
        self._most_bytes = limits.megabytes * 1_000_000
        self._context = Context(
            choices,
            self._scheduler,
            network,
            keep_trace=keep_trace,
            spectator=spectator,
            read=read,
        )
        self.trace = self._context.trace
        self._network = self._context.network
        self._test = TestHost(TEST, choices, order)
        self._here = self._scheduler.place(TEST, self._test)
        self._test.loop.notes_deaths = keep_trace
        self._operations = Operations(self._context, self._here, self._test.loop)
        self._nodes = Nodes(
            self._context,
            self._operations,
            order,
            isolated=isolated,
            start_node=start_node,
            watched=watched,
            notes_deaths=keep_trace,
            notes_returns=notes_returns,
        )
        self.reports = Reports(self._scheduler, self._test)
        """What nodes have reported of the code on them."""
        self.sim = Simulation(self._context, self._nodes, limits)
        """What the test gets."""
        if faults:
            self.sim.nemesis(*faults)

    def run(self, test: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run the test to its end, or to the first thing that goes wrong; once."""
        with self.reports.heard():
            contextvars.Context().run(self._run, test)

    def _run(self, test: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._here.put(("start", test))
        try:
            self._scheduler.run(self._test.over.done, by=self._here)
        except Stuck as error:
            self.reports.raise_unretrieved()
            raise self._limit_reached(error) or error from None
        assert self._test.main is not None
        try:
            self._test.main.result()
        except Exception:
            # What has died on another node did so before, and may be why the test failed.
            self.reports.raise_unretrieved(but=self._here)
            raise
        self.reports.raise_unretrieved()

    def close(self) -> None:
        """Release everything the run holds. Call it once, after the verdict.

        What frozen code leaves unawaited, or raises as it ends here, is not its author's fault.
        Raises ProcessDied if a child could not say what it had chosen.
        """
        died = None
        with silent_finalizers():
            for place in self._scheduler.places:
                try:
                    host: Any = place.machine  # a Hosting; to say so by `cast` is a call
                    host.close()
                except ProcessDied as error:
                    died = died or error
        self.sim.detach()
        self._context.close()
        self._operations.close()
        self._nodes.close()
        self._scheduler.close()
        if died is not None:
            raise died

    def terminate(self) -> None:
        """End all nodes at once: the run was interrupted."""
        with silent_finalizers():
            for place in self._scheduler.places:
                cast(Hosting, place.machine).terminate()

    def hosted(self) -> list[tuple[str, list[object]]]:
        """What every node of this process but the test's holds, with the name of the node."""
        hosts = [place.machine for place in self._scheduler.places if place is not self._here]
        return [(host.name, host.objects()) for host in hosts if isinstance(host, Host)]

    def _limit_reached(self, error: Stuck) -> LimitReached | None:
        """The verdict if operations completed until the last tenth of the time there was."""
        last_us = self._operations.ended_us
        if not isinstance(error, Livelock) or error.ended_us is None or last_us is None:
            return None
        if last_us * 10 < error.ended_us * 9:
            return None
        return LimitReached(
            f"{error.sentence}, and the test was not over; operations completed until then, "
            f"{self.sim.history.completed} in all and the last one at "
            f"{last_us / 1_000_000:.3f} s",
            error.waiting,
        )

    # -- where events go --------------------------------------------------------------------------

    def _route(self, place: Place, event: Event) -> None:
        kind = event[0]
        if kind == "send":
            _, call, end, method, payload, op = event
            network = self._network
            if network.rpc_total - self._operations.rpcs_before >= self._silent_rpcs:
                raise Livelock(
                    f"{self._limits.silent_rpcs} RPCs have been sent since an operation of a "
                    "client last completed",
                    self._scheduler.waiting(),
                )
            rpc = network.send(end, method, payload, place.put, call)
            if self._keep_trace:
                self.senders[rpc.number] = Sender(place.name, op)
            if network.byte_total > self._most_bytes:
                raise Livelock(
                    f"the messages of the run have more than {self._limits.megabytes} MB together",
                    self._scheduler.waiting(),
                    ended_us=self._scheduler.now,
                )
        elif kind == "answer":
            self._network.reply(event[1], event[2])
        elif kind == "done":
            self._operations.done(event[1], event[2])
        elif kind in {"fail", "unawaited", "refused"}:
            self.reports.take(event)
        elif kind == "report":
            if self._keep_trace:
                place_in_trace = len(self.trace.entries)
                self.observations.append(
                    Observation(
                        self._scheduler.now, place_in_trace, place.name, event[1], event[2:]
                    )
                )
            self.sim.hear(place.name, *event[1:])
        elif kind in {"write", "sync"}:
            self._nodes.named(place.name).from_disk(place, event)
        elif kind == "file":
            self._nodes.files.take(self._nodes.named(place.name), place, event)
        elif kind == "fault":
            self._context.note(*event)
        elif kind == "annotate":
            self._context.note("annotate", place.name, *event[1:])
        else:
            raise TesterError(f"{place.name} sent an event that nobody knows: {kind!r}")
