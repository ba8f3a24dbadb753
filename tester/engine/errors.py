"""What can go wrong in a run that is neither the network's doing nor a wrong answer."""

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
    """A task that waits: where it stands and what it awaits there.

    `line` is the source text at `file`:`number`, stripped; `task` is the name the task was given.
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
    """Nothing is runnable, no timer is set, no message is under way, and the test goes on."""


class Livelock(Stuck):
    """The run goes on and gets nowhere, until a limit ends it.

    `ended_us`: the virtual time at which it had used up its time, its steps or its bytes; such a
    run may have got somewhere after all, see LimitReached. None: it was ended by something else.
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
    """A limit ended the run while its operations still completed: it is slow, but not stuck."""
