"""A sweep: chunks go to an executor, and what comes back goes to the store, in any order.

What a seed came to does not depend on who ran it or when, and the store is sorted by seed. So a
sweep that was killed, that lost workers, or that ran on another cluster ends with the same export.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple, Self

from tester.engine import VERSION
from tester.engine.strategy import UNIFORM
from tester.sweep.executors import Unreachable
from tester.sweep.job import (
    CHANCES,
    COMMAND,
    ChunkDone,
    LostRun,
    Refusal,
    Stopped,
    SweepAnswer,
    SweepJob,
    Tests,
    answer_of,
    encode_job,
    run_job,
)
from tester.sweep.plan import Piece, Sought, SweepPlan, Until
from tester.sweep.store import Store, Subject
from tester.workers.launch import Setup
from tester.workers.plan import Part
from tester.workers.wire import Ran

_AHEAD: Final = 2
"""Chunks for each worker: the one it is at, and the next."""
_TICK_S: Final = 0.2
_PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Before an executor that broke is made anew; if none of these helps, the sweep ends."""
_KILLED: Final = "KilledWorker"
"""What dask raises for a job of which several workers died; the cluster goes on."""
_LOST: Final = frozenset({_KILLED, "FutureCancelledError", "CommClosedError"})
"""What it raises when workers or the scheduler are lost; it is not imported for their sake."""


Done = tuple[Subject, int, Sequence[Ran | LostRun]]
"""A chunk that has been run: its first seed, and what each came to."""


class CannotSweep(Exception):
    """The sweep cannot go on: one sentence that says why. What is in the store stays."""


@dataclass(frozen=True)
class Target:
    """What a command names: a lab and one of its tests or all, or tests of a project."""

    name: str
    """The lab's; "" for a project."""
    setup: Setup
    test: str | None = None


