"""`labtester explain`: the least it takes to make a seed fail, and the passing run beside it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tester.terminal import (
    EXIT,
    check_writable,
    console,
    json_option,
    labelled,
    pool_for,
    schedule_option,
    seed_in_range,
    stuck_option,
    submission_option,
    write,
)


@click.command("explain")
@click.argument("what", nargs=-1, metavar="FILE | LAB TEST")
@click.option("--seed", metavar="S", callback=seed_in_range, help="The seed that fails.")
@click.option(
    "--pytest",
    "as_test",
    is_flag=True,
    help="Print a regression test for pytest instead; status 0.",
)
@schedule_option
@submission_option
@json_option
@stuck_option
def explain(
    what: tuple[str, ...],
    seed: int | None,
    as_test: bool,
    schedule: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Say which faults a failure takes, beside the same run without one of them, which passes.

    Exit status: 1 if there is a failure to explain; 2 if not, and for bad input.
    """
    from tester.labs import LABS
    from tester.report import mishap, table
    from tester.search.corpus import Corpus
    from tester.search.plan import Tellings
    from tester.search.record import parse

    if as_test and json_to is not None:
        raise click.UsageError("--pytest prints a test and --json a record; give one of them")
    check_writable(json_to)
    lab, folder, telling = labelled(what, seed, submission, stuck_after, schedule)
    with pool_for(lab, folder, telling, stuck_after, schedule) as pool:
        pool.work(Tellings([telling]))
    told = telling.told
    if told is not None and told.ran.sentence:
        raise click.ClickException(told.ran.sentence)
    out = console(json_to)
    if told is None or not told.record:
        if told is not None and told.ran.verdict == "pass":
            raise click.ClickException(f"seed {telling.seed} passes: there is nothing to explain")
        if told is not None and told.ran.verdict == "unknown":
            raise click.ClickException(
                f"seed {telling.seed} stays unknown: there is no failure to explain"
            )
        table.plainly(out, mishap.story(telling))
        raise click.ClickException("this failure could not be made smaller: see its story")
    kept = parse(told.record, Path(telling.test))
    if as_test:
        click.echo(kept.as_test(LABS[lab].suite, telling.test), nl=False)
        return EXIT["pass"]
    table.plainly(out, mishap.story(telling))
    if told.twin:
        table.plainly(out, f"\n{told.twin}")
    path = Corpus(lab, folder).keep(telling)
    found = json.loads(told.explanation)
    found |= {"schedule": telling.schedule, "record": None if path is None else str(path)}
    write(json_to, found | {"command": telling.command})
    return EXIT["fail"]
