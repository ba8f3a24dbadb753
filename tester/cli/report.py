"""`labtester report`: draw a run as one HTML page, with its data as JSON and its story as text."""

from __future__ import annotations

import click

from tester.cli.options import (
    check_writable,
    limit_options,
    schedule_option,
    seed_in_range,
    strategy_option,
    submission_option,
)
from tester.cli.pages import document_of, write
from tester.cli.reruns import work_off
from tester.cli.target import METAVAR, labelled, pool_for
from tester.cli.usage import EXIT


@click.command("report")
@click.argument("what", nargs=-1, metavar=f"RECORD | {METAVAR}")
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

    for path in (page_to, json_to, text_to):
        check_writable(path)
    target, rerun = labelled(what, seed, submission, stuck_after, schedule, strategy)
    rerun.page = True
    with pool_for(target, rerun) as pool:
        work_off(pool, [rerun], target.name)
    if rerun.report is not None and rerun.report.ran.sentence:
        raise click.ClickException(rerun.report.ran.sentence)
    document = document_of(rerun)
    if document is None:
        return EXIT["unknown"] if rerun.verdict == "pass" else EXIT[rerun.verdict]
    page = page_to or file_name(document)
    write(page, write_page(document))
    if json_to is not None:
        write(json_to, as_json(document))
    if text_to is not None:
        write(text_to, document.story)
    if page != "-":
        click.echo(f"{page}: {document.title}", err="-" in (json_to, text_to))
    return EXIT[rerun.verdict]
