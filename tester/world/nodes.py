"""The nodes of a run as the test sees them: what is built on each, and what is done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from labrpc.errors import TesterError
from labrpc.method import RemoteMethod
from labrpc.wiring import Deliver
from tester.engine.choices import Choices
from tester.engine.node import Event
from tester.engine.schedule import Schedule
from tester.engine.scheduler import Machine, Place
from tester.guard.watched import Watched
from tester.world import trap
from tester.world.arguments import End, Made, OnDisk, OnFiles, Reference, pack
from tester.world.context import Context
from tester.world.disk import SYNC_US, Store
from tester.world.failure import NodeDown
from tester.world.files import Folder
from tester.world.host import Host
from tester.world.isolated import Child
from tester.world.operation import shape
from tester.world.operations import Operations
from tester.world.probe import OnProbe


class Remote:
    """An object on another node: its methods are operations, to be awaited."""

    def __init__(self, member: Member, key: str, like: type) -> None:
        self._member = member
        self._key = key
        self._like = like

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method.startswith("_"):
            raise AttributeError(method)
        how: RemoteMethod = shape(self._like, method)
        member, key, like = self._member, self._key, self._like
        name, arity = f"{like.__name__}.{method}", how.arity

        def operate(*args: Any, **kwargs: Any) -> Awaitable[Any]:
            bound = args if len(args) == arity and not kwargs else how.bind(*args, **kwargs)
            called = member.operations.operate(member, key, like, how, method, bound)
            called.__qualname__ = name  # type: ignore[attr-defined]  # told if nobody awaits it
            return called

        operate.__name__ = method
        self.__dict__[method] = operate
        return operate

    def __repr__(self) -> str:
        return f"<{self._key} on {self._member.name}>"


class Member:
    """A node of the run, through its crashes and restarts: see `Simulation.node`."""

    def __init__(self, nodes: Nodes, name: str) -> None:
        self.name = name
        self.operations = nodes.operations
        self.down = False
        self.paused = False
        self.store = Store()
        """What is on its disk."""
        self._nodes = nodes
        self._context = nodes.context
        self._recipe: list[tuple[Any, ...]] = []
        self.serves = False
        """Whether a server is registered on it."""
        self._registered: dict[str, Deliver] = {}
        self._incarnation = 0
        self._clock = 0, 0
        self._traps: list[Callable[[], None]] = []
        self.place = nodes.start(self)

    def make(
        self,
        factory: Callable[..., Any],
        *args: Any,
        like: type | None = None,
        name: str = "",
    ) -> Remote:
        """Build an object on this node by `factory(*args)` and return what the test calls it by.

        Arguments are ends of this node, its disk, a probe, other objects of it, and plain data;
        lists, dicts, tuples and dataclasses may hold any of these. The methods of the object
        travel as those of `like` are annotated; by default `factory` itself. Raises NodeDown while
        the node is down, and NotAMessage for an argument that is or holds anything else.
        """
        self._must_be_up(f"nothing can be made on {self.name}")
        if not callable(factory):
            raise TesterError(
                f"expected a class or a function that makes the object on {self.name}, got an "
                f"object of {type(factory).__name__}: nodes share no objects"
            )
        packed = pack(factory, args, self.name, self._refer)
        key = name or self._nodes.fresh(f"{self.name}.")
        self._nodes.take(key, self.name)
        shown = like or (factory if isinstance(factory, type) else object)
        self._post(("make", key, factory, packed, shown))
        return Remote(self, key, shown)

    def _refer(self, arg: Any) -> Reference | None:
        """What an argument stands for on this node. Raises TesterError if it is another's."""
        if isinstance(arg, Remote):
            if arg._member is not self:
                raise TesterError(
                    f"{arg!r} cannot be given to {self.name}: nodes share no objects"
                )
            return Made(arg._key)
        if not isinstance(arg, End | OnDisk | OnFiles | OnProbe):
            return None
        if arg.node != self.name:
            kinds = {End: "end", OnDisk: "disk", OnFiles: "view of the files", OnProbe: "probe"}
            what = kinds[type(arg)]
            named = f" {arg.name!r}" if isinstance(arg, End) else ""
            raise TesterError(
                f"the {what}{named} of {arg.node} cannot be given to {self.name}: each node has "
                "its own"
            )
        return arg

    def end(self, name: str, server: str) -> End:
        """A client end of this node, connected to a server (present or future) and enabled."""
        network = self._context.network
        network.make_end(name)
        network.connect(name, server)
        network.enable(name)
        self._context.links.add_end(name, self.name, server)
        return End(name, self.name)

    @property
    def disk(self) -> OnDisk:
        """The disk of this node, for a factory's arguments: see `tester.world.disk.Disk`."""
        return OnDisk(self.name)

    @property
    def files(self) -> OnFiles:
        """The folder that all nodes share, for a factory's arguments: see `world.files.Files`."""
        return OnFiles(self.name)

    @property
    def probe(self) -> OnProbe:
        """A probe of this node, for a factory's arguments: see `tester.world.probe.Probe`."""
        return OnProbe(self.name)

    def serve(self, remote: Remote, name: str = "") -> None:
        """Register an object of this node as a server, by default under the node's name."""
        self._must_be_up(f"nothing can be served by {self.name}")
        if remote._member is not self:
            raise TesterError(f"{remote!r} cannot be served by {self.name}: serve it there")
        name = name or self.name
        if self._context.network.has_server(name):
            raise TesterError(
                f"expected a new name for the server on {self.name}, got {name!r}, under which "
                f"there is one on {self._context.links.homes()[name]}; one that is to take its "
                "place comes after network.delete_server"
            )
        self._post(("serve", name, remote._key))
        self.serves = True
        self._register(name)

    def _register(self, name: str) -> None:
        self._registered[name] = deliver = self.place.put
        self._context.network.add_server(name, deliver)
        self._context.links.add_server(name, self.name)

    def _must_be_up(self, what: str) -> None:
        if self.down:
            raise NodeDown(f"{what} while it is down: restart it first")

    def _post(self, event: tuple[Any, ...]) -> None:
        self._recipe.append(event)
        self.place.put(event)

    def measure(self, remote: Remote) -> int:
        """Bytes held by an object of this node, with all it refers to: see `world.memory`.

        Asks the machine and not its loop, so that measuring changes nothing in the run. 0 before
        the node has taken its first step, and once it is down.
        """
        return 0 if self.down else cast(Hosting, self.place.machine).measure(remote._key)

    # -- taking it down ---------------------------------------------------------------------------

    def crash(self, lost_writes: int = 0) -> None:
        """Freeze the node: it never acts again, and what it had in memory is lost.

        Calls under way to it fail, operations on it raise NodeDown and stay open. With it, its
        disk may lose the last writes, or as many of them as were not synced: a power failure.
        """
        if self.down:
            return
        self._go_down("crash")
        self.place.freeze()
        if lost_writes and (lost := self.store.lose(lost_writes)):
            self._note("disk loss", lost)

    def stop(self) -> None:
        """Shut the node down: each object that has a `kill()` is told so, and then as for a crash.

        What kill() leaves for later, at an await that takes time, never happens.
        """
        if self.down:
            return
        self._go_down("stop")
        for event in self._recipe:
            if event[0] == "make":
                self.place.put(("kill", event[1]))
        self._nodes.freeze_after_this_instant(self.place)

    def _go_down(self, how: str) -> None:
        self._wake()
        self.down = True
        self._note(how)
        for name, deliver in self._registered.items():
            self._context.network.retire_server(name, deliver)
        self._registered.clear()
        self._nodes.files.node_went_down(self.name)
        self.operations.node_went_down(self)

    def restart(self) -> None:
        """Start the node anew: the objects it had are built again, by the same factories."""
        if not self.down:
            raise TesterError(
                f"expected {self.name} to be down before a restart, and it is up: crash it first"
            )
        self.place.freeze()  # at the very instant of a stop(), it was not yet
        self.down = False
        self._incarnation += 1
        self._note("restart")
        self.place = self._nodes.start(self, self._incarnation)
        self._recover()
        for event in self._recipe:
            self.place.put(event)
            if event[0] == "serve":
                self._register(event[1])

    def heal(self) -> None:
        """Have the node up, running and in step, whatever is wrong with it or is yet to be."""
        self.call_off()
        if self.down:
            self.restart()
        self.resume()
        self.skew()
        self.slow_disk()

    def crash_in_handler(
        self, lost: int = 0, on_crash: Callable[[int], None] = lambda rpc: None
    ) -> Callable[[], None]:
        """Crash when a handler is next about to answer: it has run, and nobody is told.

        What the node wrote or sent in that step is out already, but for the last `lost` of it.
        `on_crash` is called with the number of that RPC. Returns what calls the crash off, if it
        is not too late.
        """
        place = self.place

        def sprung(rpc: int) -> None:
            self._context.after(0, lambda: self._die_handling(place, rpc, on_crash))

        call_off = trap.before_answer(place, lost, sprung)
        self._traps.append(call_off)
        return call_off

    def _die_handling(self, place: Place, rpc: int, on_crash: Callable[[int], None]) -> None:
        if self.place is place and not self.down:
            on_crash(rpc)
            self._note("cut short", rpc)
            self.crash()

    def call_off(self) -> None:
        """Have no crash in a handler any more."""
        for call_off in self._traps:
            call_off()
        self._traps.clear()

    # -- disturbing it ----------------------------------------------------------------------------

    def pause(self) -> None:
        """Let the node stand still: what arrives waits, and its timers will be late.

        Operations on it raise NodeDown and stay open; it goes on with them when it resumes.
        """
        if self.down or self.paused:
            return
        self.paused = True
        self._note("pause")
        self.place.suspend()
        self.operations.node_went_down(self)

    def resume(self) -> None:
        """Let the node go on after a pause."""
        if self.paused:
            self._note("resume")
            self._wake()

    def _wake(self) -> None:
        if self.paused:
            self.paused = False
            self.place.thaw()

    def skew(self, ahead_ms: int = 0, drift_ppm: int = 0) -> None:
        """Set the node's clocks wrong, until they are set again; without arguments, right.

        Its wall clock is so many milliseconds ahead of the others', or behind. All its clocks,
        and the timers it sets from now on, are fast by so many microseconds a second, or slow.
        """
        if drift_ppm <= -1_000_000:
            raise TesterError(
                f"expected a drift above -1000000 ppm, got {drift_ppm}: the clock would stop"
            )
        if self._clock != (ahead_ms, drift_ppm):
            self._clock = ahead_ms, drift_ppm
            self._note("skew", ahead_ms, drift_ppm)
            self._set_clock()

    def _set_clock(self) -> None:
        ahead_ms, drift_ppm = self._clock
        self.place.put(("skew", ahead_ms * 1_000, drift_ppm))

    def slow_disk(self, extra_ms: int = 0) -> None:
        """Have each sync of its disk take so much longer, from now on; 0: no longer than usual."""
        latency_us = SYNC_US + extra_ms * 1_000
        if self.store.latency_us != latency_us:
            self.store.latency_us = latency_us
            self._note("slow disk", extra_ms)

    # -- its disk ---------------------------------------------------------------------------------

    def from_disk(self, place: Place, event: Event) -> None:
        """Take the node's ("write", files) or ("sync", number); of a dead incarnation, neither."""
        if self.place is not place or self.down:
            return
        if event[0] == "write":
            self.store.write(event[1])
            return
        written = self.store.sync()
        scheduler = self._context.scheduler
        due = scheduler.now + self.store.latency_us
        scheduler.post(due, self._synced, (place, written, event[1]))

    def _synced(self, sync: tuple[Place, int, int]) -> None:
        place, written, number = sync
        if self.place is place and not self.down:
            self.store.flush(written)
            place.put(("synced", number))

    def _recover(self) -> None:
        """What a new incarnation finds: its disk, and clocks that are as wrong as before."""
        if files := self.store.files():
            self.place.put(("disk", files))
        if any(self._clock):
            self._set_clock()

    def _note(self, kind: str, *fields: Any) -> None:
        self._context.note(kind, self.name, *fields)
        spectator = self._context.spectator
        if spectator is not None and kind in {"crash", "stop", "disk loss", "restart"}:
            spectator.disk(self.name, kind, self.store.files())
            spectator.forget(self.name)


