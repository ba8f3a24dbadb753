"""A replica under test on its node: an RSM or a KVServer, and what it tells of it to the run.

It looks at the Raft below, which tells who leads, and at the machine above: whatever an RSM of the
submission is built on is replaced by a `Recorded` one. What it tells: see `watch`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from types import CoroutineType
from typing import Any, ClassVar, Final, Protocol

import msgspec

from kvraft.api import StateMachine
from kvsrv.rpc import Err
from raft.api import Disk, Persister
from tester.labs.raft.peer import state_of
from tester.world import submission
from tester.world.operation import WrongResult, place_of
from tester.world.probe import Probe
from tester.world.signatures import signature_of

# It observes the code under test: see tester.guard.origin.
__harness__ = True

INC: Final = b"inc"
"""How a request to count up begins."""
NULL: Final = b"null"
"""How a request that does nothing begins."""
DEC: Final = b"dec"
"""How a request to count down begins, which no replica may ever apply."""

_HEADER: Final = 8
_MANY: Final = 2**63
_MACHINE: Final = 5
"""The place of the machine among the arguments of an RSM, self included."""
_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode


class Submitter(Protocol):
    """A replica of the rsm lab as a test sees it."""

    async def submit(self, request: bytes) -> tuple[Err, int | None]:
        """See the RSM."""
        ...

    async def shut_down(self) -> bool:
        """Kill the RSM; whether it has a `kill()` itself, so that nobody may wait any more."""
        ...

    async def get_state(self) -> tuple[int, bool]:
        """(term, whether it leads)."""
        ...


class Server(Protocol):
    """A replica of a key/value lab as a test sees it."""

    async def get_state(self) -> tuple[int, bool]:
        """(term, whether it leads)."""
        ...


class Counter:
    """The machine of the rsm lab."""

    def __init__(self) -> None:
        self._count = 0

    def apply(self, request: bytes) -> int:
        """Count; the reply is the count."""
        self._count += request.startswith(INC) - request.startswith(DEC)
        return self._count

    def snapshot(self) -> bytes:
        """The count."""
        return b"%d" % self._count

    def restore(self, data: bytes) -> None:
        """Take it over."""
        self._count = int(data)


class Recorded:
    """A machine that tells what is applied to it, and how many requests that are by now.

    The number goes into its snapshots. Whatever else its owner asks of it, the machine itself is
    asked. What a handler has applied on its own behalf does not come from the log: a read of a
    leader that knows that it leads, say.
    """

    def __init__(self, machine: StateMachine[Any], probe: Probe) -> None:
        self._machine = machine
        self._probe = probe
        self._applied = 0
        self._reader: asyncio.Task[Any] | None = None
        """The task that has applied what comes from the log."""

    def apply(self, request: bytes) -> Any:
        """See StateMachine."""
        reply = self._machine.apply(request)
        task = asyncio.current_task()
        if task is self._reader or self._probe.handling() is None:
            self._reader = task
            self._applied += 1
            self._probe.report("applied", self._applied, request, _plain(reply))
        return reply

    def snapshot(self) -> bytes:
        """See StateMachine."""
        data: object = self._machine.snapshot()
        if not isinstance(data, bytes):
            where = place_of(self._machine, "snapshot")
            raise WrongResult(f"{where}snapshot must return bytes, got {type(data).__name__}")
        self._probe.report("packed", self._applied)
        return self._applied.to_bytes(_HEADER) + data

    def restore(self, data: bytes) -> None:
        """See StateMachine."""
        if not isinstance(data, bytes) or len(data) < _HEADER:
            raise WrongResult(
                f"restore must be given what snapshot has returned, got {type(data).__name__} of "
                f"length {len(data)}"
            )
        self._applied = int.from_bytes(data[:_HEADER])
        self._probe.report("restored", self._applied)
        self._machine.restore(data[_HEADER:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)


def _plain(reply: object) -> bytes:
    """A reply as bytes, for comparison; b"" for what is no plain data, and is not compared."""
    try:
        return _encode(reply)
    except (TypeError, OverflowError, RecursionError, UnicodeEncodeError):
        return b""


@contextmanager
def recorded(probe: Probe) -> Iterator[None]:
    """Inside, each RSM of the submission that is made gets a Recorded machine."""
    rsm = submission.current().get("kvraft.rsm", "RSM")
    own = vars(rsm).get("__init__")
    init = rsm.__init__
    shape = signature_of(init)

    @functools.wraps(init)
    def made(self: object, *args: Any, **kwargs: Any) -> None:
        given = shape.bind(self, *args, **kwargs)
        machine = next(islice(given.arguments, _MACHINE, None), "")
        if hasattr(given.arguments.get(machine), "apply"):
            given.arguments[machine] = Recorded(given.arguments[machine], probe)
        init(*given.args, **given.kwargs)

    rsm.__init__ = made
    try:
        yield
    finally:
        if own is None:
            del rsm.__init__
        else:
            rsm.__init__ = own


class _Onlooker:
    """Tells who leads, where in the log commands are put, and what snapshots are handed over."""

    def __init__(self, raft: Any, probe: Probe) -> None:
        self._raft = raft
        self._probe = probe
        self._state: tuple[int, bool] | None = None
        self.killed = False
        with suppress(AttributeError):  # it has __slots__: then nobody learns of the places
            raft.start = self._noted(raft.start)
            raft.snapshot = self._handed(raft.snapshot)
        probe.after_each_step(self._look)

    def _look(self) -> None:
        if self.killed:
            return
        state = state_of(self._raft)
        if state != self._state:
            self._state = state
            self._probe.report("state", *(state or ()))

    def _noted(self, start: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        @functools.wraps(start)
        def noted(command: bytes) -> Any:
            started = start(command)
            if isinstance(started, CoroutineType):
                return self._later(started)
            self._note(started)
            return started

        return noted

    def _handed(self, snapshot: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(snapshot)
        def handed(*args: Any, **kwargs: Any) -> Any:
            index = args[0] if args else kwargs.get("index")
            if isinstance(index, int) and 0 <= index < _MANY:
                self._probe.report("handed", int(index))
            return snapshot(*args, **kwargs)

        return handed

    async def _later(self, started: CoroutineType[Any, Any, Any]) -> Any:
        done = await started
        self._note(done)
        return done

    def _note(self, started: Any) -> None:
        rpc = self._probe.handling()
        match started:
            case (int(index), int(term), True) if rpc is not None:
                self._probe.report("logged", rpc, index, term)


class RSMReplica:
    """A replica of the rsm lab: an RSM with a Counter."""

    stands_for: ClassVar = "RSM"

    def __init__(
        self, me: int, maxraftstate: int, disk: Disk, probe: Probe, *ends: object
    ) -> None:
        self._probe = probe
        probe.report("started")
        rsm = submission.current().get("kvraft.rsm", "RSM")
        machine = Recorded(Counter(), probe)
        self._rsm: Any = rsm(list(ends), me, Persister(disk), maxraftstate, machine)
        raft = getattr(self._rsm, "raft", None)
        if raft is None:
            raise AttributeError("an RSM must have the attribute raft: the Raft that it has made")
        self._onlooker = _Onlooker(raft, probe)

    @property
    def behind(self) -> object:
        """Who really does what a test asks of the replica."""
        return self._rsm

    def services(self) -> list[object]:
        """The handlers are those of the Raft."""
        return [self._rsm.raft]

    async def submit(self, request: bytes) -> tuple[Err, int | None]:
        """See Submitter."""
        result: tuple[Err, int | None] = await self._rsm.submit(request)
        match result:
            case (Err.OK, reply):
                self._probe.report("answered", request, _plain(reply))
        return result

    async def shut_down(self) -> bool:
        """See Submitter."""
        killed = self.kill()
        if isinstance(killed, CoroutineType):
            await killed
        return hasattr(self._rsm, "kill")

    def get_state(self) -> Any:
        """See Submitter."""
        return self._rsm.raft.get_state()

    def kill(self) -> Any:
        """Shut it down."""
        self._onlooker.killed = True
        return getattr(self._rsm, "kill", self._rsm.raft.kill)()


class ServerReplica:
    """A replica of a key/value lab: the KVServer of a module of the submission."""

    stands_for: ClassVar = "KVServer"

    def __init__(
        self, module: str, me: int, maxraftstate: int, disk: Disk, probe: Probe, *ends: object
    ) -> None:
        probe.report("started")
        server = submission.current().get(module, "KVServer")
        with recorded(probe):
            self._server: Any = server(list(ends), me, Persister(disk), maxraftstate)
        self._services = self._listed()
        rafts = [one for one in self._services if _is_raft(one)]
        if not rafts:
            raise TypeError(
                "KVServer.services() must list who answers RPCs: the server, and its Raft, which "
                "has start() and get_state()"
            )
        self._raft: Any = rafts[0]
        self._onlooker = _Onlooker(self._raft, probe)

    def _listed(self) -> Sequence[object]:
        services = getattr(self._server, "services", None)
        return [self._server] if services is None else list(services())

    @property
    def behind(self) -> object:
        """Who really does what a test asks of the replica."""
        return self._server

    def services(self) -> Sequence[object]:
        """What the server lists."""
        return self._services

    def get_state(self) -> Any:
        """See Server."""
        return self._raft.get_state()

    def kill(self) -> Any:
        """Shut it down."""
        self._onlooker.killed = True
        return getattr(self._server, "kill", self._raft.kill)()


def _is_raft(service: object) -> bool:
    return all(callable(getattr(service, name, None)) for name in ("start", "get_state"))
