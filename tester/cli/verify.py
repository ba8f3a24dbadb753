"""`labtester verify`: whether a run is a function of its seed, in every process available."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli.options import (
    check_writable,
    console,
    finish,
    integer,
    json_option,
    limit_options,
    schedule_option,
    select,
    submission_option,
    tests_option,
)
from tester.cli.target import Target, elsewhere, pool_of, target_of
from tester.workers.launch import Python
from tester.workers.plan import Part
from tester.workers.surroundings import FACTORS, HERE, Where

if TYPE_CHECKING:
    from tester.workers.inquiry import Run
    from tester.workers.plan import DigestPlan
    from tester.workers.wire import Traced

_AGAIN: Final = "again in the same process"
_VERSIONS: Final = (
    "The version of Python differs: the code depends on how many turns of the event loop "
    "something takes, or on a library that has changed."
)


@dataclass(frozen=True)
class _Way:
    """A way to run the seeds: which interpreter, and what is different around it."""

    name: str
    where: Where = HERE
    python: Python | None = None


class _Progress:
    """How many seeds have been run, over all ways."""

    unit: Final = "runs"

    def __init__(self, seeds: int, ways: Sequence[str]) -> None:
        self._seeds = seeds
        self._ways = ways
        self._over = 0
        self.total = seeds * len(ways)
        self.runs = 0
        self.failures = 0

    def at(self, found: Mapping[Run, str]) -> _Progress:
        """Take note of what has been run in the present way."""
        self.runs = self._over * self._seeds + len(found)
        return self

    def after(self, found: Mapping[str, Mapping[Run, str]]) -> _Progress:
        """These ways are over."""
        self._over = len(found)
        first, *others = found.values()
        self.failures = sum(
            digest != first[run] for other in others for run, digest in other.items()
        )
        return self.at({})

    @property
    def parts(self) -> list[Part]:
        runs = "1 run" if self._seeds == 1 else f"{self._seeds} runs"
        return [Part(at < self._over, f"{runs} {way}") for at, way in enumerate(self._ways)]


@click.command("verify")
@click.argument("lab", metavar="LAB | NODE | RECORD")
@tests_option
@click.option(
    "--seeds",
    type=integer(1, 2**32),
    metavar="N",
    default=5,
    show_default=True,
    help="Verify seeds 0 to N-1 of each test; fewer of heavy ones.",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="PATH",
    help="Also use this interpreter, which has labtester's dependencies, besides any in .venv-*.",
)
@schedule_option
@submission_option
@json_option
@limit_options
def verify(
    lab: str,
    tests: str | None,
    seeds: int,
    pythons: tuple[str, ...],
    schedule: str | None,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Check that a run of a test depends on its seed alone.

    LAB is one that `labtester labs` lists; NODE is a file, a folder or a test of a pytest
    project, as pytest takes it; RECORD stands for its test.

    Runs each seed twice in one process, then in a process with other surroundings, with another
    hash seed, and on the other interpreters. Where two runs differ, shows the first event that
    differs and what causes the difference.
    """
    what = target_of(lab, submission, stuck_after, schedule)
    lab, tests = what.name, tests or what.only or None

    from tester.report.failures import plainly
    from tester.report.progress import bar
    from tester.workers.plan import DigestPlan

    check_writable(json_to)
    out = console(json_to)
    first = _Way("in the first process")
    ways = [
        _Way("in other surroundings", Where(tuple(FACTORS))),
        _Way("with another hash seed", Where(other_hashes=True)),
        *_others(pythons, lambda text: plainly(out, text)),
    ]
    found: dict[str, dict[Run, str]] = {}
    with bar(lab) as show:
        with pool_of(what, seeds, 1) as pool:
            what = what.found(pool)
            chosen = select(pool.tests(), tests)
            runs = [(test.name, seed) for test in chosen for seed in range(test.seeds)]
            schedules = {test.name: test.schedule for test in chosen}
            progress = _Progress(len(runs), [first.name, _AGAIN, *(way.name for way in ways)])
            for name in (first.name, _AGAIN):
                plan = DigestPlan(runs)
                pool.work(plan, partial(_show, show, progress, plan))
                if plan.misuse:
                    raise click.ClickException(plan.misuse)
                found[name] = plan.found
                show(progress.after(found))
        for way in ways:
            found[way.name] = _elsewhere(what, way, seeds, runs)
            show(progress.after(found))
    differing = _differing(found)
    record: dict[str, Any] = {"lab": lab, "seeds": len(runs), "ways": list(found)}
    if differing is None:
        seeds_run = "1 seed" if len(runs) == 1 else f"{len(runs)} seeds"
        many = f"{seeds_run} with the same digests {len(found)} ways"
        plainly(out, f"{lab}: pass, {many}: {', '.join(found)}")
        return finish("pass", json_to, record | {"verdict": "pass"})
    name, (test, seed) = differing
    way = next((way for way in ways if way.name == name), _Way(name))
    usual = found[_AGAIN if name == _AGAIN else first.name][test, seed]
    text = _divergence(what, way, (test, seed), usual, found[name][test, seed])
    story = f"{test}, seed {seed}: another run {name}\n\n{text}"
    plainly(out, story)
    seeded = {"test": test, "seed": seed, "schedule": schedules[test]}
    failed = {"verdict": "fail", "differs": name, **seeded, "story": story}
    return finish("fail", json_to, record | failed)


