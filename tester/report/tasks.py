"""The progress of a MapReduce job, on standard error: bars at a terminal, and lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Changed = Callable[[int, int], None]
"""Is given how many map tasks are finished, and how many reduce tasks."""


@contextlib.contextmanager
def progress(n_reduce: int) -> Iterator[tuple[Callable[[int], None], Changed]]:
    """Two bars at a terminal, and elsewhere a line for each tenth of the tasks."""
    if not sys.stderr.isatty():
        yield _lines(n_reduce)
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        "{task.description}",
        rich.BarColumn(None),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        maps = shown.add_task("map", total=None)
        reduces = shown.add_task("reduce", total=n_reduce)

        def changed(mapped: int, reduced: int) -> None:
            shown.update(maps, completed=mapped)
            shown.update(reduces, completed=reduced)

        yield lambda total: shown.update(maps, total=total), changed


def _lines(n_reduce: int) -> tuple[Callable[[int], None], Changed]:
    totals = {"reduce": n_reduce}
    said: dict[str, int] = {}

    def prepared(maps: int) -> None:
        totals["map"] = maps

    def changed(mapped: int, reduced: int) -> None:
        for what, done in (("map", mapped), ("reduce", reduced)):
            tenth = 10 * done // totals[what]
            if tenth > said.get(what, 0):
                said[what] = tenth
                sys.stderr.write(f"{what} {done} of {totals[what]}\n")
                sys.stderr.flush()

    return prepared, changed
