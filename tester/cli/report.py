"""`labtester report`: draw a run as one HTML page, with its data as JSON and its story as text."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from tester.cli.options import (
    EXIT,
    check_writable,
    labelled,
    limit_options,
    pool_for,
    schedule_option,
    seed_in_range,
    strategy_option,
    submission_option,
)
from tester.cli.pages import document_of, write


@click.command("report")
@click.argument("what", nargs=-1, metavar="FILE | LAB TEST | NODE_ID")
@click.option("--seed", metavar="S", callback=seed_in_range, help="The seed to run.")
@click.option(
    "-o", "--output", "page_to", metavar="FILE", help="The page; default: TEST-SEED.html."
)
@click.option("--json", "json_to", metavar="FILE", help="Write its data, too; - is stdout.")
@click.option("--text", "text_to", metavar="FILE", help="Write its story, too; - is stdout.")
@schedule_option
@strategy_option
@submission_option
@limit_options
def report(
    what: tuple[str, ...],
    seed: int | None,
    page_to: str | None,
    json_to: str | None,
    text_to: str | None,
    schedule: str | None,
    strategy: str | None,
    submission: str | None,
    stuck_after: int,
) -> int:
    """Draw a run as one HTML page: its history, its messages, its nodes at every instant.

    The run is that of a record, of a seed of a lab's test, or of a seed of a test of a pytest
    project, by its node id. One that fails is drawn as small as it can be made, with the nearest
    run that passes. The page needs nothing but a browser: no network, no server.
    """
    from tester.report.page.document import as_json
    from tester.report.page.files import file_name
    from tester.report.page.html import write_page
    from tester.workers.plan import Reruns

    for path in (page_to, json_to, text_to):
        check_writable(path)
    if len(what) == 1 and "::" in what[0]:
        if json_to is not None or text_to is not None or submission is not None:
            raise click.UsageError(
                "a test of a pytest project has a page only: leave out --json, --text and "
                "--submission"
            )
        return _of_pytest(what[0], seed, schedule, strategy, page_to)
    lab, folder, rerun = labelled(what, seed, submission, stuck_after, schedule, strategy)
    rerun.page = True
    with pool_for(lab, folder, rerun, stuck_after, schedule, strategy) as pool:
        pool.work(Reruns([rerun]))
    if rerun.told is not None and rerun.told.ran.sentence:
        raise click.ClickException(rerun.told.ran.sentence)
    document = document_of(rerun)
    if document is None:
        return EXIT["unknown"] if rerun.verdict == "pass" else EXIT[rerun.verdict]
    target = page_to or file_name(document)
    write(target, write_page(document))
    if json_to is not None:
        write(json_to, as_json(document))
    if text_to is not None:
        write(text_to, document.story)
    if target != "-":
        click.echo(f"{target}: {document.title}", err="-" in (json_to, text_to))
    return EXIT[rerun.verdict]


def _of_pytest(
    node: str,
    seed: int | None,
    schedule: str | None,
    strategy: str | None,
    page_to: str | None,
) -> int:
    """Have pytest run the test, with its own plugins and fixtures; its status is ours."""
    if seed is None:
        raise click.UsageError("expected a seed with the test, got none; add --seed S")
    words = [sys.executable, "-m", "pytest", "-q", node, f"--sim-seed={seed}"]
    words += [] if schedule is None else [f"--sim-schedule={schedule}"]
    words += [] if strategy is None else [f"--sim-strategy={strategy}"]
    words.append(f"--sim-report={page_to or os.curdir}")
    status = subprocess.run(words, check=False).returncode
    return status if status in {EXIT["pass"], EXIT["fail"]} else EXIT["misuse"]
