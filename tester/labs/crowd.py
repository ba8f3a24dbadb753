"""A crowd: many clerks on one node, who do the same thing one after the other.

What a server keeps of each client shows when there are many of them. Such a test looks at the
server alone: the clerks are asked where they stand, a good many at a time, and only what went over
the network is noted of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, ClassVar, Final, TypeVar, cast

from kvsrv.rpc import Err
from tester.labs.witness import describe_put, enough, short
from tester.world import submission
from tester.world.failure import TooManyRpcs
from tester.world.handles import KV, AppendKV
from tester.world.limits import Limits
from tester.world.nodes import Remote
from tester.world.operation import operation
from tester.world.simulation import Simulation

# It observes the code under test: see tester.guard.origin.
__harness__ = True

CLIENTS: Final = 20_000
LOOK_AT: Final = 1_000
"""Clients before the first look; the next comes after twice as many, and so on. A look at a server
that holds much takes long, and one that grows without end is not waited for."""
AT_ONCE: Final = 50
"""Clerks that are made and asked at once: so few that the trace is trimmed often enough."""
CROWDED: Final = Limits(virtual_s=1_200)
"""Clients come one after the other: such a test asks what a server keeps, not how fast it is."""
KEPT: Final = 4_096
"""Bytes by which a server may grow that has nothing more to remember."""
VALUE: Final = "v" * 1_000
"""What is at the key "k" when a crowd comes, and is put there."""


class Crowd:
    """Clerks in a row, on their node; a kind of crowd says what each of them does.

    What a clerk raises, or returns although its interface says something else, fails the run as if
    the clerk had been called by itself.
    """

    stands_for: ClassVar = "Clerk"
    module: ClassVar[str]
    """Where the submission has its `Clerk`."""
    interface: ClassVar[type]
    """By whose annotations its methods are called."""
    most: ClassVar = 1
    """RPCs a clerk may need for its one operation on a reliable network."""

    def __init__(self, first: int, *ends: object) -> None:
        clerk = submission.current().get(self.module, "Clerk")
        self.clerks = {number: clerk(end) for number, end in enumerate(ends, first)}
        """By their numbers."""

    async def ask(self, number: int, method: str, *args: Any) -> Any:
        """Call a clerk. Raises WrongResult if it returns what its interface does not say."""
        bound = operation(self.clerks[number], self.interface, method)
        result = bound.function(*args)
        if isinstance(result, CoroutineType):
            result = await result
        bound.encode_result(result)
        return result


class Putters(Crowd):
    """Clerks of the versioned server, who put one after the other at the version they find."""

    module = "kvsrv.client"
    interface = KV

    async def put(self) -> str | None:
        """Have each put; returns what is wrong with the answer to one of them."""
        for number in self.clerks:
            version = number + 1
            err = await self.ask(number, "put", "k", VALUE, version)
            if err is not Err.OK:
                return f"{describe_put('k', VALUE, version, err)}, and not {Err.OK}"
        return None


class AppendClerks(Crowd):
    """Clerks of the 2024 server: see `AppendWitness` for the other RPCs."""

    module = "kvsrv.dedup.client"
    interface = AppendKV
    most = 3

    async def put(self) -> None:
        """Have each put the same value."""
        for number in self.clerks:
            await self.ask(number, "put", "k", VALUE)

    async def sign(self) -> None:
        """Have each put its number at a key of its own."""
        for number in self.clerks:
            await self.ask(number, "put", f"k{number}", f"{number}")

    async def get(self) -> str | None:
        """Have each read; returns what is wrong with the answer to one of them."""
        for number in self.clerks:
            found = await self.ask(number, "get", "k")
            if found != VALUE:
                return f"Get('k') -> {short(found)}, and not {short(VALUE)}"
        return None


C = TypeVar("C", bound=Crowd)


async def check_growth(
    sim: Simulation,
    server: Remote,
    kind: type[C],
    work: Callable[[C], Awaitable[str | None]],
    did: str,
    allowed: int,
) -> None:
    """Have many clients work, once each, on a reliable network, and look at the server.

    Fails if that has grown by more bytes per client than this, or if a clerk was
    told something wrong, did not ask, or asked too often. `did` is what they did: "put".
    """
    clients = sim.at_most(CLIENTS, "clients")
    node = sim.node("clients")
    before, done = sim.measure(server), 0
    for look in looks(clients):
        while done < look:
            names = [f"client{n}" for n in range(done, min(done + AT_ONCE, look))]
            crowd = node.make(kind, done, *(node.end(name, "server") for name in names))
            if wrong := await work(cast(C, crowd)):
                raise AssertionError(wrong)
            for name in names:
                _check_sent(sim.network.traffic(name).sent, kind.most, f"{name} has {did} once")
            sim.history.count(len(names) - 1)  # that was an operation of each of them
            done += len(names)
        grown = sim.measure(server) - before
        if grown > allowed * done:
            raise AssertionError(
                f"{done} {'client has' if done == 1 else 'clients have'} {did} once each, and the "
                f"server holds {grown} bytes more; {allowed} are allowed for each client"
            )


def check_kept(sim: Simulation, server: Remote, before: int, since: str) -> None:
    """Fail if a server holds more than `before`, though it has nothing more to remember.

    `since` is what has happened in between. A few kilobytes pass: containers grow by leaps.
    """
    grown = sim.measure(server) - before
    if grown > KEPT:
        raise AssertionError(
            f"the server holds {grown} bytes more than before, though since then {since}; "
            f"{KEPT} are allowed"
        )


def looks(clients: int) -> list[int]:
    """After how many clients to look at the server; the last time after all of them."""
    early = (LOOK_AT << times for times in range((clients // LOOK_AT).bit_length()))
    return sorted({clients, *early})


def _check_sent(sent: int, most: int, done: str) -> None:
    if not sent:
        raise AssertionError(f"{done}, and no server was asked")
    if sent > most:
        raise TooManyRpcs(
            f"{done}, which took {sent} RPCs: on a reliable network it takes {enough(most)}"
        )
