"""The nodes of a run, as the test sees them: it builds objects on them and takes them down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from labrpc.errors import NotAMessage, TesterError
from labrpc.method import Operation as Shape
from labrpc.network import Deliver, Rpc
from tester.engine.choices import Choices
from tester.engine.schedule import Schedule
from tester.engine.scheduler import Place, Scheduler
from tester.guard.watched import watch
from tester.world.failure import NodeDown
from tester.world.host import Data, End, Host, Made, OnDisk
from tester.world.isolated import Child
from tester.world.mishaps import Mishaps
from tester.world.operation import shape
from tester.world.probe import OnProbe

if TYPE_CHECKING:
    from tester.world.simulation import Simulation


class Remote:
    """An object on another node: its methods are operations, to be awaited."""

    def __init__(self, member: Member, key: str, like: type) -> None:
        self._member = member
        self._key = key
        self._like = like

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method.startswith("_"):
            raise AttributeError(method)
        how: Shape = shape(self._like, method)
        sim = self._member.sim
        target = Remote(self._member, self._key, self._like)  # not self: that would be a cycle

        name = f"{self._like.__name__}.{method}"

        def operate(*args: Any, **kwargs: Any) -> Awaitable[Any]:
            called = sim.border.operate(target, how, method, how.bind(*args, **kwargs))
            called.__qualname__ = name  # type: ignore[attr-defined]  # told if nobody awaits it
            return called

        operate.__name__ = method
        self.__dict__[method] = operate
        return operate

    def __repr__(self) -> str:
        return f"<{self._key} on {self._member.name}>"


def _data(arg: Any) -> Data:
    """Plain data as every incarnation of a node gets it: made of bytes, and shared with nobody."""
    odd = _odd(arg)
    if odd is None:
        try:
            return Data(msgspec.msgpack.encode(arg))
        except (OverflowError, UnicodeEncodeError, RecursionError) as error:
            odd = str(error)
    raise NotAMessage(
        f"an object on another node cannot be built with {odd}; give it client ends, objects of "
        "its own node, and plain data: None, bool, int, float, str, bytes, list, tuple and dict"
    )


def _odd(arg: Any) -> str | None:
    """The class of what is no plain data, if there is any in it."""
    if isinstance(arg, dict):
        parts = [*arg.keys(), *arg.values()]
    elif isinstance(arg, list | tuple):
        parts = list(arg)
    else:
        return None if type(arg) in _ATOMS else f"an object of class {type(arg).__name__}"
    return next((odd for part in parts if (odd := _odd(part)) is not None), None)


_ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes})


class Member(Mishaps):
    """A node of the run: see `Simulation.node`."""

    def __init__(self, cluster: Cluster, name: str, sim: Simulation) -> None:
        super().__init__(name, sim)
        self._cluster = cluster
        self._recipe: list[tuple[Any, ...]] = []
        self._registered: dict[str, Deliver] = {}
        self._incarnation = 0
        self.down = False
        self.place = cluster.start(self)

    def make(
        self,
        factory: Callable[..., Any],
        *args: Any,
        like: type | None = None,
        name: str = "",
    ) -> Remote:
        """Build an object on this node by `factory(*args)` and return what the test calls it by.

        Arguments are ends of this node, its disk, a probe, other objects of it, and plain data.
        The methods of the object travel as those of `like` are annotated; by default `factory`
        itself. Raises NodeDown while the node is down, and NotAMessage for an argument that is no
        plain data.
        """
        self._must_be_up(f"nothing can be made on {self.name}")
        real: list[Any] = []
        for arg in args:
            if isinstance(arg, Remote):
                if arg._member is not self:
                    raise TesterError(
                        f"{arg!r} cannot be given to {self.name}: nodes share no objects"
                    )
                real.append(Made(arg._key))
            elif isinstance(arg, OnDisk | OnProbe):
                if arg.node != self.name:
                    what = "disk" if isinstance(arg, OnDisk) else "probe"
                    raise TesterError(f"the {what} of {arg.node} cannot be given to {self.name}")
                real.append(arg)
            else:
                real.append(arg if isinstance(arg, End) else _data(arg))
        key = name or self._cluster.fresh(f"{self.name}.")
        shown = like or (factory if isinstance(factory, type) else object)
        self._tell(("make", key, factory, tuple(real), shown))
        return Remote(self, key, shown)

    def end(self, name: str, server: str) -> End:
        """A client end of this node, connected to a server (present or future) and enabled."""
        network = self.sim.network
        network.make_end(name)
        network.connect(name, server)
        network.enable(name)
        self.sim.links.add_end(name, self.name, server)
        return End(name)

    @property
    def serves(self) -> bool:
        """Whether a server is registered on it."""
        return any(event[0] == "serve" for event in self._recipe)

    def serve(self, remote: Remote, name: str = "") -> None:
        """Register an object of this node as a server, by default under the node's name."""
        self._must_be_up(f"nothing can be served by {self.name}")
        name = name or self.name
        self._tell(("serve", name, remote._key))
        self._register(name)

    def _register(self, name: str) -> None:
        place = self.place

        def deliver(rpc: Rpc) -> None:
            place.put(("request", rpc.number, name, rpc.method, rpc.payload))

        self._registered[name] = deliver
        self.sim.network.add_server(name, deliver)
        self.sim.links.add_server(name, self.name)

    def _must_be_up(self, what: str) -> None:
        if self.down:
            raise NodeDown(f"{what} while it is down: restart it first")

    def _tell(self, event: tuple[Any, ...]) -> None:
        self._recipe.append(event)
        self.place.put(event)

    def measure(self, remote: Remote) -> int:
        """Bytes held by an object of this node, with all it refers to: see `world.memory`.

        Asks the machine and not its loop, so that measuring changes nothing in the run. 0 before
        the node has taken its first step, and once it is down.
        """
        return 0 if self.down else cast(Host, self.place.machine).measure(remote._key)

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
        self._cluster.freeze_after_this_instant(self.place)

    def _go_down(self, how: str) -> None:
        self._wake()
        self.down = True
        sim = self.sim
        self._note(how)
        for name, deliver in self._registered.items():
            sim.network.retire_server(name, deliver)
        self._registered.clear()
        sim.border.node_went_down(self)

    def restart(self) -> None:
        """Start the node anew: the objects it had are built again, by the same factories."""
        if not self.down:
            raise TesterError(f"{self.name} is up; crash it before it can restart")
        self.place.freeze()  # at the very instant of a stop(), it was not yet
        self.down = False
        self._incarnation += 1
        self._note("restart")
        self.place = self._cluster.start(self, self._incarnation)
        self._recover()
        for event in self._recipe:
            self.place.put(event)
            if event[0] == "serve":
                self._register(event[1])