@dataclass
class Progress:
    """What the bar shows, and the end of the command tells."""

    unit: ClassVar[str] = "seeds"
    total: int
    until: Until
    runs: int = 0
    failures: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Real seconds so far."""
        return time.monotonic() - self.started

    @property
    def share(self) -> float:
        """How much of the way is done, from 0 to 1, by whatever will end it first."""
        seeds = self.runs / self.total if self.total else 0.0
        seconds = self.elapsed_s / self.until.seconds if self.until.seconds else 0.0
        failures = self.failures / self.until.failures if self.until.failures else 0.0
        return min(1.0, max(seeds, seconds, failures))

    @property
    def parts(self) -> Sequence[Part]:
        """None: its tests take turns, and end together."""
        return ()


class Listing(NamedTuple):
    """What a target consists of, where it would run."""

    target: Target
    tests: Tests


class Sweep:
    """Use it as a context: `listings`, then `work`."""

    def __init__(self, make: Callable[[], Executor], jobs: int, stuck_s: int) -> None:
        self._make = make
        self._stuck_s = stuck_s
        self._executor = make()
        self._jobs = jobs
        self._broken = 0

    @property
    def jobs(self) -> int:
        """How many chunks are run at once, as far as is known."""
        return getattr(self._executor, "jobs", self._jobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _submit(self, job: SweepJob) -> Future[bytes]:
        return self._executor.submit(run_job, encode_job(job))

    def listings(self, targets: Sequence[Target]) -> list[Listing]:
        """The tests of each target. Raises CannotSweep."""
        found = []
        for target in targets:
            job = SweepJob(target.setup, self._stuck_s)
            while True:
                try:
                    answer = answer_of(self._submit(job).result())
                    break
                except Exception as error:  # noqa: BLE001 - the executor decides which there are
                    self._renew(error)
            if isinstance(answer, Refusal):
                raise CannotSweep(answer.sentence)
            assert isinstance(answer, Tests)
            found.append(Listing(target, answer))
        self._broken = 0
        return found

    def work(
        self,
        plan: SweepPlan,
        store: Store,
        until: Until,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Progress:
        """Run the plan's chunks and keep what they come to. Raises CannotSweep."""
        missing = sum(len(seeds) for one in plan.sought for seeds in one.left)
        now = Progress(missing, until)
        pending: dict[Future[bytes], Piece] = {}
        try:
            while True:
                over = _is_over(now, until)
                if over:
                    _abandon(pending)
                else:
                    self._give(plan, pending)
                if not pending and (over or plan.is_empty):
                    break
                self._collect(plan, store, pending, now)
                progress(now)
        finally:
            store.session(now.runs, int(now.elapsed_s * 1_000_000))
        return now

    def _give(self, plan: SweepPlan, pending: dict[Future[bytes], Piece]) -> None:
        """Give out as many chunks as are to be run at once."""
        while (piece := self._next(plan, pending)) is not None:
            try:
                job = SweepJob(piece.sought.setup, self._stuck_s, piece.chunk)
                pending[self._submit(job)] = piece
            except Exception as error:  # noqa: BLE001 - which ones there are, the executor decides
                plan.returned.append(piece)
                self._renew(error)
                return

    def _next(self, plan: SweepPlan, pending: dict[Future[bytes], Piece]) -> Piece | None:
        """The chunk to be run now. One whose worker died is run while no other one is."""
        if plan.suspected:
            return None if pending else plan.suspected.pop(0)
        if any(piece.failed for piece in pending.values()):
            return None
        return plan.next() if len(pending) < _AHEAD * self.jobs else None

    # -- what comes back --------------------------------------------------------------------------

    def _collect(
        self,
        plan: SweepPlan,
        store: Store,
        pending: dict[Future[bytes], Piece],
        now: Progress,
    ) -> None:
        """Take in what is done, in one transaction."""
        done, _ = wait(list(pending), timeout=_TICK_S, return_when=FIRST_COMPLETED)
        chunks: list[Done] = []
        suspects: list[tuple[Piece, BaseException]] = []
        broken: Exception | None = None
        breaker: Piece | None = None
        for future in done:
            piece = pending.pop(future)
            try:
                answer = answer_of(future.result())
            except (Exception, CancelledError) as error:
                if not _is_loss(error):
                    raise
                if type(error).__name__ != _KILLED:
                    broken = error
                if isinstance(error, BrokenExecutor) or type(error).__name__ == _KILLED:
                    breaker = piece
                    suspects.append((piece, error))
                else:
                    plan.returned.append(piece)
                continue
            if isinstance(answer, Stopped):
                plan.returned.append(piece)
            else:
                chunks.append(_checked(piece, answer))
        if chunks:
            self._keep(store, chunks, now)
            self._broken = 0
        if broken is not None:
            plan.returned += pending.values()
            pending.clear()
            if breaker is None:
                self._renew(broken)
            else:
                self._renew_after(breaker)
        lost = [one for piece, error in suspects for one in _suspect(plan, piece, error)]
        if lost:
            self._keep(store, lost, now)

    def _keep(self, store: Store, chunks: Sequence[Done], now: Progress) -> None:
        store.commit(chunks)
        for _, _, runs in chunks:
            now.runs += len(runs)
            now.failures += sum(map(_failed, runs))

    def _renew(self, error: Exception) -> None:
        """Make the executor anew, after a while, if it is broken. Raises what is no such thing."""
        if not _is_loss(error):
            raise error
        if self._broken == len(_PAUSES_S):
            raise CannotSweep(
                f"the executor broke {self._broken} times with nothing done in between, at last "
                f"with {type(error).__name__}: {error}"
            )
        time.sleep(_PAUSES_S[self._broken])
        self._broken += 1
        self._executor.shutdown(wait=True, cancel_futures=True)
        try:
            self._executor = self._make()
        except Unreachable as still:
            self._renew(still)

    def _renew_after(self, piece: Piece) -> None:
        """Make the executor anew that a chunk has broken, and see that it does what is no chunk.

        If it does not, it is the executor that is broken, and no seed.
        """
        self._executor.shutdown(wait=True, cancel_futures=True)
        try:
            self._executor = self._make()
        except Unreachable as still:
            self._renew(still)
        while True:
            try:
                _ = self._submit(SweepJob(piece.sought.setup, self._stuck_s)).result()
            except Exception as error:  # noqa: BLE001 - the executor decides which there are
                self._renew(error)
            else:
                self._broken = 0
                return


