"""The context of a run: what everything that acts in it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from labrpc.conditions import Conditions
from labrpc.network import Network
from tester.engine.choices import Choices
from tester.engine.scheduler import Scheduler
from tester.engine.trace import Entry, Trace
from tester.world.conditions import ChangingConditions
from tester.world.partition import Links
from tester.world.spectator import Spectator

_encode = msgspec.msgpack.Encoder().encode


class Context:
    """The clock, the choices, the network and the trace of one run."""

    def __init__(
        self,
        choices: Choices,
        scheduler: Scheduler,
        conditions: Conditions,
        *,
        keep_trace: bool,
        spectator: Spectator | None = None,
        read: Callable[[list[Entry]], None] | None = None,
    ) -> None:
        self.choices = choices
        self.scheduler = scheduler
        self.trace = Trace(_encode, keep=keep_trace, read=read)
        self.network = Network(scheduler, choices.stream, self.trace.add, conditions)
        self.links = Links(self.network, self.note)
        """Who hears whom."""
        self.conditions = ChangingConditions(self.network, self.note)
        """What the network does to messages for a while."""
        self.spectator = spectator
        """Who watches the run, if anybody does."""
        if spectator is not None:
            spectator.begins(self.trace.entries, lambda: scheduler.now)

    @property
    def now_us(self) -> int:
        """Virtual microseconds since the start of the run."""
        return self.scheduler.now

    def note(self, *event: Any) -> None:
        """Add an event to the trace: its kind and fields, see `tester.world.events`."""
        self.trace.add((self.scheduler.now, *event))

    def after(self, us: int, action: Callable[[], object]) -> None:
        """Call `action`, on no node, this many microseconds from now."""
        self.scheduler.post(self.scheduler.now + us, _call, action)

    def close(self) -> None:
        """Break the reference cycles through the network at the end of the run."""
        if self.spectator is not None:
            self.spectator.ends_with(self.links.ends(), self.links.homes())
        del self.links, self.conditions


def _call(action: Callable[[], object]) -> None:
    _ = action()
