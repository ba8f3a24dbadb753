"""A simulation: what a test gets to make nodes, build objects on them, and disturb them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from labrpc.errors import TesterError
from tester.engine.errors import Livelock
from tester.engine.stream import Fault
from tester.world import faults, submission
from tester.world.annotations import annotation
from tester.world.context import Context
from tester.world.failure import printable
from tester.world.group import Group
from tester.world.handles import KV, LockHandle
from tester.world.invariants import (
    DESCRIBED,
    Condition,
    Heard,
    Invariants,
    Monitor,
    Observer,
    Watch,
    shown,
)
from tester.world.limits import Limits
from tester.world.nemesis import Kind, Leader, Nemesis
from tester.world.nodes import Member, Nodes, Remote
from tester.world.streams import SIZE

_LARGEST_FIGURE: Final = 2**48

Listener = Callable[..., object]
"""Receives what a probe reports: `listener(what, *data)`."""


class Simulation:
    """What a test gets: it makes nodes and builds objects on them, and disturbs them."""

    def __init__(self, context: Context, nodes: Nodes, limits: Limits) -> None:
        self.choices = context.choices
        self.network = context.network
        self.links = context.links
        """Who hears whom."""
        self.conditions = context.conditions
        """What the network does to messages for a while."""
        self.history = nodes.operations.history
        """Every operation the test called, in the order of the calls."""
        self.files = nodes.files
        """The folder that all nodes share: see `tester.world.files.Folder`."""
        self.limits = limits
        self.figures: dict[str, list[int]] = {}
        """The figures that the test has reported: see `figure`."""
        self.submission = submission.current()
        self._context = context
        self._nodes = nodes
        self._listeners: dict[str, list[Listener]] = {}
        self._nemeses: list[Nemesis] = []
        self._groups: set[str] = set()
        self._invariants = Invariants()
        self._observed: dict[str, Remote] = {}
        self.reached = self._invariants.reached
        """Whether it has come to what is to be reached in some run: see `sometimes`."""
        self.sizes: dict[str, int] = {}
        """What parts of the workload are cut down to, by name: see `at_most`."""

    # -- making it --------------------------------------------------------------------------------

    def now(self) -> float:
        """Virtual seconds since the start of the run."""
        return self._context.now_us / 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass: the same as `asyncio.sleep`."""
        await asyncio.sleep(seconds)

    def note(self, text: str) -> None:
        """Add a line to the run's story."""
        self._context.note("note", printable(str(text)))

    def annotate(
        self,
        tag: str,
        text: str = "",
        *,
        details: str = "",
        since: float | None = None,
        lasting: bool = False,
    ) -> None:
        """Have something seen at this time: a point, an interval that ends now, or a state.

            sim.annotate("phase", "all clients write", lasting=True)

        `since`: it began then, as `now()` gave it. `lasting`: it holds until the next one that
        lasts, of this tag; one without a text ends it. Code on nodes calls `tester.annotate`.
        """
        fields = annotation(tag, text, details, since, lasting)
        self._context.note("annotate", "test", *fields)

    def figure(self, name: str, value: int) -> None:
        """Report a figure of this run, any number of times: "acquisitions of a client", 71.

        `labtester run` tells the least, the most and the mean over all runs of the test.
        """
        if type(name) is not str:
            raise TesterError(f"expected text as the name of a figure, got {name!r}")
        if type(value) is not int or abs(value) > _LARGEST_FIGURE:
            raise TesterError(
                f"expected an integer of at most 48 bits for a figure, got {value!r}"
            )
        self.figures.setdefault(name, []).append(value)

    def say(self, who: str, what: str, rpc: int | None = None) -> None:
        """Put a line about a node into the run's story: "s1", "leads term 3".

        With the number of an RPC, the line is about the operation that sent it.
        """
        self._context.note("does", who, what, *(() if rpc is None else (rpc,)))

    def blame(self, fault: Fault, what: str, kind: str) -> None:
        """Say what a fault is that the test chose: "the crash of w0", and "crash" for short.

        The fault is a choice: the name of its stream, and its number there.
        """
        self._context.note("fault", *fault, what, kind)

    def listen(self, node: str, listener: Listener) -> None:
        """Call the listener with what probes on this node report; it may raise a verdict."""
        self._listeners.setdefault(node, []).append(listener)

    def hear(self, node: str, what: str, *data: Any) -> None:
        """A probe or an observer on a node has told something."""
        if what == DESCRIBED:
            key, payload = data
            self._invariants.hear(self._observed[key], payload, self.virtual_us)
        else:
            for listener in self._listeners.get(node, ()):
                listener(what, *data)

    def detach(self) -> None:
        """Drop all listeners at the end of the run."""
        self._listeners.clear()

    # -- what must hold ---------------------------------------------------------------------------

    def always(self, name: str, condition: Condition | Monitor, *objects: Any) -> None:
        """Fail the run as soon as a condition does not hold after a step of one of these objects.

        The objects are groups, and what `make` and `serve` return. `condition(states)` is asked
        of what the `describe()` of each object that is up returns, a dict of plain data, by the
        name of its node; it returns True or False, or asserts, or raises a Verdict of its own. A
        `Monitor` judges what probes on the nodes of these objects tell, when they tell it.
        """
        if not isinstance(condition, Monitor):
            self._watch(name, condition, objects, always=True)
            return
        for node in self._invariants.monitor(name, objects):
            self.listen(node, Heard(name, condition, node, lambda: self.virtual_us))

    async def eventually(
        self, name: str, condition: Condition, *objects: Any, within: float
    ) -> None:
        """Return when a condition has held after a step of one of these objects: see `always`.

        Fails the run if it has not held `within` this many virtual seconds.
        """
        watch = self._watch(name, condition, objects)
        deadline_us = self.virtual_us + int(within * 1_000_000)
        while not watch.held:
            if self.virtual_us >= deadline_us:
                states = shown(self._invariants.states(watch))
                raise self.livelock(f"{name!r} did not hold within {within} s; at last, {states}")
            await asyncio.sleep(0.01)

    def sometimes(self, name: str, condition: Condition | None = None, *objects: Any) -> None:
        """Say that the run has come to something that some run of the test must come to.

        With a condition and objects, it has once the condition holds: see `always`. The runner of
        the test tells in how many of its runs; `@simulate(sometimes=[name])` fails the test if it
        is in none.
        """
        if type(name) is not str:
            raise TesterError(f"expected text as the name of what is reached, got {name!r}")
        if condition is None:
            self.reached[name] = True
            return
        self.reached.setdefault(name, False)
        self._watch(name, condition, objects)

    def _watch(
        self, name: str, condition: Condition, objects: Sequence[Any], *, always: bool = False
    ) -> Watch:
        watch, unseen = self._invariants.watch(
            name, condition, objects, self.virtual_us, always=always
        )
        for remote in unseen:
            member, key = remote._member, remote._key
            self._observed[key] = remote
            member.make(Observer, member.probe, remote, key, name=f"{key} observed")
        return watch

    def at_most(self, n: int, name: str) -> int:
        """`n`, or less (but at least 1) while a failing run is being shrunk.

        For the sizes of a workload: how many clients, how many rounds, how many milliseconds. The
        name says which; it is part of a record.
        """
        less = self.choices.stream(f"{SIZE}{name}").given(n)
        if less:
            self.sizes.setdefault(name, n - less)
        return n - less

    def livelock(self, sentence: str) -> Livelock:
        """The verdict of no progress, with where every task waits, for a test to raise."""
        return Livelock(sentence, self._context.scheduler.waiting())

    def node(self, name: str) -> Member:
        """The node of this name, made on first use."""
        return self._nodes.named(name)

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
        name = self._nodes.fresh("c")
        member = self.node(node or name)
        return cast(KV, member.make(factory, member.end(name, server), like=like, name=name))

    def group(
        self,
        prefix: str,
        n: int,
        factory: Callable[..., Any],
        *args: Any,
        like: type | None = None,
    ) -> Group:
        """Build n servers that know each other, on nodes `prefix`0, `prefix`1 and so on.

        Each is built by `factory(ends, i, *args)`: see `Group.make`. Their methods are operations:
        `group.peers[0].propose("x")`. One that has crashed and restarts can be reached again.
        """
        if prefix in self._groups:
            raise TesterError(f"there is a group {prefix!r} already; give each its own name")
        self._groups.add(prefix)
        made = Group(self, n, prefix, rejoins=True)
        made.make(factory, *args, like=like)
        return made

    def client_node(self) -> Member:
        """A node of its own for a client: the next of c0, c1, ..."""
        return self.node(self._nodes.fresh("c"))

    def lock(self, clerk: KV, name: str, factory: Callable[..., Any] | None = None) -> LockHandle:
        """Build a lock on the node of a clerk; `factory` takes the clerk and the lock's name."""
        if factory is None:
            factory = self.submission.get("lock.lock", "Lock")
        remote = cast(Remote, clerk)
        member = remote._member
        key = f"{remote._key}.{name}"
        if self._nodes.has(key):  # the clerk has one lock of this name already
            key = self._nodes.fresh(f"{key}.")
        made = member.make(factory, remote, name, like=LockHandle, name=key)
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
        return self._nodes.servers()

    @property
    def steps(self) -> int:
        """Callbacks run so far, on all nodes together."""
        return self._context.scheduler.steps

    @property
    def virtual_us(self) -> int:
        """Virtual microseconds since the start of the run."""
        return self._context.now_us

    # -- disturbing it ----------------------------------------------------------------------------

    def nodes(self) -> list[Member]:
        """All nodes but the test's, in the order in which they were made."""
        return self._nodes.all()

    def partition(self, *groups: Sequence[str]) -> None:
        """Cut the nodes of these groups from those of the others: see `partition.Cut`."""
        self.links.cut(groups)

    def heal(self) -> None:
        """Undo every cut: all nodes reach each other again."""
        self.links.heal()

    def maybe(self, site: str) -> bool:
        """A fault of the test's own: see `tester.maybe`."""
        return faults.maybe(site)

    def after(self, us: int, action: Callable[[], object]) -> None:
        """Call `action`, on no node, this many microseconds from now."""
        self._context.after(us, action)

    def nemesis(
        self,
        *kinds: Kind,
        seconds: int = 10,
        pace_ms: int = 1_000,
        nodes: Sequence[str] = (),
        leader: Leader | None = None,
    ) -> Nemesis:
        """Let faults of these kinds strike from now on, for `seconds`: see `Nemesis`.

        It strikes only `nodes`, if any are given; `leader` names the present leader, or None.
        """
        made = Nemesis(
            self._context,
            self._nodes,
            kinds,
            seconds=seconds,
            pace_ms=pace_ms,
            chosen=nodes,
            leader=leader,
        )
        self._nemeses.append(made)
        return made

    async def quiet(self, seconds: float = 1) -> None:
        """Stop every nemesis, undo all faults, make the network reliable, and wait.

        Nodes that are down restart, even those the test took down; clocks are right again, no node
        is cut off. Check after it what must hold in the end, such as that an operation completes.
        """
        for nemesis in self._nemeses:
            nemesis.stop()
        self.heal()
        self.conditions.restore_all()
        for node in self.nodes():
            node.heal()
        await asyncio.sleep(seconds)
