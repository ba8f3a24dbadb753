"""The progress of a long command, on standard error: a bar at a terminal, elsewhere lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from tester.workers.plan import Part

_EVERY_S: Final = 0.1
FEW: Final = 1_000
"""Of fewer runs than these no tenths are told."""


class Progress(Protocol):
    """What a long command counts."""

    @property
    def unit(self) -> str:
        """What it counts: "seeds"."""

    @property
    def total(self) -> int:
        """How many runs there are to be, as far as is known."""

    @property
    def runs(self) -> int:
        """How many are done."""

    @property
    def failures(self) -> int:
        """How many of these failed."""

    @property
    def parts(self) -> Sequence[Part]:
        """How far each part has come, in the order in which they are told."""


@contextmanager
def bar(title: str, *, lines: bool = True) -> Iterator[Callable[[Progress], None]]:
    """A bar to be shown of the progress as often as one likes; it is gone afterwards.

    Shows seeds/s over all workers, failures so far and the time left. Where standard error is no
    terminal, each part that is over is told in a line, unless there is only one, or `lines` is
    False because the command tells them by itself.
    """
    if not sys.stderr.isatty():
        yield _PartLines(title) if lines else lambda _: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        "{task.description}",
        progress.BarColumn(None),
        progress.MofNCompleteColumn(),
        "{task.fields[rate]} {task.fields[unit]}/s",
        "{task.fields[failures]} failed",
        progress.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True, auto_refresh=False) as shown:
        task = shown.add_task(title, total=None, rate="-", failures=0, unit="seeds")
        unit = ""
        start = next_s = time.monotonic()

        def update(now: Progress) -> None:
            nonlocal unit, start, next_s
            clock = time.monotonic()
            if now.unit != unit:  # it has begun to count something else
                unit, start, next_s = now.unit, clock, clock
                shown.reset(task, unit=unit, rate="-", failures=0)
            if clock < next_s:
                return
            next_s = clock + _EVERY_S
            rate = f"{now.runs / (clock - start):.0f}" if clock > start else "-"
            shown.update(
                task, total=now.total, completed=now.runs, rate=rate, failures=now.failures
            )
            shown.refresh()

        yield update


@contextmanager
def counter(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar to be shown (done, total); the total may still be unknown.

    Where standard error is no terminal, each tenth is told in a line, if there is much to do.
    """
    if not sys.stderr.isatty():
        tenths = Tenths(title)

        def show(done: int, total: int | None) -> None:
            if total is not None and total >= FEW:
                tenths(done / total, f"{done} of {total}")

        yield show
        return
    from rich import progress
    from rich.console import Console

    columns = (
        "{task.description}",
        progress.BarColumn(None),
        progress.MofNCompleteColumn(),
        "{task.fields[rate]}/s",
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None, rate="-")
        first: tuple[int, float] | None = None  # a proof may go on where it was

        def update(done: int, total: int | None) -> None:
            nonlocal first
            now = time.monotonic()
            before, start = first = first or (done, now)
            rate = f"{(done - before) / (now - start):.0f}" if now > start else "-"
            shown.update(task, completed=done, total=total, rate=rate)

        yield update


@contextmanager
def busy(title: str) -> Iterator[None]:
    """On a terminal, what is being done and for how long, where nothing can tell how far it is."""
    if not sys.stderr.isatty():
        yield
        return
    from rich import progress
    from rich.console import Console

    columns = (progress.SpinnerColumn(), "{task.description}", progress.TimeElapsedColumn())
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        shown.add_task(title, total=None)
        yield


class _PartLines:
    """A line for each part that is over, in the order of the parts."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._unit = ""
        self._shown = 0

    def __call__(self, now: Progress) -> None:
        if now.unit != self._unit:
            self._unit, self._shown = now.unit, 0
        parts = now.parts
        while 1 < len(parts) > self._shown and parts[self._shown].is_over:
            text, self._shown = parts[self._shown].text, self._shown + 1
            if text:
                _say(f"{self._title}: {text} ({self._shown} of {len(parts)})")


class Tenths:
    """A line for each tenth of the way, where standard error is no terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = 0
        self._silent = sys.stderr.isatty()

    def __call__(self, share: float, text: str) -> None:
        """Show what share is done, between 0 and 1; `text` says how much that is."""
        tenth = int(10 * share)
        if tenth > self._shown and not self._silent:
            self._shown = tenth
            _say(f"{self._title}: {text}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
