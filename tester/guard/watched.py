"""A node under suspicion: after every step, did it change what a module keeps for itself?"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from tester.engine.errors import SharedState
from tester.engine.node import Event, Turn
from tester.engine.scheduler import Place
from tester.guard.modules import state_of


def watch(place: Place, modules: Sequence[ModuleType]) -> None:
    """End the run with SharedState when the node's code changes the state of modules in a step.

    What a run puts into a module and takes out again can be seen in no other way.
    """
    step = place.step

    def watched(now: int, inbox: Sequence[Event], limit: int) -> Turn:
        before = state_of(modules)
        turn = step(now, inbox, limit)
        for change in before.changed():
            raise SharedState(
                f"{change.file}:{change.line}: {change.sentence} (it was code on {place.name})"
            )
        return turn

    place.step = watched
