"""`labtester run`: run a lab's tests, each on many seeds, and report how they fail."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tester.cli import interrupts
from tester.cli.logs import level_of, log_options, logs_of, show_logs
from tester.cli.options import (
    check_writable,
    console,
    finish,
    integer,
    jobs_option,
    json_option,
    limit_options,
    schedule_option,
    select,
    submission_option,
    tests_option,
)
from tester.cli.pages import pages_option, plot_option, write_pages_of, write_plots_of
from tester.cli.reruns import work_off
from tester.cli.target import Target, elsewhere, pool_of, target_of
from tester.labs import LABS

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from rich.console import Console

    from tester.search.corpus import Corpus
    from tester.workers.pool import Pool
    from tester.workers.results import LabResult, Rerun
    from tester.workers.wire import Listed

_MOST_SAID: Final = 3
"""Of records about which there is the same to say, this many are named on standard error."""


@click.command()
@click.argument("lab", metavar="LAB | NODE | RECORD")
@click.option(
    "--seeds",
    type=integer(1, 2**32),
    metavar="N",
    help="Run each test on seeds 0 to N-1; a test of weight W gets N/W of them.",
)
@jobs_option
@tests_option
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first failure.")
@click.option("-a", "--all", "every", is_flag=True, help="List the tests that passed, too.")
@click.option(
    "--style",
    type=click.Choice(["table", "lab"]),
    default="table",
    show_default=True,
    help="lab: print each test as the course's tester does.",
)
@pages_option
@plot_option
@log_options
@schedule_option
@submission_option
@json_option
@limit_options
def run(
    lab: str,
    seeds: int | None,
    jobs: int,
    tests: str | None,
    exitfirst: bool,
    every: bool,
    style: str,
    pages_to: str | None,
    plot_to: str | None,
    log_level: str | None,
    log_node: str | None,
    log_file: str | None,
    schedule: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Run tests, each on many seeds, and report how they fail.

    LAB is one that `labtester labs` lists; NODE is a file, a folder or a test of a pytest
    project, as pytest takes it: tests/test_bank.py::test_transfer. RECORD stands for its test.

    Failures recorded in .labtester are run first.
    """
    target = target_of(lab, submission, stuck_after, schedule)
    lab, tests = target.name, tests or target.only or None

    from tester.report import aborted, json_output
    from tester.report.failures import plainly
    from tester.workers import runner
    from tester.workers.results import LabResult

    for file in (json_to, plot_to, log_file):
        check_writable(file)
    level, logged = level_of(log_level, log_node, log_file), []
    result = LabResult(lab, [])
    try:
        with pool_of(target, seeds, jobs) as pool:
            target = target.found(pool)
            corpus = target.corpus()
            chosen = select(pool.tests(), tests)
            try:
                recorded = _try_recorded(pool, corpus, [test.name for test in chosen])
                left = [rerun for _, rerun in recorded if rerun.verdict == "fail"]
                if exitfirst and left:
                    result = LabResult(lab, [], not_run=[test.name for test in chosen])
                    plainly(console(json_to), aborted.story(left[0]))
                else:
                    result = _run(pool, lab, chosen, target, plot_to, exitfirst=exitfirst)
                    write_pages_of(pool, result.tests, pages_to)
                    logged = logs_of(pool, result.tests, level)
            except runner.Interrupted as interrupted:
                return _unfinished(json_to, interrupted.result, every=every)
            except runner.Misuse as misuse:
                raise click.ClickException(str(misuse)) from None
    except KeyboardInterrupt:  # before there was anything to count, or while pages were drawn
        result.interrupted = True
        return _unfinished(json_to, result, every=every)
    out = console(json_to)
    still = _show_recorded(recorded, result)
    _show(out, result, style, every=every)
    if level:
        show_logs(out, logged, log_node, log_file)
    write_plots_of(result, plot_to)
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    _keep(corpus, result)
    record = json_output.of_run(result) | ({"recorded": still} if still else {})
    return finish(result.verdict, json_to, record)


