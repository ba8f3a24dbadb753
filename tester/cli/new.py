"""`labtester new`: write a starter for students, a rubric, or an autograder, into a new folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tester.cli.options import check_writable, finish, json_option
from tester.cli.target import lab_argument
from tester.labs import LABS

if TYPE_CHECKING:
    from tester.grading.plan import Plan


@click.command()
@lab_argument
@click.argument("folder", metavar="DIR")
@click.option("--rubric", metavar="FILE", help="Take points and commitment from this rubric.")
@click.option(
    "--instructor", is_flag=True, help="Write a rubric and a secret, instead of a starter."
)
@click.option(
    "--autograder",
    is_flag=True,
    help="Write a Gradescope zip and a GitHub Classroom workflow, for the --rubric.",
)
@json_option
def new(
    lab: str,
    folder: str,
    rubric: str | None,
    instructor: bool,
    autograder: bool,
    json_to: str | None,
) -> int:
    """Write what students start from: skeletons, a handout and the tests.

    DIR must be empty, or not be there.
    """
    from tester.grading.autograder import write_autograder, write_instructors
    from tester.grading.starter import NotEmpty, write_starter

    check_writable(json_to)
    if instructor and (autograder or rubric):
        raise click.UsageError("--instructor writes a rubric: leave --rubric and --autograder out")
    plan = _plan(lab, rubric)
    place = Path(folder)
    try:
        if instructor:
            written = write_instructors(LABS[lab], place)
        elif autograder:
            if plan is None or rubric is None:
                raise click.UsageError("--autograder is for a rubric: add --rubric FILE")
            written = write_autograder(plan, Path(rubric), place)
        else:
            written = write_starter(LABS[lab], place, plan)
    except NotEmpty as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from None
    for name in written:
        click.echo(place / name, err=json_to == "-")
    return finish("pass", json_to, {"lab": lab, "folder": folder, "files": written})


def _plan(lab: str, rubric: str | None) -> Plan | None:
    if rubric is None:
        return None
    from tester.cli.rubrics import plan_of

    plan = plan_of(rubric)
    if plan.lab.name != lab:
        raise click.ClickException(f"{rubric}: expected a rubric of {lab}, got {plan.lab.name}")
    return plan
