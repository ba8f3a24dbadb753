"""`labtester sweep`: run very many seeds, on all cores or a cluster, and keep the results."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli import interrupts
from tester.cli.options import (
    STUCK_AFTER_S,
    check_writable,
    console,
    finish,
    jobs_option,
    json_option,
    limit_options,
    schedule_option,
    strategy_option,
    submission_option,
)
from tester.cli.target import Target, target_of
from tester.cli.usage import EXIT, shortened, unknown
from tester.labs import LABS

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.sweep.plan import Sought, Until
    from tester.sweep.store import Store, Subject
    from tester.sweep.sweep import Listing, Progress, Sweep

_MOST_SEED: Final = 2**62
_FRESH_UNIT: Final = 1_000_000
_FRESH_UNITS: Final = 9 * 10**9
"""Fresh seeds begin at a multiple of a million below 2**53: every reader of JSON has those."""


class _Group(click.Group):
    """A group whose first argument may also be a target: then `run` is meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "run", self.commands["run"], args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "LAB[::TEST]|NODE_ID... | COMMAND")


def _seeds(ctx: click.Context, param: click.Parameter, value: str | None) -> range | None:
    """`A:B`, or `N` for `0:N`."""
    if value is None:
        return None
    first, colon, last = value.partition(":")
    ends = (first, last) if colon else ("0", first)
    if all(end.isascii() and end.isdecimal() and len(end) < 20 for end in ends):
        start, stop = map(int, ends)
        if start < stop <= _MOST_SEED:
            return range(start, stop)
    raise click.UsageError(
        f"expected seeds A:B with A < B, at most 2**62, or a number N for 0:N, "
        f"got {shortened(value)}"
    )


def _until(ctx: click.Context, param: click.Parameter, value: str | None) -> Until:
    from tester.sweep.plan import Until, parse_until

    if value is None:
        return Until()
    try:
        return parse_until(value)
    except ValueError as error:
        raise click.UsageError(f"--until: {error}") from None


@click.group("sweep", cls=_Group)
def sweep() -> None:
    """Run very many seeds, on all cores or a cluster, and keep what each comes to.

    `labtester sweep run --help` shows the options; `run` itself may be left out.
    """


class _Targets:
    """What a sweep is about, and to which of its targets a test belongs."""

    def __init__(self, named: Sequence[tuple[Target, str | None]]) -> None:
        self.named = named
        """Targets, and the one test of a lab that is meant, or all."""
        self._of: dict[tuple[str, str], Target] = {}

    def found(self, target: Target, root: str, tests: Sequence[str]) -> None:
        """A target has these tests, and its project begins there."""
        known = replace(target, root=root) if target.is_project else target
        self._of |= {(target.lab, test): known for test in tests}

    def of(self, subject: Subject) -> Target:
        """The target that a test belongs to."""
        return self._of[subject.target, subject.test]


