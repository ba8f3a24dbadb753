"""Rubrics on the command line: each of their mistakes is one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.grading.plan import Plan


def plan_of(file: str) -> Plan:
    """The rubric in a file."""
    from tester.grading.rubric_file import BadRubric, load

    try:
        return load(Path(file))
    except BadRubric as error:
        for mistake in error.mistakes[:-1]:
            click.echo(mistake, err=True)
        raise click.ClickException(error.mistakes[-1]) from None
