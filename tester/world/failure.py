"""What ends a run badly: verdicts about the code under test, and the story of an exception."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Final

from labrpc.errors import TesterError
from tester.engine.errors import (
    Deadlock,
    LimitReached,
    Livelock,
    OutsideWorld,
    SharedState,
    Stuck,
    Waiting,
)
from tester.guard import stack
from tester.guard.origin import is_users
from tester.guard.unawaited import Unawaited
from tester.world import exhaustion

__all__ = [
    "Deadlock",
    "Failure",
    "Frame",
    "HandlerCrashed",
    "LimitReached",
    "Livelock",
    "Misused",
    "MutualExclusionViolated",
    "NodeDown",
    "NonDeterministic",
    "NotLinearizable",
    "OutsideWorld",
    "ProcessDied",
    "SharedState",
    "Stuck",
    "TooManyRpcs",
    "Unawaited",
    "Undecided",
    "Verdict",
    "Waiting",
    "describe",
    "message",
    "user_frames",
]

FRAMES_KEPT: Final = stack.INNERMOST
"""Of more frames than this, maybe only those at both ends are known."""
_LONGEST: Final = 2_000
"""At most this many characters of an exception's message are kept."""
_WIDEST: Final = 300
"""At most this many characters of a line of code are kept."""
_ADDRESS: Final = re.compile(r"\bat 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Frame:
    """One line of a traceback, in the user's own code."""

    file: str
    line: int
    function: str
    text: str


def clipped(frame: Frame) -> Frame:
    """The frame with no more of a line than a person reads."""
    file, function, text = map(_short, (frame.file, frame.function, frame.text))
    return Frame(file, frame.line, function, text)


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


@dataclass(frozen=True)
class Failure:
    """An exception as plain data: what a node reports of it, here or in a child process."""

    kind: str
    """The exception's class name."""
    message: str
    frames: tuple[Frame, ...]
    """The user's frames only, outermost first."""
    node: str
    doing: str
    """What the node was doing: "while it handled #3 KVServer.put"."""
    time_us: int | None
    """None where nobody knows: what a task died of is found when the run ends."""
    misuse: bool
    """Whether the code misused labtester, rather than being wrong by itself."""
    returned: Frame | None = None
    """The line that returned what cannot travel, if that is what is wrong, and the run is told."""
    exhausted: str = ""
    """What took the memory of the process, if it has none left."""

    @property
    def shown(self) -> tuple[Frame, ...]:
        """The lines to show: those that were running, or else the one that returned."""
        return self.frames or (() if self.returned is None else (self.returned,))


class Verdict(AssertionError):
    """A judgement on the code under test: the base of all of them.

    `moments` are the instants in the past that it speaks of, in virtual microseconds: a story
    that is too long to be told whole tells what happened then.
    """

    def __init__(self, *args: object, moments: Sequence[int] = ()) -> None:
        super().__init__(*args)
        self.moments = tuple(moments)


class NotLinearizable(Verdict):
    """No order of the operations gives every client the answer it got."""


class Undecided(Verdict):
    """The checker's budget was spent before it knew. Never a pass."""


class MutualExclusionViolated(Verdict):
    """Two clients held one lock at the same time."""


class InvariantViolated(Verdict):
    """What a test says must always hold of the objects on nodes did not."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


class NeverReached(Verdict):
    """What a test must reach on some seed was reached on none: it does not test what it is for."""


class HandlerCrashed(Verdict):
    """Code on a node raised an exception that nobody handled."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


class TooManyRpcs(Verdict):
    """More RPCs than the operations can explain."""


class ProcessDied(Verdict):
    """The child process of an isolated node ended in the middle of the run."""


class NonDeterministic(TesterError):
    """A run that was repeated went another way: the code under test depends on more than choices.

    A fault of the harness's promise, never to be confused with the failure it was looking at.
    """


class NodeDown(TesterError):
    """An operation on a node that has crashed or is stopped; it stays open in the history."""


class Misused(TesterError):
    """Code on a node misused labtester: what it raised, told by the node."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


_at_exhaustion: list[Callable[[Failure], object]] = []


def at_exhaustion(listener: Callable[[Failure], object]) -> None:
    """Have the listener called at once with each failure for want of memory."""
    _at_exhaustion.append(listener)


def forget_listeners() -> None:
    """Call no listener any more, in this process and those that it forks."""
    _at_exhaustion.clear()


def describe(error: BaseException, node: str, doing: str, time_us: int | None) -> Failure:
    """The exception as plain data, with the user's frames only."""
    error = first(error)
    if isinstance(error, MemoryError):
        error = exhaustion.origin(error)
    exhausted = exhaustion.explained(error)  # which frees the memory that the rest takes
    failure = Failure(
        kind=type(error).__name__,
        message=message(error),
        frames=user_frames(error),
        node=node,
        doing=doing,
        time_us=time_us,
        misuse=isinstance(error, TesterError),
        exhausted=exhausted,
    )
    if exhausted:
        for listener in _at_exhaustion:
            listener(failure)
    return failure


def first(error: BaseException) -> BaseException:
    """What failed first, of what an asyncio.TaskGroup reports: the rest was cancelled, or later.

    The wrapping itself tells nobody anything.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def user_frames(error: BaseException) -> tuple[Frame, ...]:
    """The frames of the exception's traceback that are the user's, outermost first.

    Of a deep recursion, those at its two ends.
    """
    found = []
    for frame, number in stack.frames(error):
        code = frame.f_code
        if is_users(code.co_filename):
            found.append(line_of(code, number))
    return tuple(found)


def line_of(code: CodeType, number: int) -> Frame:
    """A line of the user's code, as much of it as a person reads."""
    text = linecache.getline(code.co_filename, number).strip()
    return clipped(Frame(printable(code.co_filename), number, code.co_name, text))


def message(error: BaseException) -> str:
    """What the exception says, whatever its __str__ does: the verdict must come all the same.

    Where in memory an object lay differs from run to run, and is left out.
    """
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as broken:  # noqa: BLE001 - whatever it raises is the user's
        return f"(its __str__ raised {type(broken).__name__})"
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}... ({len(text) - _LONGEST} characters more)"
    return without_addresses(text)


def without_addresses(text: str) -> str:
    """Text that can be encoded, and that says of no object where in memory it lies."""
    return printable(_ADDRESS.sub("at 0x...", text))


def printable(text: str) -> str:
    """Text that can be encoded: lone surrogates, which no file takes, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
