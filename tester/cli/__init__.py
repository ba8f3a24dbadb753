"""The command line `labtester`: one module for each command, imported when it is used.

Every mistake of the user is one sentence on standard error and exit status 2; the code under
test runs in worker processes only.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from tester.cli import interrupts, output
from tester.cli.usage import EXIT, shortened, unknown
from tester.engine import VERSION

COMMANDS: Final[dict[str, str]] = {
    "check": "Check a recorded history for linearizability.",
    "exhaust": "Run every placement of at most K faults.",
    "explain": "Show which faults a failure needs.",
    "grade": "Grade submissions by a rubric.",
    "labs": "List the labs, their parts and their tests.",
    "mapreduce": "Run a real MapReduce job in processes.",
    "mutants": "Show which tests find which planted bugs.",
    "new": "Write a starter for students, a rubric, or an autograder.",
    "replay": "Run a failure again, and show its story.",
    "report": "Draw a run as an HTML page.",
    "run": "Run a lab's tests, each on many seeds.",
    "sweep": "Run very many seeds, on cores or a cluster.",
    "verify": "Check that runs depend on their seeds alone.",
}
"""What each command does; `tester.cli.NAME` has a command of that name."""


class Commands(click.Group):
    """A group that imports a command when it is used, and suggests a name for a typo."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tester.cli.{cmd_name}")
        found: click.Command = getattr(module, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """The console command `labtester`."""
    atexit.register(gc.freeze)  # the end of a process is no time to look for garbage
    with output.unfailing(), interrupts.handled():
        status = _status(sys.argv[1:] if args is None else args)
    sys.exit(status)


def _status(args: Sequence[str]) -> int:
    """Run a command; an error is one sentence, and never an exit status of 1."""
    try:
        _check_text(args)
        return int(cli.main(list(args), prog_name="labtester", standalone_mode=False) or 0)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else EXIT["misuse"]
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "labtester"
        return _misuse(f"{path}: {error.format_message()} (see {path} --help)")
    except click.ClickException as error:
        return _misuse(f"labtester: {error.format_message()}")
    except (click.Abort, KeyboardInterrupt):
        return interrupts.status()
    except Exception as error:  # noqa: BLE001 - a traceback, with status 1, would look like a verdict
        return _misuse(f"labtester: {_of_ours(error)}")


def _check_text(args: Sequence[str]) -> None:
    """Refuse what is not UTF-8: paths go into records, commands and messages, which are text."""
    for argument in args:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError(
                f"expected arguments in UTF-8, got {shortened(argument)}; rename the file"
            ) from None


def _misuse(sentence: str) -> int:
    click.echo(" ".join(line.strip() for line in sentence.splitlines()), err=True)
    return EXIT["misuse"]


def _of_ours(error: Exception) -> str:
    """The error for an unexpected exception, with the line that raised it."""
    import traceback
    from pathlib import Path

    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    place = f"{Path(frame.f_code.co_filename).name}:{line}"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror} ({place})"
    return (
        f"expected a verdict, got an internal error of labtester: {type(error).__name__} at "
        f"{place}: {shortened(str(error))}; please report it with the command"
    )


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION, prog_name="labtester", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> int:
    """The MIT 6.5840 labs, in a deterministic simulator.

    Exit status: 0 pass, 1 fail, 2 misuse, 3 unknown.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return EXIT["misuse"]
