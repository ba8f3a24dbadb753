"""The command line: `labtester run`, `labtester replay`, and the commands that stand elsewhere.

A command's module is imported when the command is used. Whatever the user got wrong is one
sentence on standard error and exit status 2; the code under test runs in worker processes only.
"""

from __future__ import annotations

import difflib
import importlib
import io
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from tester.labs import LABS

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from rich.console import Console

    from tester.search.pool import Pool
    from tester.search.wire import Listed

EXIT: Final = {"pass": 0, "fail": 1, "misuse": 2, "unknown": 3}
"""The exit status of a verdict. A failure beats an unknown, and an unknown a pass."""

INTERRUPTED: Final = 130
STUCK_AFTER_S: Final = 30
SEED_LIMIT: Final = 2**128
"""As in tester.engine.choices, which would bring numpy along."""

ELSEWHERE: Final[dict[str, str]] = {
    "check": "tester.check_command:check",
    "mutants": "tester.mutants_command:mutants",
}
"""Commands that have a module of their own, as `module:command`."""


class Commands(click.Group):
    """A group whose commands may be imported late, and that suggests what was meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in ELSEWHERE:
            module, _, name = ELSEWHERE[cmd_name].partition(":")
            found: click.Command = getattr(importlib.import_module(module), name)
            return found
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name that nobody knows, with what may have been meant."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"there is no {kind} {name!r}; did you mean {near[0]}?"
    return f"there is no {kind} {name!r}; there is {', '.join(known)}"


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


def _known_lab(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value not in LABS:
        raise click.UsageError(unknown("lab", value, LABS))
    return value


def _seed_in_range(ctx: click.Context, param: click.Parameter, value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or int(value) >= SEED_LIMIT:
        raise click.UsageError(f"a seed is an integer in [0, 2**128), and {value!r} is not")
    return int(value)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_lab = click.argument("lab", callback=_known_lab)
_submission = click.option(
    "--submission",
    metavar="DIR",
    help="Test the packages in this folder; what is not there is the reference's.",
)
_json = click.option(
    "--json", "json_to", metavar="FILE", help="Write a record as JSON; - is standard output."
)
_stuck_after = click.option(
    "--stuck-after",
    type=click.IntRange(1, 86_400),
    metavar="SECONDS",
    default=STUCK_AFTER_S,
    show_default=True,
    help="End a run without progress for so long in real time: an infinite loop.",
)


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
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return EXIT["misuse"]


@cli.command()
@_lab
@click.option(
    "--seeds",
    type=click.IntRange(1, 2**32),
    metavar="N",
    help="Run each test on seeds 0 to N-1; one of weight W on one W-th of them.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="J",
    default=_cores,
    help="Worker processes; as many as there are cores by default. Changes no result.",
)
@click.option("--tests", metavar="NAME,...", help="Run these tests only.")
@_submission
@_json
@_stuck_after
def run(
    lab: str,
    seeds: int | None,
    jobs: int,
    tests: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Run a lab's tests, each on many seeds, and tell how they failed."""
    from tester.report import record, table
    from tester.report.progress import bar
    from tester.search import runner

    _check_writable(json_to)
    command = _command(lab, submission, stuck_after)
    with _pool(lab, submission, seeds, jobs, stuck_after) as pool:
        chosen = _select(pool.tests(), tests)
        try:
            with bar(lab) as progress:
                result = runner.run_lab(pool, lab, chosen, command, progress)
        except runner.Interrupted as interrupted:
            table.show_unfinished(_console(json_to), interrupted.result)
            return INTERRUPTED
        except runner.Misuse as misuse:
            raise click.ClickException(str(misuse)) from None
    table.show(_console(json_to), result)
    _write(json_to, record.of_run(result))
    return EXIT[result.verdict]


@cli.command()
@_lab
@click.argument("test")
@click.option(
    "--seed", metavar="S", callback=_seed_in_range, required=True, help="The seed to run."
)
@_submission
@_json
@_stuck_after
def replay(
    lab: str, test: str, seed: int, submission: str | None, json_to: str | None, stuck_after: int
) -> int:
    """Run one seed of a test again, and tell its story."""
    from tester.report import record, table
    from tester.search.plan import Tellings
    from tester.search.results import Telling

    _check_writable(json_to)
    telling = Telling(test, seed, _command(lab, submission, stuck_after)(test, seed))
    with _pool(lab, submission, None, 1, stuck_after) as pool:
        _select(pool.tests(), test)
        pool.work(Tellings([telling]))
    if telling.told is not None and telling.told.ran.sentence:
        raise click.ClickException(telling.told.ran.sentence)
    table.show_replay(_console(json_to), telling)
    _write(json_to, record.of_replay(lab, telling))
    return EXIT[telling.verdict]


@contextmanager
def _pool(
    lab: str, submission: str | None, seeds: int | None, jobs: int, stuck_after: int
) -> Iterator[Pool]:
    """Workers that have loaded the submission; if they cannot, that is the user's misuse."""
    from tester.launch import Setup, launch
    from tester.search.pool import CannotStart, Pool

    def note(text: str) -> None:
        click.echo(f"warning: {text}", err=True)

    how = launch(Setup(LABS[lab], submission, seeds))
    try:
        with Pool(how, jobs, stuck_s=stuck_after, note=note) as pool:
            yield pool
    except CannotStart as reason:
        raise click.ClickException(str(reason)) from None


def _select(tests: Sequence[Listed], names: str | None) -> list[Listed]:
    """The tests of these names, in the order of the suite."""
    if names is None:
        return list(tests)
    wanted = {name.strip() for name in names.split(",")}
    for name in sorted(wanted - {test.name for test in tests}):
        raise click.ClickException(unknown("test", name, [test.name for test in tests]))
    return [test for test in tests if test.name in wanted]


def _command(lab: str, submission: str | None, stuck_after: int) -> Callable[[str, int], str]:
    """What runs a seed again, to be pasted into a shell."""
    options = ["--submission", submission] if submission is not None else []
    if stuck_after != STUCK_AFTER_S:
        options += ["--stuck-after", str(stuck_after)]
    return lambda test, seed: shlex.join(
        ["labtester", "replay", lab, test, "--seed", str(seed), *options]
    )


def _console(json_to: str | None) -> Console:
    """Where people read: not standard output, if that is to hold nothing but the record."""
    from rich.console import Console

    return Console(stderr=json_to == "-")


def _check_writable(json_to: str | None) -> None:
    from tester.report import record

    if json_to is not None:
        try:
            record.check_writable(json_to)
        except OSError as error:
            raise _unwritable(json_to, error) from None


def _write(json_to: str | None, what: dict[str, Any]) -> None:
    from tester.report import record

    if json_to is not None:
        try:
            record.write(json_to, what)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(json_to, error) from None


def _unwritable(json_to: str, error: OSError) -> click.ClickException:
    return click.ClickException(f"cannot write {json_to}: {error.strerror}")
