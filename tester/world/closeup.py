"""A close-up of nodes: which lines of their code answered, waited, and changed what they hold.

It is a spectator of a run whose events are known: it traces the steps of some nodes between two
places of the trace, line by line, and nothing else, for that is slow.
"""

from __future__ import annotations

import asyncio
import dis
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from sys import settrace  # this name is not rebound while a run lasts
from types import FrameType
from typing import Any, Final, NamedTuple

from tester.engine.node import Event, Node, Turn
from tester.guard.origin import is_users
from tester.world import memory, submission
from tester.world.failure import Frame, line_of
from tester.world.host import Host
from tester.world.portrait import Rows, attributes, behind, is_theirs, portrait, text_of
from tester.world.spectator import Spectator

_MOST_LINES: Final = 3_000
"""In one step, this many lines are looked at for what they change."""
_MOST_STEPS: Final = 400
"""This many steps of a node are traced."""
_DEEP: Final = 3
_SUSPENDED: Final = frozenset((dis.opmap["YIELD_VALUE"], dis.opmap["RESUME"]))
"""Where the frame of a suspended coroutine stands; since CPython 3.13 it is the second one."""
_GENERATES: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Change(NamedTuple):
    """A row of an object's portrait that a line changed."""

    name: str
    before: str | None
    after: str | None
    line: Frame | None
    """None: it is not known which line it was."""


class Pause(NamedTuple):
    """A line at which a handler, or an operation, waited."""

    place: int
    """How many events the trace had."""
    node: str
    task: str
    """ "#3 KVServer.put", or the name of the method. """
    line: Frame


class Part(NamedTuple):
    """A part of an object that was measured."""

    name: str
    """The attribute, and within what: "store.answers"."""
    size: int
    """In bytes, with all that it refers to; of a container of tasks, without them."""
    many: int
    """How many elements it has; -1 for what has none."""
    last: str
    """The last of them, as text."""


class Measured(NamedTuple):
    """An object as it was when a test measured it."""

    place: int
    key: str
    parts: Sequence[Part]


@dataclass
class Step:
    """What the code did in one step of a node."""

    place: int
    """How many events the trace had when it began."""
    node: str
    before: Rows = field(default_factory=dict)
    after: Rows = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    answers: dict[int, list[Frame]] = field(default_factory=dict)
    """The lines that returned before an answer was sent, by the number of the RPC."""
    returns: dict[int, list[Frame]] = field(default_factory=dict)
    """The lines that returned before an operation ended, by its number."""
    returned: list[Frame] = field(default_factory=list)
    """All lines that returned."""
    runs_submission: bool = False
    """Whether any of its lines is of the submission's folder."""


@dataclass
class CloseUp(Spectator):
    """Give it to `run` and read it afterwards."""

    looks: bool = False
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """For each node to look at: from when the trace has so many events, until it has more."""
    steps: list[Step] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)

    def attach(self, node: Node) -> None:
        """Look at a node from its start on."""
        if not isinstance(node, Host):
            return
        vars(node)["measure"] = partial(self._measure, node, node.measure)
        if node.name in self.windows:
            vars(node)["step"] = partial(self._step, node, node.step)

    def _measure(self, host: Host, measure: Callable[[str], int], key: str) -> int:
        parts = list(_parts(host.object(key)))
        self.measured.append(Measured(len(self._trace), key, parts))
        return measure(key)

    def _step(
        self,
        host: Host,
        step: Callable[[int, Sequence[Event], int], Turn],
        now: int,
        inbox: Sequence[Event],
        limit: int,
    ) -> Turn:
        place = len(self._trace)
        first, last = self.windows[host.name]
        here = first <= place <= last and len(self.steps) < _MOST_STEPS
        if not here or sys.gettrace() is not None:  # a step within a step, or a debugger
            return step(now, inbox, limit)
        watched = _Watch(host, Step(place, host.name), self.pauses)
        settrace(watched.enter)
        try:
            turn = step(now, inbox, limit)
        finally:
            settrace(None)
        self.steps.append(watched.done(turn[0]))
        return turn


