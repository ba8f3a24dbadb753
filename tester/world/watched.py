"""A node under suspicion: after every step, did it change what a module keeps for itself?"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from tester.engine.choices import Choices
from tester.engine.errors import SharedState
from tester.engine.node import Event, Turn
from tester.engine.schedule import Schedule
from tester.guard.modules import state_of
from tester.world.host import Host


class Watched(Host):
    """A Host that ends the run with SharedState when its code changes the state of modules.

    What a run puts into a module and takes out again can be seen in no other way.
    """

    def __init__(
        self,
        modules: Sequence[ModuleType],
        name: str,
        choices: Choices,
        schedule: Schedule,
        incarnation: int,
    ) -> None:
        super().__init__(name, choices, schedule, incarnation)
        self._modules = modules

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """See Node.step."""
        before = state_of(self._modules)
        turn = super().step(now, inbox, limit)
        for change in before.changed():
            raise SharedState(
                f"{change.file}:{change.line}: {change.sentence} (it was code on {self.name})"
            )
        return turn
