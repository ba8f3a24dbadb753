"""A simulation: one run of one test, with its nodes, its network, its clock and its history."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Final, cast

import msgspec

from labrpc.conditions import RELIABLE, Conditions
from labrpc.errors import TesterError
from labrpc.network import Network
from tester.engine.choices import Choices
from tester.engine.errors import LimitReached, Livelock, Stuck
from tester.engine.leftovers import unheeded
from tester.engine.node import Event
from tester.engine.schedule import DEFAULT, SCHEDULES
from tester.engine.scheduler import Place, Scheduler
from tester.engine.trace import Trace
from tester.world import submission
from tester.world.border import Border
from tester.world.cluster import Cluster, Member, Remote
from tester.world.failure import ProcessDied, printable
from tester.world.handles import KV, LockHandle
from tester.world.host import Host
from tester.world.limits import DEFAULT_LIMITS, Limits
from tester.world.nemesis import Kind
from tester.world.reports import Reports
from tester.world.streams import SIZE
from tester.world.testhost import TestHost
from tester.world.trouble import Trouble

_LARGEST_FIGURE: Final = 2**48
TEST: Final = "test"
"""The name of the node on which the test itself runs."""

_encode = msgspec.msgpack.Encoder().encode

Listener = Callable[..., object]
"""Is told what a probe tells: `listener(what, *data)`."""


class Simulation(Trouble):
    """What a test is given: it makes nodes and objects on them, and disturbs them."""

    def __init__(
        self,
        choices: Choices,
        *,
        network: Conditions = RELIABLE,
        schedule: str = DEFAULT,
        limits: Limits = DEFAULT_LIMITS,
        keep_trace: bool = False,
        isolated: bool = False,
        watch: Sequence[ModuleType] = (),
        faults: Sequence[Kind] = (),
    ) -> None:
        self.choices = choices
        self.limits = limits
        self.figures: dict[str, list[int]] = {}
        """What the test has reported: see `figure`."""
        self.submission = submission.current()
        self.trace = Trace(_encode, keep=keep_trace)
        self._schedule = SCHEDULES[schedule](bool(faults) or not network.reliable)
        self._scheduler = Scheduler(
            self._schedule.for_run(choices),
            self._route,
            time_limit_us=limits.virtual_s * 1_000_000,
            step_limit=limits.steps,
            instant_limit=limits.instant_steps,
        )
        self.network = Network(self._scheduler, choices.draw, self.trace.add, network)
        super().__init__(self._scheduler, self.network, self.trace)
        self._test = TestHost(TEST, choices, self._schedule)
        self._here = self._scheduler.place(TEST, self._test)
        self._test.loop.notes_deaths = keep_trace
        self.border = Border(
            self._scheduler, self.network, self.trace, self._here, self._test.loop
        )
        """Where the test's operations pass."""
        self.history = self.border.history
        """Every operation the test called, in the order of the calls."""
        self._cluster = Cluster(
            self._scheduler,
            choices,
            self._schedule,
            isolated=isolated,
            watch=watch,
            notes_deaths=keep_trace,
        )
        self.reports = Reports(self._scheduler, self._test)
        """What nodes have reported of the code on them."""
        self._listeners: dict[str, Listener] = {}
        self._most_bytes = limits.megabytes * 1_000_000
        if faults:
            self.nemesis(*faults)

    # -- what a test may use ----------------------------------------------------------------------

    def now(self) -> float:
        """Virtual seconds since the start of the run."""
        return self._scheduler.now / 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass: the same as `asyncio.sleep`."""
        await asyncio.sleep(seconds)

    def note(self, text: str) -> None:
        """Put a line into the run's story."""
        self.trace.add((self._scheduler.now, "note", printable(str(text))))

    def figure(self, name: str, value: int) -> None:
        """Report a figure of this run, any number of times: "acquisitions of a client", 71.

        `labtester run` tells the least, the most and the mean over all runs of the test.
        """
        if type(value) is not int or abs(value) > _LARGEST_FIGURE:
            raise TesterError(f"a figure is an integer of up to 48 bits, not {value!r}")
        self.figures.setdefault(name, []).append(value)

    def say(self, who: str, what: str) -> None:
        """Put a line about a node into the run's story: "s1", "leads term 3"."""
        self.trace.add((self._scheduler.now, "does", who, what))

    def listen(self, node: str, listener: Listener) -> None:
        """Have the listener told what probes on this node tell; it may raise a verdict."""
        self._listeners[node] = listener

    def at_most(self, n: int, name: str) -> int:
        """`n`, or less (but at least 1) while a failing run is being shrunk.

        For the sizes of a workload: how many clients, how many rounds, how many milliseconds. The
        name says which; it is part of a record.
        """
        return n - self.choices.stream(f"{SIZE}{name}").given(n)

    def livelock(self, sentence: str) -> Livelock:
        """The verdict that nothing gets on, and where everybody waits; for a test to raise."""
        return Livelock(sentence, self._scheduler.waiting())

    def node(self, name: str) -> Member:
        """The node of this name, made on first use."""
        return self._cluster.member(name, self)

    def serve(self, factory: Callable[..., Any] | None = None, name: str = "server") -> Remote:
        """Build a server on its own node and register it with the network, both as `name`.

        `factory` takes no arguments; by default it is the submission's KVServer.
        """
        if factory is None:
            factory = self.submission.get("kvsrv.server", "KVServer")
        server = self.node(name).make(factory)
        self.node(name).serve(server)
        return server

    def clerk(
        self,
        factory: Callable[..., Any] | None = None,
        server: str = "server",
        node: str = "",
        like: type = KV,
    ) -> KV:
        """Build a clerk of the server on a node (its own by default); it is also a client.

        `factory` takes a ClientEnd; by default it is the submission's Clerk. Its methods travel as
        those of `like` are annotated: a clerk of another kind is to be cast to that.
        """
        if factory is None:
            factory = self.submission.get("kvsrv.client", "Clerk")
        name = self._cluster.fresh("c")
        member = self.node(node or name)
        return cast(KV, member.make(factory, member.end(name, server), like=like, name=name))

    def lock(self, clerk: KV, name: str, factory: Callable[..., Any] | None = None) -> LockHandle:
        """Build a lock on the node of a clerk; `factory` takes the clerk and the lock's name."""
        if factory is None:
            factory = self.submission.get("lock.lock", "Lock")
        remote = cast(Remote, clerk)
        member = remote._member
        made = member.make(factory, remote, name, like=LockHandle, name=f"{remote._key}.{name}")
        return cast(LockHandle, made)

    def measure(self, remote: Remote) -> int:
        """Bytes held by an object on its node: itself and all it refers to."""
        return remote._member.measure(remote)

    @property
    def rpcs(self) -> int:
        """RPCs sent so far."""
        return self.network.rpc_total

    @property
    def peers(self) -> int:
        """Servers of this run: the nodes that have served so far, those that are down as well."""
        return self._cluster.servers()

    @property
    def steps(self) -> int:
        """Callbacks run so far, on all nodes together."""
        return self._scheduler.steps

    @property
    def virtual_us(self) -> int:
        """Virtual microseconds since the start of the run."""
        return self._scheduler.now

    # -- the run ----------------------------------------------------------------------------------

    def run(self, test: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run the test to its end, or to the first thing that goes wrong; once."""
        with self.reports.heard():
            contextvars.Context().run(self._run, test)

    def _run(self, test: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._here.put(("start", test))
        try:
            self._scheduler.run(self._test.over.done)
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

    def hosted(self) -> list[tuple[str, list[object]]]:
        """What every node of this process but the test's holds, with the name of the node."""
        hosts = [place.machine for place in self._scheduler.places if place is not self._here]
        return [(host.name, host.objects()) for host in hosts if isinstance(host, Host)]

    def _limit_reached(self, error: Stuck) -> LimitReached | None:
        """The verdict if operations completed until the last tenth of the time there was."""
        last_us = self.border.ended_us
        if not isinstance(error, Livelock) or error.ended_us is None or last_us is None:
            return None
        if last_us * 10 < error.ended_us * 9:
            return None
        return LimitReached(
            f"{error.sentence}, and the test was not over; operations completed until then, "
            f"{self.history.completed} in all and the last one at {last_us / 1_000_000:.3f} s",
            error.waiting,
        )

    def close(self) -> None:
        """Let everything go; to be called once, after the verdict.

        What frozen code leaves unawaited, or raises as it is let go, is no fault of its author.
        Raises ProcessDied if a child could not say what it had chosen.
        """
        died = None
        with unheeded():
            for place in self._scheduler.places:
                try:
                    cast(Host, place.machine).close()
                except ProcessDied as error:
                    died = died or error
        self._listeners.clear()
        self.let_go()
        self.border.let_go()
        self._cluster.let_go()
        self._scheduler.let_go()
        if died is not None:
            raise died

    def abandon(self) -> None:
        """Let everything go at once, for somebody at the keyboard has had enough."""
        with unheeded():
            for place in self._scheduler.places:
                cast(Host, place.machine).abandon()

    # -- where events go --------------------------------------------------------------------------

    def _route(self, place: Place, event: Event) -> None:
        kind = event[0]
        if kind == "send":
            _, call, end, method, payload = event
            network = self.network
            if network.rpc_total - self.border.rpcs_before >= self.limits.silent_rpcs:
                raise Livelock(
                    f"{self.limits.silent_rpcs} RPCs have been sent since an operation of a "
                    "client last completed",
                    self._scheduler.waiting(),
                )
            network.send(end, method, payload, partial(_answer, place, call))
            if network.byte_total > self._most_bytes:
                raise Livelock(
                    f"the messages of the run have more than {self.limits.megabytes} MB together",
                    self._scheduler.waiting(),
                    ended_us=self.virtual_us,
                )
        elif kind == "answer":
            self.network.reply(event[1], event[2])
        elif kind == "done":
            self.border.done(event[1], event[2])
        elif kind in {"fail", "unawaited", "refused"}:
            self.reports.take(event)
        elif kind == "tell":
            self._listeners[place.name](*event[1:])
        elif kind in {"write", "sync"}:
            self.node(place.name).from_disk(place, event)
        elif kind == "fault":
            self._note(event)
        else:
            raise TesterError(f"{place.name} sent an event that nobody knows: {kind!r}")


def _answer(place: Place, call: int, payload: bytes | None) -> None:
    place.put(("reply", call, payload))
