"""`labtester explain`: which faults a failure needs, and the passing run beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tester.cli.options import (
    check_writable,
    console,
    cores,
    finish,
    json_option,
    limit_options,
    schedule_option,
    seed_in_range,
    strategy_option,
    submission_option,
)
from tester.cli.pages import page_option, redrawn, write_page_of
from tester.cli.reruns import work_off
from tester.cli.target import (
    METAVAR,
    Target,
    labelled,
    names_test,
    one_test,
    pool_for,
    pool_of,
    select_one,
)
from tester.cli.usage import EXIT

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.search.record import Record
    from tester.workers.pool import Pool
    from tester.workers.results import Rerun
    from tester.workers.wire import Listed


_NO_FAILURE: Final = {
    "pass": "passes: there is nothing to explain",
    "unknown": "stays unknown: there is no failure to explain",
}


@click.command("explain")
@click.argument("what", nargs=-1, metavar=f"RECORD | {METAVAR}")
@click.option(
    "--seed",
    metavar="S",
    callback=seed_in_range,
    help="The failing seed; by default, look for one.",
)
@click.option(
    "--pytest",
    "as_test",
    is_flag=True,
    help="Print a regression test for pytest instead; status 0.",
)
@page_option
@schedule_option
@strategy_option
@submission_option
@json_option
@limit_options
def explain(
    what: tuple[str, ...],
    seed: int | None,
    as_test: bool,
    page_to: str | None,
    schedule: str | None,
    strategy: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Show which faults a failure needs, and the nearest passing run beside it.

    Without --seed, the test runs on its default seeds, and of the first that fail, the one with
    the shortest story is explained.

    Exit status: 1 if there is a failure to explain; 2 if not, and for bad input.
    """
    from tester.report import aborted
    from tester.report.failures import plainly
    from tester.search.record import parse
    from tester.search.shortest import in_words

    if as_test and json_to is not None:
        raise click.UsageError("expected --pytest or --json, got both")
    check_writable(json_to)
    check_writable(page_to)
    if seed is None and names_test(what):
        target, test = one_test(what, submission, stuck_after, schedule, strategy)
        with pool_of(target, None, cores()) as pool:
            target = target.found(pool)
            listed = select_one(pool.tests(), test)
            rerun = _failing(pool, target, listed)
            drawn = redrawn(pool, [rerun])[0] if page_to is not None else rerun
    else:
        target, rerun = labelled(what, seed, submission, stuck_after, schedule, strategy)
        rerun.page = page_to is not None
        with pool_for(target, rerun) as pool:
            target = target.found(pool)
            listed = select_one(pool.tests(), rerun.test)
            work_off(pool, [rerun], target.name)
        drawn = rerun
    report = rerun.report
    if report is not None and report.ran.sentence:
        raise click.ClickException(report.ran.sentence)
    out = console(json_to)
    if report is None or not report.record:
        if rerun.verdict in _NO_FAILURE:
            raise click.ClickException(f"seed {rerun.seed} {_NO_FAILURE[rerun.verdict]}")
        plainly(out, aborted.story(rerun))
        raise click.ClickException("this failure could not be shrunk: see its story")
    kept = parse(report.record, Path(rerun.test))
    if as_test:
        click.echo(_regression(kept, target, listed), nl=False)
        return EXIT["pass"]
    if rerun.rivals:
        plainly(out, f"{in_words(rerun.seed, rerun.rivals)}\n")
    plainly(out, aborted.story(rerun))
    write_page_of(drawn, page_to)
    if report.twin:
        plainly(out, f"\n{report.twin}")
    path = None
    if rerun.found:
        path, sentence = target.corpus().keep(rerun.found, rerun.test)
        if path is None:
            click.echo(sentence, err=True)
    found = json.loads(report.explanation)
    found |= {"schedule": rerun.schedule, "record": None if path is None else str(path)}
    return finish("fail", json_to, found | {"command": rerun.command})


def _regression(kept: Record, target: Target, test: Listed) -> str:
    """The source of a pytest test that runs a record again."""
    from tester.labs import LABS

    if not target.is_project:
        return kept.as_test(LABS[target.lab].suite, test.name)
    if not test.module:
        raise click.ClickException(
            f"expected a function without parameters of pytest's for --pytest, got {test.name}: "
            "call run_once with the choices of the record yourself"
        )
    return kept.as_test(test.module, test.name.rpartition("::")[2], test.fixtures)


def _failing(pool: Pool, target: Target, test: Listed) -> Rerun:
    """Of the first failing seeds of a test, the one with the shortest story, already rerun."""
    from linearizability.verdict import counted
    from tester.report.progress import bar
    from tester.workers import runner

    name = target.name
    try:
        with bar(name) as progress:
            result = runner.run_lab(pool, name, [test], target.command, progress)
    except runner.Misuse as misuse:
        raise click.ClickException(str(misuse)) from None
    except runner.Interrupted:
        raise click.Abort from None
    (ran,) = result.tests
    if ran.rerun is None:
        raise click.ClickException(
            f"{test.name} passes on {counted(ran.counted.seeds, 'seed')}: there is nothing to "
            "explain"
        )
    return ran.rerun
