"""What the commands share that draw pages: the option, and where a page goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from tester.cli.reruns import work_off

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.report.page.document import Document
    from tester.workers.pool import Pool
    from tester.workers.results import LabResult, Rerun, TestResult

page_option = click.option(
    "--report",
    "page_to",
    metavar="FILE",
    help="Draw the run as a page, too: one HTML file that needs nothing but a browser.",
)
pages_option = click.option(
    "--report",
    "pages_to",
    metavar="DIR",
    help="Draw a page for each failing test, too, into this folder.",
)

plot_option = click.option(
    "--plot",
    "plot_to",
    metavar="FILE",
    help="Draw the seeds of each test as a page: latency, RPCs per operation, virtual time of a "
    "run and to recover, failures by what they failed with and by kind of fault.",
)


def write_plots_of(result: LabResult, path: str | None) -> None:
    """Write the page of plots that was asked for, if one was, and say where it is."""
    if path is not None:
        from tester.report.page.plots import plots_of

        write(path, plots_of(result))
        click.echo(f"plots: {path}", err=True)


def document_of(rerun: Rerun) -> Document | None:
    """The document of a page that a worker has sent; None if there is none, which is said."""
    import msgspec

    from tester.report.page.document import from_json

    report = rerun.report
    if report is None:
        click.echo(f"no page of {rerun.test}: its run has no outcome", err=True)
    elif report.no_page or not report.page:
        why = report.no_page or "its story could not be told either"
        click.echo(f"no page of {rerun.test}: {why}", err=True)
    else:
        try:
            return from_json(report.page)
        except msgspec.DecodeError as error:
            click.echo(f"no page of {rerun.test}: its process sent {error}", err=True)
    return None


def write(path: str, text: str) -> None:
    """Write a file; `-` is standard output. Raises ClickException if that is impossible."""
    from tester.report.page.files import write_text

    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        write_text(path, text)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None


def write_page_of(rerun: Rerun, path: str | None) -> None:
    """Write the page that was asked for, if one was, and say where it is."""
    if path is None:
        return
    from tester.report.page.html import write_page

    document = document_of(rerun)
    if document is not None:
        write(path, write_page(document))
        if path != "-":
            click.echo(f"page: {path}", err=True)


def redrawn(pool: Pool, reruns: Iterable[Rerun], *, level: int = 0) -> list[Rerun]:
    """The same runs once more, with their pages; a small one that fails is known by its record.

    With a level, it is what they log from that level on that is wanted, and no pages.
    """
    from tester.workers.results import Rerun

    drawn = [
        Rerun(one.test, one.seed, one.command, record=one.found, schedule=one.schedule)
        for one in reruns
    ]
    for one in drawn:
        one.page, one.level = not level, level
    work_off(pool, drawn, "logs" if level else "pages")
    return drawn


def write_pages_of(pool: Pool, tests: Iterable[TestResult], folder: str | None) -> None:
    """Draw a page for each test that has a story, into a folder."""
    if folder is None:
        return
    from tester.report.page.files import write_into

    reruns = [test.rerun for test in tests if test.rerun is not None]
    for rerun in redrawn(pool, [one for one in reruns if one.report is not None]):
        document = document_of(rerun)
        if document is None:
            continue
        try:
            click.echo(f"page: {write_into(folder, document)}", err=True)
        except OSError as error:
            raise click.ClickException(f"cannot write into {folder}: {error.strerror}") from None
