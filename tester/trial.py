"""A trial: all runs of one simulated test of a pytest project: recorded failures, then seeds."""

from __future__ import annotations

import contextlib
import logging
import os
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tester.guard import guard
from tester.report import aborted
from tester.report.inside import look
from tester.report.log import line
from tester.report.story import every_line, render_placement, render_story
from tester.report.width import WIDTH
from tester.search.again import record_of, run_again
from tester.search.corpus import Corpus
from tester.search.diagnosis import (
    Diagnosis,
    diagnose,
    diagnose_recorded,
    diagnose_several,
)
from tester.search.exhaust import exhaust, placed_again
from tester.search.explain import Explanation
from tester.search.record import Record
from tester.search.shortest import in_words
from tester.search.watched import watch
from tester.world.failure import NeverReached
from tester.world.reached import Reached
from tester.world.run import Outcome, Scenario, run


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Drop the log records of these runs, which are not the test's own."""

    def drop(record: logging.LogRecord) -> bool:
        return False

    handlers = logging.getLogger().handlers[:]
    for handler in handlers:
        handler.addFilter(drop)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(drop)


class Trial:
    """The runs of one pytest item; both methods raise the error of the first run that fails.

    `test` is its node id, `folder` is where records are kept, and the paths that are shown are
    relative to `start`. `command(scenario, seed)` is the command that runs a seed again, or all of
    the test if the seed is None. What `pytest_exception` finds in an outcome, such as a skip,
    is not a failure and is raised as it is. Stories have every line if `full`. Failures are
    recorded unless `keep` is false. A page of the failure is written to `pages`: a file named
    *.html, or a folder; of a single seed, a page is also written if it passes.
    What the run that failed logs from `level` on is kept; 0: nothing.
    """

    def __init__(
        self,
        scenario: Scenario,
        test: str,
        folder: Path,
        start: Path,
        command: Callable[[Scenario, int | None], str],
        pytest_exception: Callable[[Outcome], BaseException | None],
        *,
        full: bool = False,
        keep: bool = True,
        pages: str = "",
        level: int = 0,
    ) -> None:
        self.notes: list[str] = []
        """What was recorded or removed, one sentence each."""
        self.story = ""
        """The story of the run that failed, or of one seed that passed and is to be shown."""
        self.log = ""
        """What its nodes logged and printed, at its virtual time."""
        self._scenario = scenario
        self._test = test
        self._corpus = Corpus("", None, folder)
        self._start = start
        self._command = command
        self._pytest_exception = pytest_exception
        self._full = full
        self._keep = keep
        self._pages = pages
        self._level = level
        self._seeds = self._rpcs = self._ops = self._virtual_us = 0
        self._reached = Reached(scenario.sometimes)
        self._started = time.perf_counter()

    def figures(self) -> dict[str, int | float]:
        """The totals over all seeds, for the table."""
        return {
            "seeds": self._seeds,
            "rpcs": self._rpcs,
            "ops": self._ops,
            "virtual_us": self._virtual_us,
            "wall_s": round(time.perf_counter() - self._started, 6),
        }

    def run_recorded(self) -> None:
        """Run the recorded failures, and remove the records of those that pass."""
        for path, kept in self._corpus.records([self._test]):
            scenario = self._scenario.under(kept.schedule, kept.strategy)
            again = run_again(kept, scenario)
            outcome = again.outcome
            self._heed(outcome)
            if outcome.verdict == "pass":
                path.unlink(missing_ok=True)
                self.notes.append(f"fixed: {self._shown(path)} passes and was removed")
            elif outcome.verdict == "fail":
                first = aborted.still_fails(self._shown(path), run_anew=again.anew)
                if again.stale is not None:
                    first += aborted.stale(again.stale, run_anew=again.anew)
                if again.anew:
                    self._fail(scenario, kept.seed, outcome, first)
                self._fail_recorded(scenario, kept, outcome, first)

    def run_seeds(self, seeds: range) -> None:
        """Run the seeds, up to the first that fails; later ones may have a shorter story."""
        with guard.standing():
            for seed in seeds:
                outcome = run(self._scenario, self._scenario.choices(seed))
                self._seeds += 1
                self._reached.count(outcome.reached)
                self._rpcs += outcome.rpcs
                self._ops += outcome.ops
                self._virtual_us += outcome.virtual_us
                if outcome.error is not None:
                    self._fail(self._scenario, seed, outcome, later=range(seed + 1, seeds.stop))
            if self._pages and len(seeds) == 1:
                self._draw(self._scenario, seeds.start, outcome, None)
            if self._full and len(seeds) == 1:
                self.story = every_line(
                    run(self._scenario, self._scenario.choices(seeds[0]), keep_trace=True)
                )

    def run_placements(self, faults: int) -> None:
        """Run every placement of at most so many faults, up to one that fails."""
        with guard.standing():
            proof = exhaust(self._scenario, faults, progress=self._count_placement)
        if proof.failing is None:
            self.notes.append(f"{self._test}: {proof.sentence}")
            return
        assert proof.outcome is not None
        self._heed(proof.outcome)
        with unheard():
            outcome = placed_again(self._scenario, proof)
        assert outcome.error is not None
        command = self._command(self._scenario, None)
        self.story = f"{render_placement(outcome, command, full=self._full)}\n{proof.sentence}\n"
        raise outcome.error

    def _count_placement(self, placements: int, total: int | None) -> None:
        self._seeds = placements

    def demand(self) -> None:
        """Tell in how many runs it came to what the test names, and fail for what is missing."""
        self.notes += [f"{self._test}: {line}" for line in self._reached.lines()]
        try:
            self._reached.demand()
        except NeverReached as error:
            self.story = f"never reached\n\n{textwrap.fill(str(error), WIDTH)}\n"
            raise

    def _fail(
        self,
        scenario: Scenario,
        seed: int,
        outcome: Outcome,
        first: str = "",
        later: range = range(0),
    ) -> None:
        """Diagnose and record a seed that failed, and raise its error."""
        assert outcome.error is not None
        self._heed(outcome)
        with unheard():
            diagnosis = diagnose(scenario, seed, outcome)
            diagnosis, rivals = diagnose_several(scenario, diagnosis, later)
        seed = diagnosis.seed
        if rivals:
            first = f"{in_words(seed, rivals)}\n\n{first}"
        if diagnosis.explanation is not None and self._keep:
            shrunk = diagnosis.explanation.shrunk
            record = record_of(scenario, shrunk, lab="", test=self._test, submission="")
            path, sentence = self._corpus.save(record)
            self.notes.append(sentence if path is None else f"kept as {self._shown(path)}")
        self._show(scenario, seed, diagnosis, self._command(scenario, seed), first)

    def _fail_recorded(
        self, scenario: Scenario, kept: Record, outcome: Outcome, first: str
    ) -> None:
        """Diagnose a record that still fails, and raise its error.

        Where the code has changed, its seed may pass. Then the command is the one without a seed,
        which runs the record first.
        """
        with unheard():
            anew = run(scenario, scenario.choices(kept.seed))
            diagnosis = diagnose_recorded(scenario, kept.seed, outcome)
        seed = None if anew.error is None else kept.seed
        self._show(scenario, kept.seed, diagnosis, self._command(scenario, seed), first)

    def _heed(self, outcome: Outcome) -> None:
        """Raise an exception that ended the run but is not a failure, such as a skip."""
        if (error := self._pytest_exception(outcome)) is not None:
            raise error

    def _show(
        self, scenario: Scenario, seed: int, diagnosis: Diagnosis, command: str, first: str
    ) -> None:
        outcome = diagnosis.outcome
        assert outcome.error is not None
        with unheard():
            self.story = first + render_story(
                seed,
                outcome,
                command,
                diagnosis.explanation,
                full=self._full,
                look=partial(look, scenario, outcome),
            )
        if self._pages:
            self._draw(scenario, seed, outcome, diagnosis.explanation)
        if self._level:
            with unheard():
                said = watch(scenario, outcome, level=self._level, looks=False).spectator.said
            self.log = "".join(f"{line(one)}\n" for one in said)
        raise outcome.error

    def _draw(
        self, scenario: Scenario, seed: int, outcome: Outcome, explanation: Explanation | None
    ) -> None:
        """Write the page of a run, and say where it is or why there is none."""
        from tester.report.page.files import page_of_test

        with unheard():
            sentence = page_of_test(
                self._pages,
                seed,
                outcome,
                partial(watch, scenario),
                command=self._command(scenario, seed),
                source=self._test,
                explanation=explanation,
                look=partial(look, scenario, outcome),
            )
        self.notes.append(sentence)

    def _shown(self, path: Path) -> str:
        return os.path.relpath(path, self._start)