class _Watch:
    """Watches the lines of one step."""

    def __init__(self, host: Host, step: Step, pauses: list[Pause]) -> None:
        self._host = host
        self._pauses = pauses
        self._of = step
        self._known = step.before = self._rows()
        self._at: FrameType | None = None
        self._line = 0
        self._left = _MOST_LINES
        self._awaits: FrameType | None = None
        """Who waits for the coroutine that has just begun to wait."""
        self._lines: dict[FrameType, list[int]] = {}
        """The lines that each call has run since it began, or went on."""
        self._returned: dict[int, list[Frame]] = {}
        """The lines that returned when so much was in the outbox."""

    def _rows(self) -> Rows:
        rows: dict[str, str] = {}
        for target in self._host.objects():
            rows |= portrait(target).rows
        return rows

    # -- called by the interpreter, which traces nothing meanwhile --------------------------------

    def enter(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """A call begins, or a coroutine goes on."""
        if not _is_theirs(frame):
            return None
        if not self._of.runs_submission:
            self._of.runs_submission = submission.current().holds(frame.f_code.co_filename)
        self._lines[frame] = [frame.f_lineno]
        return self._inside

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        self._compare()
        if event == "line":
            self._at, self._line = frame, frame.f_lineno
            self._lines[frame].append(frame.f_lineno)
            self._awaits = None
        elif event == "return":
            caller = _users(frame.f_back)
            if frame.f_code.co_flags & _GENERATES:
                pass  # whoever iterates over it goes on
            elif frame.f_code.co_code[frame.f_lasti] in _SUSPENDED:
                if frame is not self._awaits:
                    self._waits(frame)
                self._awaits = caller
            else:
                lines = self._returned.setdefault(len(self._host.outbox), [])
                lines.append(line_of(frame.f_code, self._returns_at(frame)))
            self._at, self._line = caller, 0 if caller is None else caller.f_lineno
        return self._inside

    def _returns_at(self, frame: FrameType) -> int:
        """The line of the statement that made a call return.

        What is last is the end of its `with` or `finally`, if it is within one.
        """
        file = frame.f_code.co_filename
        for number in (frame.f_lineno, *reversed(self._lines.get(frame, ()))):
            if linecache.getline(file, number).lstrip().startswith("return"):
                return number
        return frame.f_lineno

    def _waits(self, frame: FrameType) -> None:
        task = asyncio.current_task(self._host.loop)
        if task is not None:
            line = _of_submission(frame, frame.f_lineno)
            self._pauses.append(Pause(self._of.place, self._of.node, task.get_name(), line))

    def _compare(self) -> None:
        """Take note of what the last line has changed."""
        if self._left <= 0:
            return
        self._left -= 1
        rows = self._rows()
        if rows == self._known:
            return
        line = None if self._at is None else _of_submission(self._at, self._line)
        for name in dict.fromkeys([*rows, *self._known]):
            before, after = self._known.get(name), rows.get(name)
            if before != after:
                self._of.changes.append(Change(name, before, after, line))
        self._known = rows

    # -- and afterwards ---------------------------------------------------------------------------

    def done(self, outbox: Sequence[Event]) -> Step:
        """The step is over, and sends this."""
        self._at, self._left = None, 1
        self._compare()  # what changed where no line was watched
        step = self._of
        step.after = self._known
        step.returned = [line for lines in self._returned.values() for line in lines]
        for at, event in enumerate(outbox):
            if event[0] in {"answer", "done"} and at in self._returned:
                lines = step.answers if event[0] == "answer" else step.returns
                lines[event[1]] = self._returned[at]
        return step


def _is_theirs(frame: FrameType) -> bool:
    """Whether a frame is of code under test, and not of a file that every submission shares."""
    name = frame.f_globals.get("__name__")
    shared = isinstance(name, str) and submission.is_fixed(name)
    return is_users(frame.f_code.co_filename) and not shared


def _users(frame: FrameType | None) -> FrameType | None:
    """The nearest frame, outwards, that is the user's."""
    while frame is not None and not _is_theirs(frame):
        frame = frame.f_back
    return frame


def _of_submission(frame: FrameType, number: int) -> Frame:
    """The line of a frame; of one of the reference, the submission's line that led to it, if any.

    Who has handed in another file cannot change the reference's.
    """
    handed_in = submission.current()
    if handed_in.is_reference(frame.f_code.co_filename):
        outer = frame.f_back
        while outer is not None and not handed_in.holds(outer.f_code.co_filename):
            outer = outer.f_back
        if outer is not None:
            return line_of(outer.f_code, outer.f_lineno)
    return line_of(frame.f_code, number)


def _parts(target: object, within: str = "", depth: int = 0) -> Iterator[Part]:
    """What the attributes of an object hold, and those of the objects in them."""
    for name, value in attributes(behind(target)):
        if depth < _DEEP and is_theirs(value):
            yield from _parts(value, f"{within}{name}.", depth + 1)
        elif isinstance(value, dict | list | tuple | set | str | bytes | bytearray):
            is_many = not isinstance(value, str | bytes | bytearray)
            size = sys.getsizeof(value) if is_many and _has_tasks(value) else memory.size(value)
            yield Part(f"{within}{name}", size, len(value) if is_many else -1, _last(value))


def _has_tasks(value: Any) -> bool:
    """Whether a container has tasks in it, which refer to all that their code has at hand."""
    within = [*value, *(value.values() if isinstance(value, dict) else ())]
    return any(isinstance(one, asyncio.Task) for one in within)


def _last(value: Any) -> str:
    if isinstance(value, dict) and value:
        key = next(reversed(value))
        return f"{text_of(key)}: {text_of(value[key])}"
    return text_of(value[-1]) if isinstance(value, list | tuple) and value else ""