def _run(
    pool: Pool,
    lab: str,
    tests: Sequence[Listed],
    target: Target,
    plot_to: str | None,
    *,
    exitfirst: bool,
) -> LabResult:
    """Run the tests, and show how far they have come; in detail, if plots are wanted."""
    from tester.report.progress import bar
    from tester.workers import runner

    with bar(lab) as progress:
        return runner.run_lab(
            pool,
            lab,
            tests,
            target.command,
            progress,
            exitfirst=exitfirst,
            elsewhere=elsewhere(target),
            in_detail=plot_to is not None,
        )


def _show(out: Console, result: LabResult, style: str, *, every: bool) -> None:
    """Print what the tests came to, as a table or as the course's tester does."""
    if style == "table":
        from tester.report import table

        table.show(out, result, every=every)
        return
    from tester.labs.suite import tests_of
    from tester.report import coursestyle

    titles = {test.name: coursestyle.Title(test.name, "") for test in result.tests}
    known = tests_of(LABS[result.lab].suite) if result.lab in LABS else {}
    for name, scenario in known.items():
        about = (inspect.getdoc(scenario.function) or name).partition("\n\n")[0]
        network = "reliable network" if scenario.network.reliable else "unreliable network"
        titles[name] = coursestyle.Title(" ".join(about.split()), network)
    coursestyle.show(out, result, titles)


def _keep(corpus: Corpus, result: LabResult) -> None:
    """Record the failures that were found, and say where."""
    reruns = [test.rerun for test in result.tests if test.rerun is not None]
    kept = [corpus.keep(rerun.found, rerun.test) for rerun in reruns if rerun.found]
    more = len(kept) - _MOST_SAID
    _say([one.sentence for one in kept], f"and {more} more; the next run tries these seeds first")


def _say(lines: Sequence[str], more: str) -> None:
    """Say the first of some lines on standard error, and of all others what they are."""
    most = _MOST_SAID + (len(lines) == _MOST_SAID + 1)
    for line in lines[:most]:
        click.echo(line, err=True)
    if len(lines) > most:
        click.echo(more, err=True)


def _unfinished(json_to: str | None, result: LabResult, *, every: bool) -> int:
    """Say what is known of an interrupted run."""
    from tester.report import json_output, table

    table.show_unfinished(console(json_to), result, every=every)
    finish(result.verdict, json_to, json_output.of_run(result))
    return interrupts.status()


def _try_recorded(pool: Pool, corpus: Corpus, tests: Sequence[str]) -> list[tuple[Path, Rerun]]:
    """Run the records of earlier failures again."""
    from tester.workers.results import rerun_of

    found = [
        (path, rerun_of(kept, f"labtester replay {path}")) for path, kept in corpus.records(tests)
    ]
    work_off(pool, [rerun for _, rerun in found], "recorded failures")
    return found


def _show_recorded(recorded: Sequence[tuple[Path, Rerun]], result: LabResult) -> list[str]:
    """Report the recorded failures that still fail, and delete those that pass.

    A record of a seed that failed in this run as well is not reported twice.
    """
    failed = {
        (test.name, seed, test.schedule) for test in result.tests for seed in test.counted.failed
    }
    still, fixed, failing = [], [], []
    for path, rerun in recorded:
        if rerun.verdict == "pass":
            path.unlink(missing_ok=True)
            fixed.append(f"fixed: {path} passes and was removed")
        elif rerun.verdict == "fail" and rerun.run not in failed:
            again = f"to see it: labtester replay {path}"
            failing.append(f"recorded failure: {path} still fails; {again}")
            still.append(str(path))
            result.recorded.append(rerun.test)
    _say(fixed, f"fixed: {len(fixed) - _MOST_SAID} more records pass and were removed")
    _say(failing, f"and {len(failing) - _MOST_SAID} more recorded failures still fail")
    return still
