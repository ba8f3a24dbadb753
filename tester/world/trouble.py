"""What a test does to its simulation: cuts, weather, a nemesis, and the quiet after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from labrpc.network import Network
from tester.engine.scheduler import Scheduler
from tester.engine.trace import Trace
from tester.world import faults
from tester.world.cluster import Cluster, Member
from tester.world.nemesis import Kind, Leader, Nemesis
from tester.world.partition import Links
from tester.world.weather import Weather

if TYPE_CHECKING:
    from tester.world.simulation import Simulation


class Trouble:
    """What a test may do to the nodes and the network of its simulation."""

    _cluster: Cluster

    def __init__(self, scheduler: Scheduler, network: Network, trace: Trace) -> None:
        self.links = Links(network, self._note)
        """Who hears whom."""
        self.weather = Weather(network, self._note)
        """What the network does to messages for a while."""
        self.trace = trace
        self._scheduler = scheduler
        self._nemeses: list[Nemesis] = []

    def nemesis(
        self,
        *kinds: Kind,
        seconds: int = 10,
        pace_ms: int = 1_000,
        nodes: Sequence[str] = (),
        leader: Leader | None = None,
    ) -> Nemesis:
        """Have faults of these kinds strike from now on, for so many seconds: see `Nemesis`.

        It touches only `nodes`, if any are given; `leader` says who leads, if anybody knows.
        """
        sim = cast("Simulation", self)
        made = Nemesis(sim, kinds, seconds=seconds, pace_ms=pace_ms, chosen=nodes, leader=leader)
        self._nemeses.append(made)
        return made

    async def quiet(self, seconds: float = 1) -> None:
        """Stop every nemesis, heal everything, make the network reliable, and let time pass.

        Nodes that are down restart, whoever took them down; clocks are right again, nobody is cut
        off. What must hold in the end, such as that an operation completes, can be asked after it.
        """
        for nemesis in self._nemeses:
            nemesis.stop()
        self.heal()
        self.weather.calm()
        for node in self.nodes():
            node.heal()
        await asyncio.sleep(seconds)

    def partition(self, *groups: Sequence[str]) -> None:
        """Cut the nodes of these groups from those of the others: see `partition.Cut`."""
        self.links.cut(groups)

    def heal(self) -> None:
        """Have everybody talk to everybody again."""
        self.links.heal()

    def maybe(self, site: str) -> bool:
        """A fault of the test's own: see `tester.maybe`."""
        return faults.maybe(site)

    def nodes(self) -> list[Member]:
        """All nodes but the test's, in the order in which they were made."""
        return self._cluster.members()

    def after(self, us: int, action: Callable[[], object]) -> None:
        """Have something happen on no node, so many microseconds from now."""
        self._scheduler.post(self._scheduler.now + us, _do, action)

    def let_go(self) -> None:
        """Forget who makes the trouble, when the run is over: all of it knows the run."""
        del self.links, self.weather
        self._nemeses.clear()

    def _note(self, event: tuple[Any, ...]) -> None:
        self.trace.add((self._scheduler.now, *event))


def _do(action: Callable[[], object]) -> None:
    _ = action()
