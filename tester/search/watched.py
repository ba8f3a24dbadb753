"""A watched run: one that is known, run once more to see what its nodes hold, log and print."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from tester.engine.choices import Choices, Replayed
from tester.world.run import Outcome, Scenario, run
from tester.world.spectator import Spectator


@dataclass(frozen=True)
class Watched:
    """A run with its trace, and what was seen of it."""

    outcome: Outcome
    spectator: Spectator
    faithful: bool = True
    """Whether the run went as it goes unwatched; if not, nothing was seen that can be believed."""


def watch(
    scenario: Scenario, outcome: Outcome, *, level: int = logging.DEBUG, looks: bool = True
) -> Watched:
    """Run the choices of an outcome again, watched. Its verdict stays the one it had.

    `level`: from which level log records are kept. `looks`: whether to look into objects, too.
    """
    spectator = Spectator(level=level, looks=looks)
    record = outcome.choices.record()
    with spectator.listening():
        again = run(scenario, Choices(Replayed(record)), keep_trace=True, spectator=spectator)
    if again.digest == outcome.digest:
        return Watched(_judged(again, outcome), spectator)
    blind = Spectator(ends=spectator.ends, homes=spectator.homes)
    unwatched = run(scenario, Choices(Replayed(record)), keep_trace=True)
    return Watched(_judged(unwatched, outcome), blind, faithful=False)


def show(scenario: Scenario, outcome: Outcome, spectator: Spectator) -> bool:
    """Run the choices of an outcome again before a spectator; whether it went as it does alone."""
    record = outcome.choices.record()
    again = run(scenario, Choices(Replayed(record)), keep_trace=True, spectator=spectator)
    return again.digest == outcome.digest


def _judged(again: Outcome, outcome: Outcome) -> Outcome:
    """The run with its trace, and with the verdict that is known of it."""
    return replace(
        again,
        verdict=outcome.verdict,
        error=outcome.error,
        died=outcome.died or again.died,
        unawaited=outcome.unawaited or again.unawaited,
    )
