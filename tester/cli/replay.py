"""`labtester replay`: run a record, or one seed of a test, again, and show its story."""

from __future__ import annotations

import click

from tester.cli.logs import level_of, log_options, show_log
from tester.cli.options import (
    check_writable,
    console,
    finish,
    json_option,
    limit_options,
    schedule_option,
    seed_in_range,
    strategy_option,
    submission_option,
)
from tester.cli.pages import page_option, write_page_of
from tester.cli.reruns import work_off
from tester.cli.target import METAVAR, labelled, pool_for


@click.command()
@click.argument("what", nargs=-1, metavar=f"RECORD | {METAVAR}")
@click.option("--seed", metavar="S", callback=seed_in_range, help="The seed to run.")
@click.option("--full", is_flag=True, help="Show every line of the story, even if the run passes.")
@page_option
@log_options
@schedule_option
@strategy_option
@submission_option
@json_option
@limit_options
def replay(
    what: tuple[str, ...],
    seed: int | None,
    full: bool,
    page_to: str | None,
    log_level: str | None,
    log_node: str | None,
    log_file: str | None,
    schedule: str | None,
    strategy: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Run a record, or one seed of a test, again, and show its story."""
    from tester.report import json_output, table

    check_writable(json_to)
    check_writable(page_to)
    check_writable(log_file)
    target, rerun = labelled(what, seed, submission, stuck_after, schedule, strategy)
    rerun.full, rerun.page = full, page_to is not None
    rerun.level = level_of(log_level, log_node, log_file)
    with pool_for(target, rerun) as pool:
        work_off(pool, [rerun], target.name)
    if rerun.report is not None and rerun.report.ran.sentence:
        raise click.ClickException(rerun.report.ran.sentence)
    show_log(console(json_to), rerun, log_node, log_file, in_story=full)
    table.show_replay(console(json_to), rerun)
    write_page_of(rerun, page_to)
    return finish(rerun.verdict, json_to, json_output.of_replay(target.lab, rerun))
