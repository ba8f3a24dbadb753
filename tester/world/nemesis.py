"""The nemesis: it draws, from the choices of the run, which faults strike when, and undoes them.

Its whole plan is drawn when it starts, always with the same number of choices, from one stream for
each kind of fault. A run in which nothing strikes is the run without a nemesis, which is neither a
node nor a task and so does not change the schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from tester.engine.stream import ONLY_ON_RECORD, Fault, Stream
from tester.world.conditions import ChangingConditions
from tester.world.context import Context
from tester.world.nodes import Member, Nodes
from tester.world.partition import Links

T = TypeVar("T")

STREAM: Final = "fault/"
"""The prefix of the streams that say which faults strike."""

_RATE: Final = (1, 4)
"""How likely one strike of a kind happens, if the kind is switched on in this run."""

Undo = Callable[[], object]
"""Undoes what a strike did, as far as it still holds."""
Leader = Callable[[], str | None]
"""The name of the node that leads at this moment, as far as the test knows."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `strike` does it and returns how to undo it; None: it did not strike."""

    name: str
    strike: Callable[[Strike], Undo | None]
    condition: bool = False
    """Whether it is a condition that causes faults of messages: those are blamed, not it."""


class Strike:
    """One occasion on which a kind of fault strikes."""

    def __init__(self, nemesis: Nemesis, fault: Fault, luck: Stream, for_us: int) -> None:
        self.for_us = for_us
        """How long it lasts, in microseconds."""
        self._nemesis = nemesis
        self._fault = fault
        self._luck = luck

    @property
    def links(self) -> Links:
        """The links between nodes, and what is cut."""
        return self._nemesis.context.links

    @property
    def conditions(self) -> ChangingConditions:
        """What the network does to messages for a while."""
        return self._nemesis.context.conditions

    def one_of(self, things: Sequence[T]) -> T:
        """One of them, by a choice; 0 is the first."""
        return things[self._luck.below(len(things))]

    def some_of(self, things: Sequence[T]) -> list[T]:
        """At least one of two or more things, and not all; by default the first one."""
        size = self.one_of(range(1, len(things)))
        return self.shuffled(things)[:size]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """All of them in some order; by default in this one."""
        rest = list(things)
        order = []
        while rest:
            order.append(self.one_of(rest))
            rest.remove(order[-1])
        return order

    def server(self) -> Member | None:
        """A node to strike: a chosen one, or one that serves; it is up, and not paused."""
        nemesis = self._nemesis
        up = [
            node
            for node in nemesis.nodes()
            if (nemesis.chosen or node.serves) and not node.down and not node.paused
        ]
        return self.one_of(up) if up else None

    def everybody(self) -> list[str]:
        """The names of the nodes that a partition may divide."""
        return [node.name for node in self._nemesis.nodes()]

    def leader(self) -> str | None:
        """Who leads at this moment, if the test says so."""
        return self._nemesis.leader() if self._nemesis.leader is not None else None

    def blame(self, what: str, kind: str) -> None:
        """Tell the run what this fault is: "the crash of s0", and "crash" for short."""
        self._nemesis.context.note("fault", *self._fault, what, kind)

    def after(self, us: int, action: Callable[[], object]) -> None:
        """Do something after this many microseconds, unless the nemesis is stopped before."""
        self._nemesis.after(us, action)


class Nemesis:
    """Strikes nodes and links with faults of some kinds, from now on, for a while.

    A kind that this run has switched on strikes once in four times `pace_ms` on average (a
    condition twice as often), and lasts for half of `pace_ms` at least and for one and a half at
    most. Which kinds a run switches on is a choice; a single kind always is.
    """

    def __init__(
        self,
        context: Context,
        nodes: Nodes,
        kinds: Sequence[Kind],
        *,
        seconds: int,
        pace_ms: int,
        chosen: Sequence[str],
        leader: Leader | None,
    ) -> None:
        if pace_ms < 1 or seconds * 1_000 < pace_ms:
            raise ValueError(
                f"expected a pace between 1 and {seconds * 1_000} ms, got pace_ms={pace_ms}"
            )
        self.context = context
        self.chosen = tuple(chosen)
        """The only nodes it may touch; empty: servers, and for partitions every node."""
        self.leader = leader
        self._nodes = nodes
        self._stopped = False
        self._pace_us = pace_ms * 1_000
        for kind in kinds:
            self._plan(kind, seconds * 1_000, swarm=len(kinds) > 1)

    def nodes(self) -> list[Member]:
        """The nodes it may touch, in the order in which they were made."""
        found = self._nodes.all()
        return [node for node in found if node.name in self.chosen] if self.chosen else found

    def stop(self) -> None:
        """Strike no more, without undoing anything: see `Simulation.quiet`."""
        self._stopped = True

    def after(self, us: int, action: Callable[[], object]) -> None:
        """See Strike.after."""
        self.context.after(us, lambda: None if self._stopped else action())

    def _plan(self, kind: Kind, span_ms: int, *, swarm: bool) -> None:
        """Draw which strikes of a kind happen; the rest about each has a stream of its own.

        The time of a strike counts from the start, and not from another strike: a shrinker can
        move one alone, and turn one off without touching the others.
        """
        choices = self.context.choices
        stream = choices.stream(f"{STREAM}{kind.name}")
        on = stream.below(2) or not swarm
        pace_ms = self._pace_us // 1_000
        chance = (2, 0) if kind.condition else _RATE if on else ONLY_ON_RECORD
        first = len(stream.record)
        for index, struck in enumerate(stream.draw([chance] * (span_ms // pace_ms)), first):
            if struck and (on or not kind.condition):
                luck = choices.stream(f"{stream.name}/{index}")
                at_us = luck.below(span_ms) * 1_000
                for_us = self._pace_us // 2 + luck.below(pace_ms + 1) * 1_000
                strike = Strike(self, (stream.name, index), luck, for_us)
                self.after(at_us, partial(self._strike, kind, strike))

    def _strike(self, kind: Kind, strike: Strike) -> None:
        undo = kind.strike(strike)
        if undo is not None:
            self.after(strike.for_us, undo)
