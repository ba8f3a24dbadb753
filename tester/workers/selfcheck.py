"""The self-check: two seeds of each light test, run again in a process with other surroundings.

There are two seeds because a run may depend on a single bit, which is the same there in half of
the cases. That process has another hash seed as well, and runs the tests in the opposite order. In
one seed of every other test of a lab, each node has a process of its own. A run that is the same
there depends on none of this, so usually one process is enough. One that differs is run again
under the same hash seed, and under the other one alone. If the hash seed explains all of it, it is
no failure, because whoever fixes that seed never sees a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from tester.report import divergence
from tester.workers.inquiry import HASHES, HISTORY, Run, Start, digests, inquire, traced
from tester.workers.plan import DigestPlan, TracePlan
from tester.workers.pool import CannotStart, Pool
from tester.workers.results import OPENING, LabResult
from tester.workers.surroundings import FACTORS, HERE, PROCESSES, Where
from tester.workers.wire import Listed

_ALL: Final = tuple(FACTORS)
_AROUND: Final = tuple(name for name in FACTORS if name != PROCESSES)


class SelfCheck:
    """Use it in a `with` block: call `turn` while the usual runs last, and then `compare`."""

    def __init__(self, start: Start | None, tests: Sequence[Listed]) -> None:
        self._start = start
        light = () if start is None else [test for test in reversed(tests) if test.weight == 1]
        self._runs: list[Run] = [(test.name, seed) for seed in range(OPENING) for test in light]
        # It takes a process for each node, so one seed of every other test has to be enough. They
        # come first: what other runs leave in the process, the processes of nodes would inherit.
        alone = [(t.name, min(OPENING, t.seeds) - 1) for t in light[::2] if not t.module]
        self._source = DigestPlan([*dict.fromkeys([*alone, *self._runs])], alone)
        self._stack = ExitStack()
        self._pool: Pool | None = None
        self._refused = ""

    def __enter__(self) -> Self:
        if self._runs and self._start is not None:
            where = Where(_AROUND, other_hashes=True)
            self._pool = self._stack.enter_context(self._start(where))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, frames)

    def turn(self, wait_s: float = 0) -> None:
        """Do what can be done without waiting longer than this."""
        if self._pool is None or self._refused or self._source.finished():
            return
        try:
            self._pool.turn(self._source, wait_s)
        except CannotStart as reason:
            self._refused = f"cannot be loaded: {reason}"

    def compare(self, first: Pool, result: LabResult) -> None:
        """Compare the runs with the usual ones in `result`, and enter each difference there."""
        if self._start is None:
            return
        usual = {
            (test.name, seed): f"{ran.verdict} {ran.digest}"
            for test in result.tests
            for seed, ran in test.counted.opening.items()
            if not ran.leaked_state
        }
        self._source.narrow(usual)
        while not (self._refused or self._source.finished()):
            self.turn(0.1)
        there = {
            run: self._refused or self._source.found[run] for run in self._runs if run in usual
        }
        differing = {run: (usual[run], came) for run, came in there.items() if came != usual[run]}
        if not differing:
            return
        failing, hashes = _judged(self._start, differing)
        if hashes:
            result.warnings.append(_warning(self._start, hashes))
        if not failing:
            return
        shown = failing[0]
        for test in result.tests:
            seed = next((seed for name, seed in failing if name == test.name), None)
            if test.name == shown[0]:
                test.differs = _story(self._start, first, shown, usual[shown], there[shown])
            elif seed is not None:
                test.differs = f"{_head(seed)}, like that of {shown[0]}"


def _judged(start: Start, differing: Mapping[Run, tuple[str, str]]) -> tuple[list[Run], list[Run]]:
    """The runs that fail, and those that depend on the hash seed alone.

    The latter are run twice, because a run that depends on chance may look so once.
    """
    failing: set[Run] = set()
    hashes: set[Run] = set()
    left = list(differing)
    for salt in range(2):
        fixed = digests(start, Where(_ALL, salt=salt), left)
        hashed = digests(start, Where(other_hashes=True, salt=salt), left)
        for run in left:
            usual, came = differing[run]
            if fixed[run] != usual or hashed[run] not in (usual, came):
                failing.add(run)
            elif hashed[run] == came:
                hashes.add(run)
            elif _has_digest(came) or run in hashes:  # both together decide; or it is chance
                failing.add(run)
        left = [run for run in left if run in hashes and run not in failing]
        if not left:
            break
    # As the tests are listed, and of each its first seed first.
    in_order = list(differing)[::-1]
    in_order.sort(key=lambda run: run[1])
    return [run for run in in_order if run in failing], [run for run in in_order if run in left]


def _head(seed: int) -> str:
    return f"seed {seed}: not deterministic"


def _has_digest(came: str) -> bool:
    """Whether a run came to an end; one that hung or died only once was an accident."""
    return not came.startswith(("stuck", "cannot be loaded"))


def _story(start: Start, first: Pool, run: Run, usual: str, there: str) -> str:
    if there.startswith("cannot be loaded"):
        return f"{_head(run[1])}\n\nIn another process, around which all is different, it {there}"
    cause = inquire(start, run, usual)
    if cause.kind == HISTORY:
        source = TracePlan(*run, 1)
        first.work(source)
        left = source.found[0]
    else:
        left = traced(start, cause.left, run)
    right = traced(start, cause.right, run)
    text = divergence.divergence(left, right, cause.kind, cause.sentence)
    return f"{_head(run[1])}\n\nIn another process the same seed went another way.\n{text}"


def _warning(start: Start, runs: Sequence[Run]) -> str:
    names = ", ".join(dict.fromkeys(name for name, _ in runs))
    lines = divergence.lines_of(traced(start, HERE, runs[0]), HASHES)
    where = f" ({'; '.join(lines)})" if lines else ""
    return (
        f"{names}: another hash seed makes another run{where}. labtester run fixes "
        "PYTHONHASHSEED, and pytest does not: iterate over a list, a dict or a sorted set"
    )
