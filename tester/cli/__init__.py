"""The command line `labtester`: one module for each command, imported when it is used.

Whatever the user got wrong is one sentence on standard error and exit status 2; the code under
test runs in worker processes only.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from tester.cli.options import EXIT, INTERRUPTED, unknown
from tester.environment import complaint

COMMANDS: Final[dict[str, str]] = {
    "check": "Check a recorded history for linearizability.",
    "exhaust": "Run every placement of at most K faults.",
    "explain": "Say which faults a failure takes.",
    "mutants": "Tell which tests find which planted bugs.",
    "replay": "Run one run again, and tell its story.",
    "run": "Run a lab's tests, each on many seeds.",
    "verify": "Check that runs depend on their seeds alone.",
}
"""What each command is for; `tester.cli.NAME` has a command of that name."""


class Commands(click.Group):
    """A group whose commands may be imported late, and that suggests what was meant."""

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a story may hold any character
    try:
        status = cli.main(args, prog_name="labtester", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "labtester"
        click.echo(f"{path}: {error.format_message()} (see {path} --help)", err=True)
        status = EXIT["misuse"]
    except click.ClickException as error:
        click.echo(f"labtester: {error.format_message()}", err=True)
        status = EXIT["misuse"]
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = EXIT["fail"]
    sys.exit(status)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.pass_context
def cli(ctx: click.Context) -> int:
    """The MIT 6.5840 labs, in a deterministic simulator.

    Exit status: 0 pass, 1 fail, 2 misuse, 3 unknown.
    """
    if wrong := complaint(os.environ):
        raise click.ClickException(wrong)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return EXIT["misuse"]
