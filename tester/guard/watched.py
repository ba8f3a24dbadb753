"""Nodes under suspicion: after a step, did it change what a module keeps for itself?"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Final

from tester.engine.errors import SharedState
from tester.engine.node import Event, Turn
from tester.engine.scheduler import Place
from tester.guard.modules import state_of

GROWTH: Final = 32
"""From one step that is watched to the next, it is a 32nd of the steps before: all of the first 32
are watched, 131 of the first 1 000, and 205 of the first 10 000."""


class Watched:
    """The modules whose state is compared around steps of the nodes of one run.

    That takes many times as long as a step. What code keeps in a module it keeps there again and
    again: of a long run it is enough to watch some steps, unless one of them is sought.
    """

    def __init__(self, modules: Sequence[ModuleType], *, every_step: bool) -> None:
        self._modules = modules
        self._every_step = every_step
        self._steps = self._next = 0

    def watch(self, place: Place) -> None:
        """End the run with SharedState when a step of the node changes the state of modules.

        What a run puts into a module and takes out again can be seen in no other way.
        """
        step = place.step

        def watched(now: int, inbox: Sequence[Event], limit: int) -> Turn:
            if not self._is_watched():
                return step(now, inbox, limit)
            before = state_of(self._modules)
            turn = step(now, inbox, limit)
            for change in before.changed():
                raise SharedState(
                    f"{change.file}:{change.line}: {change.sentence} (it was code on {place.name})"
                )
            return turn

        place.step = watched

    def _is_watched(self) -> bool:
        number, self._steps = self._steps, self._steps + 1
        if number < self._next and not self._every_step:
            return False
        self._next = number + 1 + number // GROWTH
        return True
