"""`labtester verify`: is a run really a function of its seed, in every process that can be had?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli.options import (
    check_writable,
    console,
    finish,
    integer,
    json_option,
    lab_argument,
    pool_of,
    schedule_option,
    select,
    stuck_option,
    submission_option,
    tests_option,
)
from tester.workers.launch import Python

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tester.workers.pool import Pool
    from tester.workers.wire import Traced

_AGAIN: Final = "again in the same process"
_CAUSES: Final = {
    _AGAIN: "module-level state or a cache that a run leaves behind",
    "in a fresh process": "state made at import, the environment, or the order of addresses",
    "with another hash seed": "iteration over a set, or hash() used as a number",
    "on another Python": "counting turns of the event loop, or a library that has changed",
}


@dataclass(frozen=True)
class _Way:
    """A way to run the seeds: which interpreter, and with which environment."""

    name: str
    environment: tuple[tuple[str, str], ...] = (("PYTHONHASHSEED", "0"),)
    python: Python | None = None

    @property
    def cause(self) -> str:
        return _CAUSES.get(self.name, _CAUSES["on another Python"])


@dataclass(frozen=True)
class _What:
    """What is verified."""

    lab: str
    submission: str | None
    schedule: str | None
    stuck_after: int

    def pool(
        self, way: _Way, seeds: int | None = None, *, name_taken: bool = False
    ) -> AbstractContextManager[Pool]:
        """One worker that runs it in this way."""
        return pool_of(
            self.lab,
            self.submission,
            seeds,
            1,
            self.stuck_after,
            schedule=self.schedule,
            environment=way.environment,
            python=way.python,
            name_taken=name_taken,
        )


@click.command("verify")
@lab_argument
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
    help="Another interpreter with labtester's dependencies; those in .venv-* are used as well.",
)
@schedule_option
@submission_option
@json_option
@stuck_option
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
    """Check that a run depends on its seed alone.

    Runs each seed twice in one process, then in a fresh process, with another hash seed, and on
    the other interpreters. Where two runs differ, shows the first event in which they do.
    """
    from tester.report.table import plainly
    from tester.workers.plan import Digests

    check_writable(json_to)
    out = console(json_to)
    what = _What(lab, submission, schedule, stuck_after)
    first = _Way("in the first process")
    ways = [
        _Way("in a fresh process"),
        _Way("with another hash seed", (("PYTHONHASHSEED", "777"),)),
        *_others(pythons, lambda text: plainly(out, text)),
    ]
    found: dict[str, dict[tuple[str, int], str]] = {}
    with what.pool(first, seeds, name_taken=True) as pool:
        chosen = select(pool.tests(), tests)
        runs = [(test.name, seed) for test in chosen for seed in range(test.seeds)]
        schedules = {test.name: test.schedule for test in chosen}
        for name in (first.name, _AGAIN):
            desk = Digests(runs)
            pool.work(desk)
            if desk.misuse:
                raise click.ClickException(desk.misuse)
            found[name] = desk.found
    for way in ways:
        with what.pool(way, seeds) as pool:
            pool.tests()
            desk = Digests(runs)
            pool.work(desk)
            found[way.name] = desk.found
    differing = _differing(found)
    record: dict[str, Any] = {"lab": lab, "seeds": len(runs), "ways": list(found)}
    if differing is None:
        many = f"{len(runs)} seeds with the same digests {len(found)} ways"
        plainly(out, f"{lab}: pass, {many}: {', '.join(found)}")
        return finish("pass", json_to, record | {"verdict": "pass"})
    name, (test, seed) = differing
    way = next((way for way in ways if way.name == name), _Way(name))
    text = _divergence(what, first, way, test, seed)
    story = f"{test}, seed {seed}: another run {name}\n\n{text}"
    plainly(out, story)
    seeded = {"test": test, "seed": seed, "schedule": schedules[test]}
    failed = {"verdict": "fail", "differs": name, **seeded, "story": story}
    return finish("fail", json_to, record | failed)


def _differing(
    found: dict[str, dict[tuple[str, int], str]],
) -> tuple[str, tuple[str, int]] | None:
    """The first way, in the order of its likeliest causes, that some run went another way."""
    (_, expected), *others = found.items()
    for name, digests in others:
        for run, digest in expected.items():
            if digests[run] != digest:
                return name, run
    return None


def _divergence(what: _What, first: _Way, way: _Way, test: str, seed: int) -> str:
    """The first event in which two runs differ, what came before, and who may be to blame."""
    left, right = _traces(what, first, way, test, seed)
    lines = []
    if left is None or right is None:
        lines.append("One of the two runs hung or ended its process.")
    else:
        at = next(
            (
                i
                for i, pair in enumerate(zip(left.events, right.events, strict=False))
                if pair[0] != pair[1]
            ),
            min(len(left.events), len(right.events)),
        )
        lines += [f"The first event that differs is number {at}. Before it, both had:", ""]
        lines += [f"    {event}" for event in left.events[max(0, at - 5) : at]]
        lines += ["", "Then one had, and the other:", ""]
        for trace in (left, right):
            lines.append(f"    {trace.events[at] if at < len(trace.events) else '(its end)'}")
    lines += ["", f"The usual cause: {way.cause}."]
    suspects = [] if left is None else left.suspects
    if suspects:
        lines += ["", "Lines to look at:", "", *(f"    {suspect}" for suspect in suspects)]
    return "\n".join(lines)


def _traces(what: _What, first: _Way, way: _Way, test: str, seed: int) -> Sequence[Traced | None]:
    from tester.workers.plan import Traces

    if way.name == _AGAIN:
        with what.pool(first) as pool:
            pool.tests()
            desk = Traces(test, seed, 2)
            pool.work(desk)
        return desk.found
    found = []
    for one in (first, way):
        with what.pool(one) as pool:
            pool.tests()
            desk = Traces(test, seed, 1)
            pool.work(desk)
        found += desk.found
    return found


def _others(pythons: Sequence[str], say: Callable[[str], None]) -> Iterator[_Way]:
    """The other interpreters: those that were named, and the virtual environments beside us."""
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