def _abandon(pending: dict[Future[bytes], Piece]) -> None:
    """Wait no longer for chunks that nobody has begun."""
    for future in list(pending):
        if future.cancel():
            del pending[future]


def _is_over(now: Progress, until: Until) -> bool:
    if until.seconds and now.elapsed_s >= until.seconds:
        return True
    return bool(until.failures) and now.failures >= until.failures


def _failed(ran: Ran | LostRun) -> bool:
    return isinstance(ran, LostRun) or ran.verdict == "fail"


def _is_loss(error: BaseException) -> bool:
    """Whether a worker or the way to it was lost, rather than that the job went wrong."""
    named = type(error).__name__ in _LOST
    lost = BrokenExecutor | CancelledError | OSError | TimeoutError | Unreachable
    return named or isinstance(error, lost)


def _suspect(plan: SweepPlan, piece: Piece, error: BaseException) -> list[Done]:
    """A chunk's worker died: it is tried alone, then in halves; and a seed alone has failed."""
    failed = piece.failed + 1
    if failed < CHANCES:
        plan.suspected.append(piece._replace(failed=failed))
    elif piece.chunk.count > 1:
        plan.suspected[:0] = [half._replace(failed=1) for half in piece.halves()]
    else:
        seed = piece.chunk.first
        said = f"Its worker died {failed} times, at last with {type(error).__name__}."
        story = f"seed {seed}: worker died\n\n{said}\n\nTo run it again:\n    {COMMAND}"
        return [(piece.sought.subject, seed, [LostRun(("worker died",), story)])]
    return []


def _checked(piece: Piece, answer: SweepAnswer) -> Done:
    if isinstance(answer, Refusal):
        raise CannotSweep(answer.sentence)
    assert isinstance(answer, ChunkDone)
    subject = piece.sought.subject
    if (answer.code, answer.version) != (subject.code, subject.labtester):
        raise CannotSweep(
            f"a worker has other code of {subject.name}: expected {subject.code} under labtester "
            f"{subject.labtester}, got {answer.code} under {answer.version}; every machine of a "
            "cluster needs the same files, and a file that is changed meanwhile ends a sweep"
        )
    walls = [ran.wall_us for ran in answer.runs if isinstance(ran, Ran)]
    if walls:
        piece.sought.measured(max(1, sum(walls) // len(walls)))
    return subject, piece.chunk.first, answer.runs


def sought(listings: Sequence[Listing], seeds: range, store: Store) -> list[Sought]:
    """What is to be run of these targets: seeds that the store has are not run again.

    A test of weight W gets seeds A/W to B/W: one W-th of them, and of shards those of the whole.
    Raises CannotSweep for an unknown test.
    """
    found = []
    for target, tests in listings:
        chosen = [one for one in tests.tests if target.test in (None, one.name)]
        if not chosen:
            known = ", ".join(one.name for one in tests.tests)
            raise CannotSweep(f"{target.name} has no test {target.test}; its tests are {known}")
        for one in chosen:
            subject = Subject(
                target=target.name,
                test=one.name,
                schedule=one.schedule,
                strategy=one.strategy or UNIFORM,
                code=one.code,
                labtester=VERSION,
                sometimes=one.sometimes,
            )
            first = seeds.start // one.weight
            wanted = range(first, max(first + 1, seeds.stop // one.weight))
            left = store.missing(subject, wanted)
            found.append(Sought(target.setup, subject, wanted, left, one.weight))
    return found
