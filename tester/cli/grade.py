"""`labtester grade`: grade submissions by a rubric, and write results for a platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tester.cli import interrupts
from tester.cli.options import check_writable, finish, integer, jobs_option, json_option
from tester.cli.rubrics import plan_of
from tester.cli.usage import shortened

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.grading.grade import Grade
    from tester.grading.plan import Plan
    from tester.grading.sandbox import Enforced
    from tester.grading.students import Submission

_FORMATS: Final = (
    *("gradescope", "classroom", "classroom50", "prairielearn"),
    *("junit", "json", "csv", "markdown"),
)


@click.command()
@click.argument("submissions", nargs=-1, metavar="[SUBMISSION]...")
@click.option("--rubric", metavar="FILE", help="The rubric: tests, points and seeds, in TOML.")
@click.option("--out", metavar="DIR", help="The folder for results; run again to go on.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="markdown",
    show_default=True,
    help="Of the file for each student.",
)
@click.option(
    "--students",
    metavar="FILE",
    help="A CSV file with the columns submission, student and submitted.",
)
@click.option("--metadata", metavar="FILE", help="Gradescope's submission_metadata.json.")
@click.option("--result", metavar="FILE", help="Write the result of the only submission here too.")
@click.option(
    "--require-sandbox",
    type=integer(1, 4),
    metavar="N",
    help="Refuse to grade if less than this level of isolation is to be had; default: 2 if there "
    "are hidden seeds, or else 1.",
)
@click.option("--check-rubric", is_flag=True, help="Check the rubric, and estimate the cost.")
@click.option("--explain", metavar="STUDENT", help="Show what cost a student points.")
@click.option("--report", metavar="DIR", help="With --explain: draw a page of each failure, too.")
@jobs_option
@json_option
def grade(
    submissions: tuple[str, ...],
    rubric: str | None,
    out: str | None,
    form: str,
    students: str | None,
    metadata: str | None,
    result: str | None,
    require_sandbox: int | None,
    check_rubric: bool,
    explain: str | None,
    report: str | None,
    jobs: int,
    json_to: str | None,
) -> int:
    """Grade submissions: folders, zip and tar files, checkouts.

    Each is run in processes of its own on the rubric's tests and seeds. DIR gets a file for each
    student in students/, one for the instructor in instructor/, and a summary of the class. A
    grader that was ended goes on where it was when the same command is run again.

    Exit status: 0 if all reached full points, 1 if not, 2 for bad input, 3 if some submission
    could not be graded.
    """
    check_writable(json_to)
    if explain is not None:
        return _explain(explain, _needed(out, "--out DIR"), report, json_to)
    if report is not None:
        raise click.UsageError("--report draws what --explain tells: add --explain STUDENT")
    plan = plan_of(_needed(rubric, "--rubric FILE"))
    if check_rubric:
        return _check(plan, _enforced(plan, require_sandbox), len(submissions), jobs, json_to)
    folder = Path(_needed(out, "--out DIR"))
    if not submissions:
        raise click.UsageError("expected submissions to grade, got none; name folders or archives")
    listed = _submissions(submissions, students, metadata)
    if result is not None and len(listed) != 1:
        raise click.UsageError(f"--result is for one submission, got {len(listed)}; leave it out")
    level = _enforced(plan, require_sandbox).level
    return _grade(plan, level, listed, folder, form, result, jobs, json_to)


def _needed(value: str | None, option: str) -> str:
    if value is None:
        raise click.UsageError(f"expected {option}, got none; add it")
    return value


def _enforced(plan: Plan, least: int | None) -> Enforced:
    """What shuts submissions in here, if it is enough."""
    from tester.grading import cost
    from tester.grading.isolation import MachineFault

    if least is None:
        least = 2 if plan.secret else 1
    try:
        found = cost.probe(plan)
    except MachineFault as fault:
        raise click.ClickException(f"submissions cannot be isolated here: {fault}") from None
    if found.level < least:
        raise click.ClickException(
            f"expected isolation of level {least}, got {found.report()}; run as root on Linux, or "
            f"say --require-sandbox {found.level}"
        )
    return found


def _submissions(
    paths: tuple[str, ...], students: str | None, metadata: str | None
) -> list[Submission]:
    from tester.grading.students import BadList, of_paths, of_platform

    for path in paths:
        if not Path(path).exists():
            raise click.ClickException(
                f"{shortened(path)}: expected a folder or an archive, got nothing there"
            )
    try:
        if metadata is None:
            return of_paths([Path(path) for path in paths], Path(students) if students else None)
        if len(paths) != 1:
            raise click.UsageError(f"--metadata is for one submission, got {len(paths)}")
        return [of_platform(Path(paths[0]), Path(metadata))]
    except BadList as error:
        raise click.ClickException(str(error)) from None


def _grade(
    plan: Plan,
    level: int,
    submissions: list[Submission],
    folder: Path,
    form: str,
    result: str | None,
    jobs: int,
    json_to: str | None,
) -> int:
    from tester.grading import class_summary
    from tester.grading.formats import FORMATS
    from tester.grading.grader import Grader
    from tester.grading.store import Busy, Store
    from tester.report.progress import bar

    to_standard_error = json_to == "-"
    store = Store(folder, FORMATS[form], Path(result) if result else None)
    grader = Grader(plan, store, jobs, level, lambda text: click.echo(text, err=to_standard_error))
    try:
        with store.opened(), bar("grade", lines=False) as grader.progress:
            grades = grader.grade(submissions)
            found = class_summary.summarize(grades)
            store.keep_summary(found, grades)
    except Busy as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or folder}: {error.strerror}; what was graded is kept: run the same "
            "command again when this is put right"
        ) from None
    except KeyboardInterrupt:
        click.echo(f"interrupted: run the same command again to go on; see {folder}", err=True)
        return interrupts.status()
    if len(grades) > 1:
        click.echo(f"\n{class_summary.as_text(found)}", nl=False, err=to_standard_error)
    return finish(_verdict(grades), json_to, class_summary.record(found))


def _verdict(grades: list[Grade]) -> str:
    from tester.grading.grade import NOT_GRADED

    if any(grade.status == NOT_GRADED for grade in grades):
        return "unknown"
    return "pass" if all(grade.full for grade in grades) else "fail"


def _check(
    plan: Plan, enforced: Enforced, submissions: int, jobs: int, json_to: str | None
) -> int:
    from tester.grading import cost
    from tester.grading.isolation import MachineFault
    from tester.report.progress import bar

    to_standard_error = json_to == "-"
    try:
        with bar("check-rubric") as progress:
            costs = cost.measure(plan, progress)
    except MachineFault as error:
        raise click.ClickException(str(error)) from None
    for one in costs:
        if one.failed:
            raise click.ClickException(
                f"{plan.lab.name}: the reference does not pass {one.part.id} ({one.failed}): "
                "raise the limits of the rubric"
            )
    click.echo(
        f"{plan.lab.name}: {plan.max_points:g} points in {len(plan.parts)} parts\n"
        f"{enforced.report()}",
        err=to_standard_error,
    )
    if plan.commitment:
        click.echo(
            f"hidden seeds: sha256 of the secret is {plan.commitment}", err=to_standard_error
        )
    click.echo(f"\n{cost.text(costs, submissions, jobs)}", err=to_standard_error)
    what = {
        "lab": plan.lab.name,
        "max_points": plan.max_points,
        "commitment": plan.commitment,
        "isolation_level": enforced.level,
        "seconds": sum(one.seconds for one in costs),
        "parts": [
            {"id": one.part.id, "points": one.part.points, "seeds": one.part.seeds}
            | {"ms_each": one.seed_ms}
            for one in costs
        ],
    }
    return finish("pass", json_to, what)


def _explain(student: str, out: str, report: str | None, json_to: str | None) -> int:
    import msgspec

    from tester.grading.explanation import explained
    from tester.grading.formats import FORMATS
    from tester.grading.store import Store

    store = Store(Path(out), FORMATS["markdown"])
    found = store.grade(student)
    if found is None:
        known = ", ".join(store.students()) or "nobody"
        raise click.ClickException(f"{out}: expected one of {known}, got {student!r}")
    click.echo(explained(found), err=json_to == "-")
    if report is not None:
        _draw(found, report, to_standard_error=json_to == "-")
    return finish("pass" if found.full else "fail", json_to, msgspec.to_builtins(found))


def _draw(found: Grade, report: str, *, to_standard_error: bool) -> None:
    """A page of each kind of failure, in the order in which they were told."""
    from tester.grading.archives import Malformed
    from tester.grading.explanation import draw
    from tester.grading.isolation import MachineFault
    from tester.report.page.files import write_into
    from tester.report.progress import busy

    try:
        pages = draw(found)
        while True:
            with busy(f"drawing pages of {found.student}"):
                document = next(pages, None)
            if document is None:
                break
            place = write_into(report, document)
            click.echo(f"{place}: {document.title}", err=to_standard_error)
    except (Malformed, MachineFault) as error:
        raise click.ClickException(f"no page of {found.student}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"cannot write {report}: {error.strerror}") from None
