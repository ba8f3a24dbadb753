"""A spectator of a run: what nodes hold after each step, what they log, print and keep on disk.

None of it is in the trace, for it must not make a difference: a run that is watched has the digest
of one that is not, or else what was seen is not to be believed.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tester.engine import current
from tester.engine.node import Node
from tester.engine.trace import Entry
from tester.world.portrait import Portrait, Rows, portrait, shown_bytes

_MOST_LINES: Final = 20_000
"""At most this many log records and printed lines are kept; later ones are counted."""
_MOST_CHANGES: Final = 60_000
"""At most this many changes of objects."""
_EXTRA: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "node"}
"""What every record has, the guard's `node` included: all else was given as `extra`."""


class Seen(NamedTuple):
    """An object on a node after a step, as far as it differs from before."""

    place: int
    """How many events the trace had."""
    time_us: int
    node: str
    key: str
    """The object: "server", "c0"."""
    rows: Rows
    """What is new or different: None for what is gone."""


class Said(NamedTuple):
    """A log record, or a line that was printed."""

    place: int
    time_us: int
    node: str
    level: str
    """ "INFO", or "print". """
    logger: str
    text: str


class Kept(NamedTuple):
    """What is on a node's disk at a moment: when it crashed, lost writes, or restarted."""

    place: int
    time_us: int
    node: str
    when: str
    files: Mapping[str, str]


@dataclass
class Spectator:
    """What was seen of one run: give it to `run`, inside `listening()`, and read it afterwards."""

    level: int = logging.DEBUG
    """From which level log records are kept."""
    looks: bool = True
    """Whether to look at what nodes hold."""
    seen: list[Seen] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The client ends: which node each is on, and which server it leads to."""
    homes: dict[str, str] = field(default_factory=dict)
    """On which node each server is."""
    kinds: dict[tuple[str, str], str] = field(default_factory=dict)
    """The class of each object that was looked at, by node and key."""
    unseen: int = 0
    """Changes of objects that were too many to keep."""
    unheard: int = 0
    """Lines that were too many to keep."""
    _last: dict[tuple[str, str], Portrait] = field(default_factory=dict)
    _trace: Sequence[Entry] = ()
    _now: Callable[[], int] = lambda: 0

    # -- told by the run --------------------------------------------------------------------------

    def begins(self, trace: Sequence[Entry], now: Callable[[], int]) -> None:
        """A run begins, whose trace is kept."""
        self._trace, self._now = trace, now

    def attach(self, node: Node) -> None:
        """A node begins, in this process."""

    def ends_with(self, ends: Mapping[str, tuple[str, str]], homes: Mapping[str, str]) -> None:
        """The run is over; these were its client ends and servers."""
        self.ends, self.homes = dict(ends), dict(homes)
        self._last.clear()
        del self._now

    def look(self, node: str, key: str, target: object) -> None:
        """Look at an object at the end of a step of its node."""
        at = node, key
        before = self._last.get(at)
        drawn = portrait(target, before)
        if before is None:
            self.kinds[at] = drawn.kind
        elif drawn.rows == before.rows:
            return
        self._last[at] = drawn
        if len(self.seen) >= _MOST_CHANGES:
            self.unseen += 1
            return
        changed: dict[str, str | None] = dict(drawn.changes(before))
        if changed:
            self.seen.append(Seen(len(self._trace), self._now(), node, key, changed))

    def forget(self, node: str) -> None:
        """The node is down, or starts anew: the objects it had are gone."""
        for at in [at for at in self._last if at[0] == node]:
            gone = dict.fromkeys(self._last.pop(at).rows)
            self.seen.append(Seen(len(self._trace), self._now(), *at, gone))

    def disk(self, node: str, when: str, files: Mapping[str, bytes]) -> None:
        """What is on a node's disk, at a moment that matters."""
        shown = {name: shown_bytes(data) for name, data in sorted(files.items())}
        self.kept.append(Kept(len(self._trace), self._now(), node, when, shown))

    def hear(self, level: str, logger: str, text: str) -> None:
        """A line was logged or printed, by the node that is running or by the test."""
        if len(self.said) >= _MOST_LINES:
            self.unheard += 1
            return
        node = getattr(current.node, "name", "")
        if node:  # not what labtester itself says between two steps
            self.said.append(Said(len(self._trace), self._now(), node, level, logger, text))

    # -- listening --------------------------------------------------------------------------------

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what is logged and printed inside; prints go where they went, too."""
        root, handler, out = logging.getLogger(), _Handler(self), sys.stdout
        level, others = root.level, root.handlers[:]
        quiet = _AtLeast(level)
        for other in others:
            other.addFilter(quiet)
        root.addHandler(handler)
        root.setLevel(min(level, self.level) if level else self.level)
        sys.stdout = _Tee(self, out)
        try:
            yield
        finally:
            sys.stdout = out
            root.setLevel(level)
            root.removeHandler(handler)
            for other in others:
                other.removeFilter(quiet)


class _AtLeast(logging.Filter):
    """Keeps from other handlers what they would not have got without a spectator."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        own = logging.getLogger(record.name)
        while own.parent is not None and not own.level:
            own = own.parent
        return record.levelno >= (self._level if own.parent is None else own.level)


class _Handler(logging.Handler):
    """Gives each record to a spectator, with the fields that were given as `extra`."""

    def __init__(self, spectator: Spectator) -> None:
        super().__init__(spectator.level)
        self._spectator = spectator
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - its arguments are the user's
            text = f"{record.msg!r} could not be formatted: {type(error).__name__}: {error}"
        extra = {name: what for name, what in vars(record).items() if name not in _EXTRA}
        if extra:
            text += f" ({', '.join(f'{name}={what!r}' for name, what in extra.items())})"
        if record.exc_info and record.exc_info[0] is not None:
            text += f": {record.exc_info[0].__name__}: {record.exc_info[1]}"
        self._spectator.hear(record.levelname, record.name, text)


class _Tee(io.TextIOBase):
    """A standard output whose lines a spectator hears."""

    def __init__(self, spectator: Spectator, out: Any) -> None:
        self._spectator = spectator
        self._out = out
        self._rest: dict[str, str] = {}

    def write(self, text: str) -> int:
        self._out.write(text)
        node = getattr(current.node, "name", "")
        *lines, self._rest[node] = (self._rest.get(node, "") + text).split("\n")
        for line in lines:
            self._spectator.hear("print", "", line)
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)
