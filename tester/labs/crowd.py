"""A crowd: many clerks on one node, who do the same thing one after the other.

What a server keeps of each client shows when there are many of them. Such a test looks at the
server alone: the clerks are asked where they stand, a good many at a time, and only what went over
the network is noted of each.
"""

from __future__ import annotations

from types import CoroutineType
from typing import Any, ClassVar, Final, cast

from tester.world import submission
from tester.world.cluster import Remote
from tester.world.failure import TooManyRpcs
from tester.world.operation import operation
from tester.world.simulation import Simulation

CLIENTS: Final = 20_000
LOOK_AT: Final = 1_000
"""Clients before the first look; the next comes after twice as many, and so on. A look at a server
that holds much takes long, and one that grows without end is not waited for."""
AT_ONCE: Final = 50
"""Clerks that are asked by one call: with values of 1 000 letters, the trace stays small."""


class Crowd:
    """The clerks, on their node; a kind of crowd says what each of them does.

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

    def __init__(self, *ends: object) -> None:
        clerk = submission.current().get(self.module, "Clerk")
        self._clerks = [clerk(end) for end in ends]

    async def each(self, first: int, last: int) -> str:
        """Have the clerks from `first` up to, not including, `last` do it.

        Returns what was wrong with an answer; after the first of these, or with "", it ends.
        """
        for number in range(first, last):
            if wrong := await self.one(number):
                return wrong
        return ""

    async def one(self, number: int) -> str:
        """What one clerk does; returns what is wrong with the answer it got, or ""."""
        raise NotImplementedError

    async def ask(self, number: int, method: str, *args: Any) -> Any:
        """Call a clerk. Raises WrongResult if it returns what its interface does not say."""
        bound = operation(self._clerks[number], self.interface, method)
        result = bound.function(*args)
        if isinstance(result, CoroutineType):
            result = await result
        bound.encode_result(result)
        return result


def looks(clients: int) -> list[int]:
    """After how many clients to look at the server; the last time after all of them."""
    early = (LOOK_AT << times for times in range((clients // LOOK_AT).bit_length()))
    return sorted({clients, *early})


async def check_growth(
    sim: Simulation, server: Remote, kind: type[Crowd], did: str, allowed: int
) -> None:
    """Have a crowd do what it does, once each, on a reliable network, and look at the server.

    Fails if that has grown by more than so many bytes for each client so far, or if a clerk was
    told something wrong, did not ask, or asked too often. `did` is a word: "put".
    """
    clients = sim.at_most(CLIENTS, "clients")
    node = sim.node("clients")
    names = [f"clients.{number}" for number in range(clients)]
    ends = [node.end(name, "server") for name in names]
    crowd = cast(Crowd, node.make(kind, *ends, name="clients"))
    before, done = sim.measure(server), 0
    for look in looks(clients):
        while done < look:
            last = min(done + AT_ONCE, look)
            if wrong := await crowd.each(done, last):
                raise AssertionError(wrong)
            sim.history.completed += last - done - 1  # that call was an operation of each clerk
            for name in names[done:last]:
                _check_sent(sim.network.traffic(name).sent, kind.most, f"{name} has {did} once")
            done = last
        grown = sim.measure(server) - before
        if grown > allowed * done:
            raise AssertionError(
                f"{done} clients have {did} once each, and the server holds {grown} bytes more; "
                f"{allowed} are allowed for each client"
            )


def _check_sent(sent: int, most: int, done: str) -> None:
    if not sent:
        raise AssertionError(f"{done}, and no server was asked")
    if sent > most:
        raise TooManyRpcs(
            f"{done}, which took {sent} RPCs: on a reliable network it takes "
            + ("one" if most == 1 else f"1 to {most}")
        )
