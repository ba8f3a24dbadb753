"""Errors of a run that neither the network nor a wrong answer causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labrpc.errors import TesterError


class OutsideWorld(TesterError):
    """Code on a node reached for something that is not simulated: a socket, a thread."""


class SharedState(TesterError):
    """Two nodes, or two runs, share a Python object; nodes share nothing but messages."""


@dataclass(frozen=True)
class Waiting:
    """A task that waits: its name, its node, and the line at which it waits.

    `line` is the source text at `file`:`number`, stripped.
    """

    node: str
    task: str
    file: str
    number: int
    line: str


class Stuck(AssertionError):
    """The run did not end by itself: the base of Deadlock, Livelock and LimitReached."""

    def __init__(self, sentence: str, waiting: Sequence[Waiting] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.waiting = tuple(waiting)


class Deadlock(Stuck):
    """No task is runnable, no timer is set, no message is in flight, and the test is not over."""


class Livelock(Stuck):
    """The run makes no progress until a limit ends it.

    `ended_us`: the virtual time at which it had used up its time, steps or bytes; such a run may
    have made progress after all, see LimitReached. None: another limit ended it.
    """

    def __init__(
        self,
        sentence: str,
        waiting: Sequence[Waiting] = (),
        *,
        ended_us: int | None = None,
    ) -> None:
        super().__init__(sentence, waiting)
        self.ended_us = ended_us


class LimitReached(Stuck):
    """A limit ended the run while operations still completed: it is slow, not stuck."""