def _show(show: Callable[[_Progress], None], progress: _Progress, plan: DigestPlan) -> None:
    show(progress.at(plan.found))


def _elsewhere(what: Target, way: _Way, seeds: int, runs: Sequence[Run]) -> dict[Run, str]:
    """What the runs come to in another way."""
    from tester.workers.inquiry import digests
    from tester.workers.plan import DigestPlan

    if way.python is None:
        return digests(elsewhere(what), way.where, runs)
    with pool_of(what, seeds, 1, python=way.python, name_taken=False) as pool:
        pool.tests()
        plan = DigestPlan(runs)
        pool.work(plan)
        return plan.found


def _differing(
    found: dict[str, dict[tuple[str, int], str]],
) -> tuple[str, tuple[str, int]] | None:
    """The first way in which some run differs, and the run; ways are in order of likelihood."""
    (_, expected), *others = found.items()
    for name, digests in others:
        for run, digest in expected.items():
            if digests[run] != digest:
                return name, run
    return None


def _divergence(what: Target, way: _Way, run: Run, usual: str, other: str) -> str:
    """The first event in which two runs differ, what came before, and the suspects."""
    from tester.report.divergence import divergence
    from tester.workers.inquiry import HISTORY, inquire, traced

    if other.startswith("cannot be loaded"):
        return f"There it {other}"
    if way.python is not None:
        left, right = _traces(what, None, run, 1), _traces(what, way.python, run, 1)
        return divergence(left[0], right[0], "version", _VERSIONS)
    start = elsewhere(what)
    cause = inquire(start, run, usual)
    if cause.kind == HISTORY:
        first, *_, last = _traces(what, None, run, 3)
    else:
        first, last = traced(start, cause.left, run), traced(start, cause.right, run)
    return divergence(first, last, cause.kind, cause.sentence)


def _traces(what: Target, python: Python | None, run: Run, times: int) -> Sequence[Traced | None]:
    from tester.workers.plan import TracePlan

    with pool_of(what, None, 1, python=python, name_taken=False) as pool:
        pool.tests()
        plan = TracePlan(*run, times)
        pool.work(plan)
    return plan.found


def _others(pythons: Sequence[str], say: Callable[[str], None]) -> Iterator[_Way]:
    """The other interpreters: those named, and those of virtual environments in this folder."""
    here = [str(path) for path in sorted(Path().glob(".venv-*/bin/python"))]
    for python in [*pythons, *here]:
        try:
            done = subprocess.run(
                [python, "-c", "import json, sys, msgspec, click; print(json.dumps(sys.path))"],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise click.ClickException(f"{python} does not start: {error.strerror}") from None
        if done.returncode:
            say(f"skipped {python}: labtester's dependencies are not installed there")
            continue
        try:
            path = json.loads(done.stdout)
        except ValueError:
            raise click.ClickException(f"{python} is not a Python interpreter") from None
        yield _Way(f"on {python}", python=Python(python, path))