@sweep.command()
@click.argument("targets", nargs=-1, required=True, metavar="LAB[::TEST]|NODE_ID...")
@click.option(
    "--seeds",
    callback=_seeds,
    metavar="A:B",
    help="Seeds A to B-1 of each test, or 0 to N-1 for N; of a test of weight W, A/W to B/W.",
)
@click.option("--store", "path", required=True, metavar="FILE", help="Keep all results here.")
@click.option(
    "--executor",
    default="processes",
    show_default=True,
    metavar="NAME",
    help="processes, dask://HOST:PORT, or MODULE:FACTORY of a concurrent.futures.Executor.",
)
@click.option(
    "--until",
    callback=_until,
    metavar="TIME|N-failures",
    help="End after 90s, 15m, 8h, or when 3-failures are found.",
)
@click.option("--fresh", is_flag=True, help="Run seeds nobody has run: they begin at random.")
@click.option("--html", "html_to", metavar="FILE", help="Write a page with stories and tables.")
@jobs_option
@strategy_option
@schedule_option
@submission_option
@json_option
@limit_options
def run(
    targets: tuple[str, ...],
    seeds: range | None,
    path: str,
    executor: str,
    until: Until,
    fresh: bool,
    html_to: str | None,
    jobs: int,
    strategy: str | None,
    schedule: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Run seeds of tests, skipping those that the store has, and report how they fail.

    May be killed at any moment, and goes on where it was when it is started again.
    """
    from tester.sweep.executors import BadExecutor
    from tester.sweep.store import BadStore, Store
    from tester.sweep.sweep import CannotSweep

    for file in (json_to, html_to):
        check_writable(file)
    if seeds is None and until == (0, 0):
        raise click.UsageError("expected --seeds or --until, got neither: a sweep has an end")
    wanted = seeds or range(_FRESH_UNIT * _FRESH_UNIT)
    if fresh:
        wanted = _fresh(wanted)
    how = submission, stuck_after, schedule, strategy
    known = _Targets([_named(name, how) for name in dict.fromkeys(targets)])
    try:
        with Store(Path(path), new=True, alone=True) as store:
            workers, to = (executor, jobs, stuck_after), (json_to, html_to)
            return _swept(store, known, wanted, until, workers, to)
    except (BadStore, BadExecutor, CannotSweep) as error:
        raise click.ClickException(str(error)) from None


def _fresh(wanted: range) -> range:
    base = _FRESH_UNIT * secrets.randbelow(_FRESH_UNITS)
    fresh = range(base + wanted.start, base + wanted.stop)
    click.echo(f"fresh seeds: --seeds {fresh.start}:{fresh.stop}", err=True)
    return fresh


def _swept(
    store: Store,
    known: _Targets,
    seeds: range,
    until: Until,
    workers: tuple[str, int, int],
    to: tuple[str | None, str | None],
) -> int:
    from tester.report.progress import FEW, Tenths, bar
    from tester.sweep.executors import factory
    from tester.sweep.failures import report_failures
    from tester.sweep.plan import SweepPlan
    from tester.sweep.sweep import Sweep, sought

    executor, jobs, stuck_after = workers
    wanted: list[Sought] = []
    interrupted = False
    tenths = Tenths("sweep")

    def show(now: Progress, shown: Callable[[Progress], None]) -> None:
        shown(now)
        if now.total >= FEW:
            seeds = f"{now.runs} seeds, {now.failures} failed"
            tenths(now.share, f"{seeds}, {100 * now.share:.0f} % of the way")

    try:
        with Sweep(factory(executor, jobs), jobs, stuck_after) as swept:
            wanted = sought(_listed(swept, known), seeds, store)
            with bar("sweep") as shown:
                plan = SweepPlan(wanted, swept.jobs)
                now = swept.work(plan, store, until, lambda now: show(now, shown))
            click.echo(_pace(now), err=True)
        report_failures(store, wanted, jobs, stuck_after, _command(known.of))
    except KeyboardInterrupt:
        interrupted = True
    verdict = _report(store, [one.subject for one in wanted], known.of, *to)
    return interrupts.status() if interrupted else verdict


def _listed(swept: Sweep, known: _Targets) -> list[Listing]:
    """The tests of the targets, where they are to be run."""
    from tester.sweep import sweep

    targets = [
        sweep.Target(target.lab, target.setup(digests=True), test) for target, test in known.named
    ]
    listings = swept.listings(targets)
    for (target, _), (_, tests) in zip(known.named, listings, strict=True):
        known.found(target, tests.root, [test.name for test in tests.tests])
        if target.submission is not None:
            click.echo(f"{target.name}: {target.submission}: {tests.taken}", err=True)
        for note in tests.notes:
            click.echo(f"warning: {note}", err=True)
    return listings


def _command(of: Callable[[Subject], Target]) -> Callable[[Subject, int], str]:
    """The command that runs a seed of a subject again."""
    return lambda subject, seed: of(subject).command(subject.test, seed)


def _pace(now: Progress) -> str:
    rate = f", {now.runs / now.elapsed_s:.0f} seeds/s" if now.runs else ""
    return f"{now.runs} seeds run{rate}"


def _report(
    store: Store,
    subjects: Sequence[Subject],
    of: Callable[[Subject], Target],
    json_to: str | None,
    html_to: str | None,
) -> int:
    """Print what the store says of these subjects; keep the records of failures."""
    from tester.report import sweeps
    from tester.report.failures import plainly
    from tester.sweep.failures import groups
    from tester.sweep.statistics import of_store

    found: dict[str, Any] = of_store(store, subjects)
    found["failures"] = []
    for subject in subjects:
        several = groups(store, subject, _command(of))
        _keep(several, of(subject))
        found["failures"] += several
    plainly(console(json_to), sweeps.text(found))
    failed = any(test["failed"] or _missed(test) for test in found["tests"])
    undecided = any(test["unknown"] for test in found["tests"])
    found["verdict"] = "fail" if failed else "unknown" if undecided else "pass"
    if html_to is not None:
        Path(html_to).write_text(sweeps.page(found), encoding="utf-8")
        click.echo(f"the page is {html_to}", err=True)
    return finish(found["verdict"], json_to, found)


def _missed(test: dict[str, Any]) -> bool:
    """Whether no seed came to something that some seed must come to."""
    return bool(test["seeds"]) and any(
        one["demanded"] and not one["seeds"] for one in test["reached"].values()
    )


def _keep(failures: Sequence[dict[str, Any]], target: Target) -> None:
    """Keep the smallest story of each kind of failure as a record."""
    for group in failures:
        for story in group["stories"]:
            if not story["record"]:
                continue
            kept = target.corpus().keep(story["record"], group["test"])
            story["path"] = None if kept.path is None else str(kept.path)
            if kept.path is None:
                click.echo(kept.sentence, err=True)


def _named(
    name: str, how: tuple[str | None, int, str | None, str | None]
) -> tuple[Target, str | None]:
    """`LAB`, `LAB::TEST`, or tests of a project as pytest names them."""
    where, colons, test = name.partition("::")
    if colons and not test:
        raise click.UsageError(f"expected a test after {where}::, got none")
    if where in LABS:
        return target_of(where, *how), test or None
    if colons and not where.endswith(".py"):
        raise click.UsageError(unknown("lab", where, LABS))
    target = target_of(name, *how)
    return target, target.only or None


# -- other commands on stores ---------------------------------------------------------------------


@sweep.command()
@click.argument("into")
@click.argument("stores", nargs=-1, required=True)
def merge(into: str, stores: tuple[str, ...]) -> int:
    """Put what the STORES have, shards of several machines, INTO one store.

    A seed that several have counts once; if it came to two things, that is an error.
    """
    from tester.sweep.store import BadStore, Store

    try:
        with Store(Path(into), new=True, alone=True) as store:
            for path in stores:
                with Store(Path(path)) as other:
                    click.echo(f"{path}: {store.take(other)} seeds taken")
    except BadStore as error:
        raise click.ClickException(str(error)) from None
    return EXIT["pass"]


@sweep.command()
@click.argument("path", metavar="STORE")
def export(path: str) -> int:
    """Print all of a store that does not differ from machine to machine, as lines of JSON.

    Sorted: equal stores print equal bytes, whatever order the seeds were run in.
    """
    from tester.sweep.store import BadStore, Store

    try:
        with Store(Path(path)) as store:
            for line in store.export():
                click.echo(line)
    except BadStore as error:
        raise click.ClickException(str(error)) from None
    return EXIT["pass"]


@sweep.command()
@click.argument("path", metavar="STORE")
@click.option("--html", "html_to", metavar="FILE", help="Write a page with stories and tables.")
@submission_option
@json_option
def stats(path: str, html_to: str | None, submission: str | None, json_to: str | None) -> int:
    """Show what the seeds in a STORE came to. Exit status as for the sweep.

    With --submission, the printed commands name that folder.
    """
    from tester.sweep.store import BadStore, Store

    for file in (json_to, html_to):
        check_writable(file)
    try:
        with Store(Path(path)) as store:
            return _report_stored(store, submission, json_to, html_to)
    except BadStore as error:
        raise click.ClickException(str(error)) from None


def _report_stored(
    store: Store, submission: str | None, json_to: str | None, html_to: str | None
) -> int:
    def of(subject: Subject) -> Target:
        lab = subject.target
        how = subject.schedule, subject.strategy
        root = "" if lab else str(Path.cwd())
        return Target(lab, submission if lab else None, STUCK_AFTER_S, *how, root=root)

    return _report(store, store.subjects(), of, json_to, html_to)
