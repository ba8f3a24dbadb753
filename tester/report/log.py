"""What a run has logged and printed, for a terminal: each node in its colour, at its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from tester.workers.wire import Logged
from tester.world.history import seconds
from tester.world.spectator import Said

_COLOURS: Final = ("cyan", "magenta", "yellow", "green", "blue", "bright_red", "bright_cyan")
_LEVELS: Final = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


def show(console: Console, said: Sequence[Logged], nodes: Sequence[str]) -> None:
    """Print the lines; the colour of a node hangs on its place among `nodes`."""
    if not said:
        console.print("No line was logged or printed at this level.", highlight=False)
        return
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(nodes)}
    for one in said:
        time, node, level, text = _parts(one)
        shown = Text(time).append(node, style=colours[one.node])
        shown.append(level, style=_LEVELS.get(one.level, ""))
        console.print(shown.append(text), soft_wrap=True)
    console.print()


def line(one: Logged | Said) -> str:
    """A line without colours: time, node, level, logger and text."""
    return "".join(_parts(one))


def _parts(one: Logged | Said) -> tuple[str, str, str, str]:
    named = f"{one.logger}: " if one.logger and one.logger != "root" else ""
    return (
        f"{seconds(one.time_us):>8}  ",
        f"{one.node:<7} ",
        f"{one.level:<8} ",
        f"{named}{one.text}",
    )
