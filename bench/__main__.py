"""`python -m bench`: prints the project's figures, as ratios within this one run.

Nothing is asserted: an absolute figure depends on the machine, and the budgets stand beside the
figures for the reader to judge by. The suites, the checker, Raft, the store on it and the shrinker
follow with tables of their own.
"""

from __future__ import annotations

import platform
from typing import Final

import rich.box
from rich.console import Console
from rich.table import Table

from bench import checker, imports, kv, kvraft, loop, raft, rpc, shrinking, suites
from bench.rounds import ROUNDS, Result, Row, measure

SUBJECTS: Final = (rpc, loop, kv, imports)
"""Where the figures come from: each of these modules has `rows() -> list[Row]`."""


def table(results: list[Result]) -> Table:
    """One line per figure."""
    lines = Table(
        title=f"{platform.python_implementation()} {platform.python_version()}, one core",
        caption=(
            f"Medians of {ROUNDS} rounds in which all figures take turns, on this process's CPU "
            "time. ± is the median distance of a round from that median. The ratio is to the same "
            "work done as the last column says, in the same round."
        ),
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
    )
    lines.add_column("name", no_wrap=True)
    for heading in ("measured", "±", "budget", "ratio"):
        lines.add_column(heading, justify="right", no_wrap=True)
    lines.add_column("to", no_wrap=True)
    for result in results:
        lines.add_row(*_cells(result))
    return lines


def _cells(result: Result) -> tuple[str, ...]:
    row = result.row
    colour = {True: "green", False: "red", None: "default"}[result.within_budget]
    return (
        row.name,
        f"[{colour}]{_number(result.measured)}[/]",
        f"{result.noise:.0%}",
        _budget(row),
        f"{result.ratio:.2f}",
        row.against,
    )


def _number(figure: float) -> str:
    return f"{figure:,.0f}".replace(",", " ") if figure >= 100 else f"{figure:.1f}"


def _budget(row: Row) -> str:
    if row.at_least is not None:
        return f">= {_number(row.at_least)}"
    return "" if row.at_most is None else f"<= {_number(row.at_most)}"


def main() -> None:
    """Measure everything and print the tables."""
    rows = [row for subject in SUBJECTS for row in subject.rows()]
    Console().print(table(measure(rows)))
    print(f"\nThe suites, one seed of each test, fastest of {suites.TIMES}:\n")
    suites.main()
    print("\nThe checker, best of several:\n")
    checker.main(quick=True)
    print("\nThe reference Raft, in virtual time:\n")
    raft.main()
    print("\nThe replicated store, in virtual time:\n")
    kvraft.main()
    print("\nThe shrinker, on planted bugs:\n")
    shrinking.main()


if __name__ == "__main__":
    main()
