"""The command line: `labtester run`, `labtester replay`, and the commands that stand elsewhere.

A command's module is imported when the command is used. Whatever the user got wrong is one
sentence on standard error and exit status 2; the code under test runs in worker processes only.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from tester.environment import complaint
from tester.terminal import (
    EXIT,
    INTERRUPTED,
    check_writable,
    command_for,
    console,
    jobs_option,
    json_option,
    lab_argument,
    labelled,
    pool_for,
    pool_of,
    schedule_option,
    seed_in_range,
    select,
    stuck_option,
    submission_option,
    tests_option,
    unknown,
    write,
)

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.search.corpus import Corpus
    from tester.search.pool import Pool
    from tester.search.results import LabResult, Telling

ELSEWHERE: Final[dict[str, tuple[str, str]]] = {
    "check": ("tester.check_command", "Check a recorded history for linearizability."),
    "exhaust": ("tester.exhaust_command", "Run every placement of at most K faults."),
    "explain": ("tester.explain_command", "Say which faults a failure takes."),
    "mutants": ("tester.mutants_command", "Tell which tests find which planted bugs."),
    "verify": ("tester.verify_command", "Check that runs depend on their seeds alone."),
}
"""Commands that have a module of their own, in which each has its name, and what they are for."""


class Commands(click.Group):
    """A group whose commands may be imported late, and that suggests what was meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in ELSEWHERE:
            module = importlib.import_module(ELSEWHERE[cmd_name][0])
            found: click.Command = getattr(module, cmd_name)
            return found
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        here = [(name, command.get_short_help_str(70)) for name, command in self.commands.items()]
        elsewhere = [(name, about) for name, (_, about) in ELSEWHERE.items()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(here + elsewhere))

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


@cli.command()
@lab_argument
@click.option(
    "--seeds",
    type=click.IntRange(1, 2**32),
    metavar="N",
    help="Run each test on seeds 0 to N-1; one of weight W on one W-th of them.",
)
@jobs_option
@tests_option
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first failure.")
@schedule_option
@submission_option
@json_option
@stuck_option
def run(
    lab: str,
    seeds: int | None,
    jobs: int,
    tests: str | None,
    exitfirst: bool,
    schedule: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Run a lab's tests, each on many seeds, and tell how they failed.

    What failed before, as recorded in .labtester, is tried first.
    """
    from tester.report import mishap, record, table
    from tester.report.progress import bar
    from tester.search import runner
    from tester.search.corpus import Corpus
    from tester.search.results import LabResult

    check_writable(json_to)
    command = command_for(lab, submission, stuck_after, schedule)
    corpus = Corpus(lab, submission)
    with pool_of(lab, submission, seeds, jobs, stuck_after, schedule=schedule) as pool:
        chosen = select(pool.tests(), tests)
        try:
            recorded = _try_recorded(pool, corpus, [test.name for test in chosen])
            left = [telling for _, telling in recorded if telling.verdict == "fail"]
            if exitfirst and left:
                result = LabResult(lab, [], not_run=[test.name for test in chosen])
                table.plainly(console(json_to), mishap.story(left[0]))
            else:
                with bar(lab) as progress:
                    result = runner.run_lab(
                        pool, lab, chosen, command, progress, exitfirst=exitfirst
                    )
        except runner.Interrupted as interrupted:
            table.show_unfinished(console(json_to), interrupted.result)
            return INTERRUPTED
        except runner.Misuse as misuse:
            raise click.ClickException(str(misuse)) from None
    out = console(json_to)
    still = _show_recorded(recorded, result)
    table.show(out, result)
    for test in result.tests:
        if test.telling is not None and (path := corpus.keep(test.telling)) is not None:
            click.echo(f"kept as {path}", err=True)
    write(json_to, record.of_run(result) | ({"recorded": still} if still else {}))
    return EXIT[result.verdict]


def _try_recorded(pool: Pool, corpus: Corpus, tests: Sequence[str]) -> list[tuple[Path, Telling]]:
    """Run the records of earlier failures again."""
    from tester.search.corpus import telling_of
    from tester.search.plan import Tellings

    found = [
        (path, telling_of(kept, f"labtester replay {path}"))
        for path, kept in corpus.records(tests)
    ]
    pool.work(Tellings([telling for _, telling in found]))
    return found


def _show_recorded(recorded: Sequence[tuple[Path, Telling]], result: LabResult) -> list[str]:
    """Say which recorded failures are left, and forget the others.

    Those that the seeds of this run have found as well are told with them, and only there.
    """
    failed = {
        (test.name, seed, test.schedule) for test in result.tests for seed in test.counted.failed
    }
    still = []
    for path, telling in recorded:
        if telling.verdict == "pass":
            path.unlink(missing_ok=True)
            click.echo(f"mended: {path} passes, and is gone", err=True)
        elif telling.verdict == "fail" and telling.run not in failed:
            click.echo(f"recorded failure: {path} still fails; labtester replay {path}", err=True)
            still.append(str(path))
            result.recorded.append(telling.test)
    return still


@cli.command()
@click.argument("what", nargs=-1, metavar="FILE | LAB TEST")
@click.option("--seed", metavar="S", callback=seed_in_range, help="The seed to run.")
@click.option(
    "--full", is_flag=True, help="Tell every line of the story, also where the run passes."
)
@schedule_option
@submission_option
@json_option
@stuck_option
def replay(
    what: tuple[str, ...],
    seed: int | None,
    full: bool,
    schedule: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Run a record, or one seed of a test, again, and tell its story."""
    from tester.report import record, table
    from tester.search.plan import Tellings

    check_writable(json_to)
    lab, folder, telling = labelled(what, seed, submission, stuck_after, schedule)
    telling.full = full
    with pool_for(lab, folder, telling, stuck_after, schedule) as pool:
        pool.work(Tellings([telling]))
    if telling.told is not None and telling.told.ran.sentence:
        raise click.ClickException(telling.told.ran.sentence)
    table.show_replay(console(json_to), telling)
    write(json_to, record.of_replay(lab, telling))
    return EXIT[telling.verdict]