class Cluster:
    """All nodes of a run."""

    def __init__(
        self,
        scheduler: Scheduler,
        choices: Choices,
        schedule: Schedule,
        *,
        isolated: bool,
        watch: Sequence[ModuleType],
        notes_deaths: bool,
    ) -> None:
        self._watch = watch
        self._scheduler = scheduler
        self._choices = choices
        self._schedule = schedule
        self._isolated = isolated
        self._notes_deaths = notes_deaths
        self._taken = tuple(place.name for place in scheduler.places)
        self._members: dict[str, Member] = {}
        self._counters: dict[str, int] = {}

    def members(self) -> list[Member]:
        """All nodes, in the order in which they were made."""
        return list(self._members.values())

    def servers(self) -> int:
        """How many nodes there are on which a server is registered, whether up or down."""
        return sum(member.serves for member in self._members.values())

    def member(self, name: str, sim: Simulation) -> Member:
        """The node of this name, made on first use."""
        found = self._members.get(name)
        if found is None:
            if name in self._taken:
                raise TesterError(f"{name!r} is the node of the test itself; use another name")
            if not name or not name.isascii() or not name.isprintable() or " " in name:
                raise TesterError(f"a node's name is ASCII text without a space; {name!r} is not")
            found = self._members[name] = Member(self, name, sim)
        return found

    def fresh(self, prefix: str) -> str:
        """The next unused name with this prefix: c0, c1, ..."""
        number = self._counters.get(prefix, 0)
        self._counters[prefix] = number + 1
        return f"{prefix}{number}"

    def freeze_after_this_instant(self, place: Place) -> None:
        """Freeze the machine once everything that is due by now has run."""
        self._scheduler.post(self._scheduler.now, Place.freeze, place)

    def let_go(self) -> None:
        """Forget the nodes, when the run is over."""
        for member in self._members.values():
            member.call_off()
        self._members.clear()

    def start(self, member: Member, incarnation: int = 0) -> Place:
        """Start a node, in this process or in a child of it."""
        host = Host(member.name, self._choices, self._schedule, incarnation)
        host.loop.notes_deaths = self._notes_deaths
        machine = Child(host) if self._isolated else host
        place = self._scheduler.place(member.name, machine)
        if self._watch:
            watch(place, self._watch)
        return place
