"""The log of a run on a terminal: each node in its colour, at its virtual time; or in a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from rich.console import Console

    from tester.workers.results import Rerun
    from tester.workers.wire import Logged

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COLOURS: Final = ("cyan", "magenta", "yellow", "green", "blue", "bright_red", "bright_cyan")
_LEVEL_STYLES: Final = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


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


def show_log(
    console: Console, rerun: Rerun, log_node: str | None, log_file: str | None, *, in_story: bool
) -> None:
    """Print the log of a run, or write it to a file; what the story has told is not repeated."""
    from tester.cli.pages import write

    if rerun.told is None or not rerun.level:
        return
    said = rerun.told.said
    nodes = list(dict.fromkeys(one.node for one in said))
    if log_node is not None:
        wanted = [name.strip() for name in log_node.split(",")]
        said = [one for one in said if one.node in wanted]
    if log_file is not None:
        write(log_file, "".join(f"{''.join(_parts(one))}\n" for one in said))
        click.echo(
            f"log: {log_file}, {len(said)} {'line' if len(said) == 1 else 'lines'}", err=True
        )
        return
    if not in_story or log_node is not None:
        _print(console, said, nodes)


def _print(console: Console, said: Sequence[Logged], nodes: Sequence[str]) -> None:
    from rich.text import Text

    if not said:
        console.print("No line was logged or printed at this level.", highlight=False)
        return
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(nodes)}
    for one in said:
        time, node, level, text = _parts(one)
        line = Text(time).append(node, style=colours[one.node])
        line.append(level, style=_LEVEL_STYLES.get(one.level, ""))
        console.print(line.append(text), soft_wrap=True)
    console.print()


def _parts(one: Logged) -> tuple[str, str, str, str]:
    """Time, node, level, and logger with text: the columns of a line."""
    from tester.world.history import seconds

    named = f"{one.logger}: " if one.logger and one.logger != "root" else ""
    return (
        f"{seconds(one.time_us):>8}  ",
        f"{one.node:<7} ",
        f"{one.level:<8} ",
        f"{named}{one.text}",
    )
