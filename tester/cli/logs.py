"""The log of a run on a terminal: each node in its colour, at its virtual time; or in a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from rich.console import Console

    from tester.workers.pool import Pool
    from tester.workers.results import Rerun, TestResult
    from tester.workers.wire import Logged

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What of the log is shown, and where."""
    for option in (
        click.option(
            "--log-file",
            metavar="FILE",
            help="Write the log there instead of printing it; from DEBUG on, unless --log-level.",
        ),
        click.option(
            "--log-node", metavar="NAME,...", help="Of the log, show only what these nodes said."
        ),
        click.option(
            "--log-level",
            type=click.Choice(_LEVELS, case_sensitive=False),
            help="Show what nodes log from this level on, and what they print, at its time.",
        ),
    ):
        command = option(command)
    return command


def level_of(log_level: str | None, log_node: str | None, log_file: str | None) -> int:
    """The level from which on the log is wanted; 0 if it is not wanted at all."""
    if log_level is not None:
        return int(getattr(logging, log_level.upper()))
    return logging.DEBUG if log_file is not None or log_node is not None else 0


def logs_of(pool: Pool, tests: Iterable[TestResult], level: int) -> list[Rerun]:
    """The runs that are told of these tests, with what they log from a level on; 0: none."""
    from tester.cli.pages import redrawn

    reruns = [test.rerun for test in tests if test.rerun is not None] if level else []
    return redrawn(pool, [one for one in reruns if one.report is not None], level=level)


def show_logs(
    console: Console, logged: Sequence[Rerun], log_node: str | None, log_file: str | None
) -> None:
    """Print the log of each of these runs below its test and seed, or write them to one file."""
    from tester.cli.pages import write
    from tester.report import log

    texts, count = [], 0
    for one in logged:
        said, nodes = _chosen(one, log_node)
        title = f"log of {one.test}, seed {one.seed}:"
        if log_file is None:
            console.print(f"{title}\n", highlight=False, markup=False, soft_wrap=True)
            log.show(console, said, nodes)
        texts += [f"{title}\n", *(f"{log.line(line)}\n" for line in said)]
        count += len(said)
    if log_file is not None:
        write(log_file, "".join(texts))
        _say_where(log_file, count)


def _chosen(rerun: Rerun, log_node: str | None) -> tuple[list[Logged], list[str]]:
    """The lines that are wanted of a log, and all nodes that have said something."""
    said = [] if rerun.report is None else list(rerun.report.said)
    nodes = list(dict.fromkeys(one.node for one in said))
    if log_node is not None:
        wanted = [name.strip() for name in log_node.split(",")]
        said = [one for one in said if one.node in wanted]
    return said, nodes


def _say_where(log_file: str, lines: int) -> None:
    click.echo(f"log: {log_file}, {lines} {'line' if lines == 1 else 'lines'}", err=True)


def show_log(
    console: Console, rerun: Rerun, log_node: str | None, log_file: str | None, *, in_story: bool
) -> None:
    """Print the log of a run, or write it to a file; what the story has told is not repeated."""
    from tester.cli.pages import write
    from tester.report import log

    if rerun.report is None or not rerun.level:
        return
    said, nodes = _chosen(rerun, log_node)
    if log_file is not None:
        write(log_file, "".join(f"{log.line(one)}\n" for one in said))
        _say_where(log_file, len(said))
        return
    if not in_story or log_node is not None:
        log.show(console, said, nodes)