class Hosting(Machine, Protocol):
    """A machine that objects are built on: a `Host`, or what drives one in another process."""

    def unretrieved(self) -> list[Event]:
        """See Host.unretrieved."""

    def measure(self, key: str) -> int:
        """See Host.measure."""

    def close(self) -> None:
        """End the node at the end of the run, and hand over the choices it drew."""

    def terminate(self) -> None:
        """End the node at once: the run was interrupted."""


StartNode = Callable[[str, int, Choices], Hosting]
"""`start(name, incarnation, choices)`: has a node run somewhere else."""


class Nodes:
    """All nodes of a run but the test's."""

    def __init__(
        self,
        context: Context,
        operations: Operations,
        schedule: Schedule,
        *,
        isolated: bool,
        start_node: StartNode | None,
        watched: Watched | None,
        notes_deaths: bool,
        notes_returns: bool,
    ) -> None:
        self.context = context
        self.operations = operations
        self.files = Folder(context)
        self._watched = watched
        self._schedule = schedule
        self._isolated = isolated
        self._start_node = start_node
        self._notes_deaths = notes_deaths
        self._notes_returns = notes_returns
        self._taken = tuple(place.name for place in context.scheduler.places)
        self._members: dict[str, Member] = {}
        self._keys: dict[str, str] = {}
        """Of each name that an object has, the node it is on."""
        self._counters: dict[str, int] = {}

    def all(self) -> list[Member]:
        """All nodes, in the order in which they were made."""
        return list(self._members.values())

    def servers(self) -> int:
        """How many nodes there are on which a server is registered, whether up or down."""
        return len([member for member in self._members.values() if member.serves])

    def named(self, name: str) -> Member:
        """The node of this name, made on first use."""
        found = self._members.get(name)
        if found is None:
            if name in self._taken:
                raise TesterError(
                    f"expected another name than {name!r}, which is the node of the test"
                )
            if not name or not name.isascii() or not name.isprintable() or " " in name:
                raise TesterError(f"expected a node name in ASCII without spaces, got {name!r}")
            found = self._members[name] = Member(self, name)
        return found

    def fresh(self, prefix: str) -> str:
        """The next unused name with this prefix: c0, c1, ..."""
        number = self._counters.get(prefix, 0)
        self._counters[prefix] = number + 1
        return f"{prefix}{number}"

    def take(self, key: str, node: str) -> None:
        """Give a name to an object on a node. Raises TesterError if another object has it."""
        if key in self._keys:
            raise TesterError(
                f"expected a new name for the object on {node}, got {key!r}, which another "
                f"object, on {self._keys[key]}, has already"
            )
        self._keys[key] = node

    def has(self, key: str) -> bool:
        """Whether an object has this name."""
        return key in self._keys

    def freeze_after_this_instant(self, place: Place) -> None:
        """Freeze the machine once everything that is due by now has run."""
        self.context.after(0, place.freeze)

    def close(self) -> None:
        """Drop all nodes at the end of the run."""
        for member in self._members.values():
            member.call_off()
        self._members.clear()
        self.files.close()

    def start(self, member: Member, incarnation: int = 0) -> Place:
        """Start a node, in this process, in a child of it, or wherever the run has them."""
        place = self.context.scheduler.place
        if self._start_node is not None:
            elsewhere = self._start_node(member.name, incarnation, self.context.choices)
            return place(member.name, elsewhere)
        host = Host(member.name, self.context.choices, self._schedule, incarnation)
        host.loop.notes_deaths = self._notes_deaths
        host.notes_returns = self._notes_returns
        if self.context.spectator is not None:
            host.spectator = self.context.spectator
            host.spectator.attach(host)
        made = place(member.name, Child(host) if self._isolated else host)
        if self._watched is not None:
            self._watched.watch(made)
        return made
