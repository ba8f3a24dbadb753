"""`labtester run`: run a lab's tests, each on many seeds, and tell how they failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tester.cli import interrupts
from tester.cli.options import (
    check_writable,
    command_for,
    console,
    elsewhere,
    finish,
    integer,
    jobs_option,
    json_option,
    lab_argument,
    limit_options,
    pool_of,
    schedule_option,
    select,
    submission_option,
    tests_option,
)

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.search.corpus import Corpus
    from tester.workers.pool import Pool
    from tester.workers.results import LabResult, Telling


@click.command()
@lab_argument
@click.option(
    "--seeds",
    type=integer(1, 2**32),
    metavar="N",
    help="Run each test on seeds 0 to N-1; one of weight W on one W-th of them.",
)
@jobs_option
@tests_option
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first failure.")
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
    from tester.search.corpus import Corpus
    from tester.workers import runner
    from tester.workers.results import LabResult

    check_writable(json_to)
    command = command_for(lab, submission, stuck_after, schedule)
    corpus = Corpus(lab, submission)
    try:
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
                            pool,
                            lab,
                            chosen,
                            command,
                            progress,
                            exitfirst=exitfirst,
                            elsewhere=elsewhere(lab, submission, stuck_after, schedule),
                        )
            except runner.Interrupted as interrupted:
                return _unfinished(json_to, interrupted.result)
            except runner.Misuse as misuse:
                raise click.ClickException(str(misuse)) from None
    except KeyboardInterrupt:  # before there was anything to count
        return _unfinished(json_to, LabResult(lab, [], interrupted=True))
    out = console(json_to)
    still = _show_recorded(recorded, result)
    table.show(out, result)
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    for test in result.tests:
        telling = test.telling
        if telling is None or not telling.found:
            continue
        click.echo(corpus.keep(telling.found, telling.test).sentence, err=True)
    told = record.of_run(result) | ({"recorded": still} if still else {})
    return finish(result.verdict, json_to, told)


def _unfinished(json_to: str | None, result: LabResult) -> int:
    """Say what is known of an interrupted run."""
    from tester.report import record, table

    table.show_unfinished(console(json_to), result)
    finish(result.verdict, json_to, record.of_run(result))
    return interrupts.status()


def _try_recorded(pool: Pool, corpus: Corpus, tests: Sequence[str]) -> list[tuple[Path, Telling]]:
    """Run the records of earlier failures again."""
    from tester.workers.plan import Tellings
    from tester.workers.results import telling_of

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
