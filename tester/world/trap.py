"""A trap on a machine: it springs in the middle of a step, when a handler is about to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tester.engine.node import Event, Turn
from tester.engine.scheduler import Place


def before_answer(place: Place, lost: int, sprung: Callable[[int], None]) -> Callable[[], None]:
    """Freeze the machine in the step in which a handler answers, and swallow the answer.

    What the node sent or wrote earlier in that step gets out, but for the last `lost` of it.
    `sprung` is called with the number of the RPC, still inside the step: it can have something
    happen later, no more. Returns what takes the trap away, if it has not sprung.
    """
    step = place.step
    armed = True

    def cut_short(now: int, inbox: Sequence[Event], limit: int) -> Turn:
        outbox, next_due, ran = step(now, inbox, limit)
        answer = next((at for at, event in enumerate(outbox) if event[0] == "answer"), None)
        if answer is None or not armed:
            return outbox, next_due, ran
        place.frozen = True
        sprung(outbox[answer][1])
        return outbox[: max(0, answer - lost)], None, ran

    def take_away() -> None:
        nonlocal armed
        armed = False
        if place.step is cut_short:  # else there is another trap around this one
            place.step = step

    place.step = cut_short
    return take_away
