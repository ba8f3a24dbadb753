"""`labtester mutants`: which bugs of a catalogue a suite finds, and whether right code passes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tester.cli.options import (
    check_writable,
    finish,
    integer,
    jobs_option,
    json_option,
    limit_options,
    memory_limit,
    resolved,
    schedule_option,
    select,
    tests_option,
)
from tester.cli.target import known_lab
from tester.labs import LABS
from tester.labs.lab import Lab

if TYPE_CHECKING:
    from tester.grading.plan import Plan
    from tester.grading.survivors import Hunts
    from tester.labs.patch import Patch, Rewrite
    from tester.workers.kills import Kill
    from tester.workers.pool import Pool

SEEDS: Final = 100


class Solution(NamedTuple):
    """A folder with a solution, wrong or right; None: the reference."""

    name: str
    about: str
    folder: Path | None
    killed_by: tuple[str, ...] = ()
    """The tests that are known to notice it."""
    given: bool = False
    """Whether its folder is the user's: then what is taken from it is named."""


def _known_lab(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else known_lab(ctx, param, value)


@click.command()
@click.argument("lab", required=False, callback=_known_lab)
@click.option(
    "--rubric",
    metavar="FILE",
    help="Run the tests of this rubric on its seeds: what survives would get full marks.",
)
@click.option(
    "--seeds",
    type=integer(1, 2**32),
    metavar="N",
    default=SEEDS,
    show_default=True,
    help="Run seeds 0 to N-1 until one fails; a test of weight W gets N/W of them.",
)
@jobs_option
@tests_option
@click.option(
    "--bugs",
    metavar="DIR",
    help="Use each folder in DIR as a bug, instead of those of the catalogue.",
)
@click.option("--variants", metavar="DIR", help="Use each folder in DIR as a correct solution.")
@click.option("--suite", metavar="FILE", help="Run the simulated tests in this file instead.")
@click.option(
    "--first",
    is_flag=True,
    help="Stop at the first test that finds a bug; tests known to find it go first.",
)
@click.option(
    "--only",
    type=click.Choice(["bugs", "correct"]),
    help="Run only the bugs, or only the correct solutions.",
)
@schedule_option
@json_option
@limit_options
def mutants(
    lab: str | None,
    rubric: str | None,
    seeds: int,
    jobs: int,
    tests: str | None,
    bugs: str | None,
    variants: str | None,
    suite: str | None,
    first: bool,
    only: str | None,
    schedule: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Plant bugs, and show which tests of a lab find which of them, on which seed.

    Correct solutions must pass: the reference and its variants. Exit status: 0 if every bug
    was found and no correct solution failed, 1 if not, 2 for bad input.
    """
    from tester.report import kills
    from tester.workers.kills import Mutant

    check_writable(json_to)
    plan = _plan(lab, rubric)
    lab = _lab(lab, plan)
    chosen = _with_suite(LABS[lab], suite)
    to_standard_error = json_to == "-"

    def hunted(solutions: Sequence[Solution], *, first: bool) -> Iterator[Mutant]:
        for one in solutions:
            found = _hunt(
                *(lab, chosen, one, seeds, jobs, tests, stuck_after, schedule),
                first=first,
                plan=plan,
            )
            yield Mutant(one.name, one.about, found)

    with tempfile.TemporaryDirectory(prefix="labtester-") as scratch:
        wrong, right = _solutions(lab, Path(scratch), bugs, variants)
        found, failed = [], []
        if only != "correct":
            of_what = "the first test that failed" if first else "each test"
            click.echo(f"bug, and the first failing seed of {of_what}\n", err=to_standard_error)
            for bug in hunted(wrong, first=first):
                found.append(bug)
                click.echo(kills.bug_line(bug), err=to_standard_error)
            click.echo(err=to_standard_error)
        if only != "bugs":
            click.echo("correct solution\n", err=to_standard_error)
            for variant in hunted(right, first=False):
                failed.append(variant)
                click.echo(kills.variant_line(variant), err=to_standard_error)
            click.echo(err=to_standard_error)
    click.echo(kills.summary(lab, found, failed), err=to_standard_error)
    return finish(kills.verdict(found, failed), json_to, kills.record(lab, found, failed))


def _lab(lab: str | None, plan: Plan | None) -> str:
    if plan is not None:
        return plan.lab.name
    if lab is None:
        raise click.UsageError(f"expected a lab, got none; the labs are {', '.join(LABS)}")
    return lab


def _plan(lab: str | None, rubric: str | None) -> Plan | None:
    """The rubric, which says by itself what is to be run."""
    if rubric is None:
        return None
    from tester.cli.rubrics import plan_of

    context = click.get_current_context()
    for name in ("suite", "tests", "schedule", "seeds", "first"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--rubric names tests and seeds: leave --{name} out")
    plan = plan_of(rubric)
    if lab not in (None, plan.lab.name):
        raise click.ClickException(f"{rubric}: expected a rubric of {lab}, got {plan.lab.name}")
    return plan


def _with_suite(lab: Lab, suite: str | None) -> Lab:
    if suite is None:
        return lab
    if not Path(suite).is_file() or not suite.endswith(".py"):
        raise click.ClickException(f"expected a Python file with tests for --suite, got {suite}")
    return replace(lab, suite=resolved(suite))


def _solutions(
    lab: str, scratch: Path, bugs: str | None, variants: str | None
) -> tuple[list[Solution], list[Solution]]:
    """The wrong solutions and the right ones, each written to a folder."""
    catalogue = LABS[lab].catalogue()
    right = [Solution("reference", "", None)]
    if bugs is not None:
        wrong = _folders(bugs)
    elif catalogue.bugs:
        wrong = _written(catalogue.bugs, scratch / "bugs")
    else:
        raise click.ClickException(f"there is no catalogue of bugs for {lab}; give --bugs DIR")
    if variants is not None:
        right += _folders(variants)
    elif bugs is None:
        right += _written(catalogue.variants, scratch / "variants")
    return wrong, right


def _written(patches: Sequence[Patch | Rewrite], folder: Path) -> list[Solution]:
    return [Solution(p.name, p.about, p.write(folder / p.name), p.killed_by) for p in patches]


def _folders(parent: str) -> list[Solution]:
    folder = Path(parent)
    if not folder.is_dir():
        raise click.ClickException(f"expected a folder of submissions, got {parent}")
    found = [
        Solution(child.name, "", Path(resolved(child)), given=True)
        for child in sorted(folder.iterdir())
        if child.is_dir() and child.name[0] not in "._"
    ]
    if not found:
        raise click.ClickException(f"expected a folder for each submission in {parent}, got none")
    return found


def _hunt(
    lab: str,
    chosen: Lab,
    solution: Solution,
    seeds: int,
    jobs: int,
    tests: str | None,
    stuck_after: int,
    schedule: str | None,
    *,
    first: bool,
    plan: Plan | None = None,
) -> tuple[Kill, ...]:
    from tester.report.progress import bar
    from tester.workers.kills import find_kills
    from tester.workers.launch import Setup, launch
    from tester.workers.pool import CannotStart, Pool
    from tester.workers.runner import Misuse

    def note(text: str) -> None:
        if solution.given:  # a patch of ours may well do what one warns of
            click.echo(f"warning: {solution.name}: {text}", err=True)

    folder = None if solution.folder is None else str(solution.folder)
    how = launch(Setup(chosen, folder, seeds, schedule, memory=memory_limit()))
    try:
        with Pool(how, jobs, stuck_s=stuck_after, note=note) as pool:
            if plan is not None:
                with bar(solution.name, lines=False) as progress:
                    return _by_rubric(pool, plan, solution.name, progress)
            listed = select(pool.tests(), tests)
            if solution.given:
                click.echo(f"{solution.name}: {pool.taken}", err=True)
            if first:
                listed = sorted(listed, key=lambda test: test.name not in solution.killed_by)
            with bar(solution.name, lines=False) as progress:
                return find_kills(pool, lab, listed, progress, first=first)
    except (CannotStart, Misuse) as reason:
        raise click.ClickException(f"{solution.name}: {reason}") from None


def _by_rubric(
    pool: Pool, plan: Plan, name: str, progress: Callable[[Hunts], None]
) -> tuple[Kill, ...]:
    from tester.grading.survivors import Hunts
    from tester.workers.runner import Misuse

    hunts = Hunts(plan, name)
    pool.work(hunts, lambda: progress(hunts))
    if hunts.misuse:
        raise Misuse(hunts.misuse)
    return hunts.kills()
