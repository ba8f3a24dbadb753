"""`labtester labs`: the labs, their parts and their tests, each with a summary."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click

from tester.cli.options import check_writable, finish, json_option
from tester.cli.target import known_lab
from tester.labs import LABS
from tester.labs.lab import COURSE, OURS
from tester.report.width import WIDTH


def _known_labs(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(known_lab(ctx, param, name) for name in value) or tuple(LABS)


@click.command("labs")
@click.argument("labs", nargs=-1, metavar="[LAB]...", callback=_known_labs)
@json_option
def labs(labs: tuple[str, ...], json_to: str | None) -> int:
    """List the labs, their parts and their tests, with a summary of each test.

    Other commands take these names with --tests: a test, a part such as `3c`, `course` for the
    tests of the course, or `ours` for the others.
    """
    check_writable(json_to)
    found = [_described(name) for name in labs]
    click.echo("\n\n".join(map(_text, found)), err=json_to == "-")
    return finish("pass", json_to, {"labs": found})


def _described(name: str) -> dict[str, Any]:
    """A lab as data."""
    from tester.labs.suite import tests_of

    lab = LABS[name]
    tests = []
    for test, scenario in tests_of(lab.suite).items():
        origin, *part = lab.parts(test)
        tests.append(
            {
                "name": test,
                "part": part[0] if part else None,
                "course": origin == COURSE,
                "seeds": scenario.seeds_of(None),
                "weight": scenario.weight,
                "about": _first_sentence(scenario.function),
            }
        )
    return {
        "lab": name,
        "takes": [
            {"file": expected.module.replace(".", "/") + ".py", "class": expected.name}
            for expected in lab.classes
        ],
        "tests": tests,
    }


def _first_sentence(function: object) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _text(lab: dict[str, Any]) -> str:
    takes = ", ".join(f"{one['file']} -> {one['class']}" for one in lab["takes"])
    lines = [*_wrapped(f"{lab['lab']}: {takes}", "", "    ")]
    for title, tests in _parts(lab["tests"]):
        lines += ["", f"  {title}"]
        for test in tests:
            lines.append(f"    {test['name']}")
            lines += _wrapped(test["about"], " " * 8, " " * 8)
    return "\n".join(lines)


def _parts(tests: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The tests by what `--tests` calls them: those of the course, by part, and ours."""
    for part in sorted({test["part"] or "" for test in tests}):
        of_part = [test for test in tests if test["course"] and (test["part"] or "") == part]
        if of_part:
            yield part or COURSE, of_part
    if ours := [test for test in tests if not test["course"]]:
        yield OURS, ours


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )
