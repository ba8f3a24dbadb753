"""The progress of a long command, on standard error, for somebody who sits at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

_EVERY_S: Final = 0.1


class Progress(Protocol):
    """What a long command counts."""

    @property
    def total(self) -> int:
        """How many runs there are to be, as far as is known."""

    @property
    def runs(self) -> int:
        """How many are done."""

    @property
    def failures(self) -> int:
        """How many of these failed."""


@contextmanager
def bar(title: str) -> Iterator[Callable[[Progress], None]]:
    """A bar to be shown of the progress as often as one likes; it is gone afterwards.

    Shows seeds/s over all workers, failures so far and the time left. Silent where standard error
    is no terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        "{task.description}",
        progress.BarColumn(None),
        progress.MofNCompleteColumn(),
        "{task.fields[rate]} seeds/s",
        "{task.fields[failures]} failed",
        progress.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True, auto_refresh=False) as shown:
        task = shown.add_task(title, total=None, rate="-", failures=0)
        start = time.monotonic()
        next_s = start

        def update(now: Progress) -> None:
            nonlocal next_s
            clock = time.monotonic()
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
    """A bar to be shown (done, total); the total may still be unknown. Silent as `bar` is."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        "{task.description}",
        progress.BarColumn(None),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
