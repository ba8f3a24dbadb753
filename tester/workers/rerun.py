"""The report of a rerun: story, record and explanation, with a page and a log if wanted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from tester.engine.choices import Choices, Replayed
from tester.report import aborted
from tester.report.explained import of_explanation
from tester.report.inside import look
from tester.report.likeness import likeness
from tester.report.page.from_run import of_run
from tester.report.story import every_line, render_story
from tester.report.twin import side_by_side
from tester.search.again import record_of
from tester.search.diagnosis import Diagnosis, diagnose, diagnose_recorded
from tester.search.explain import Explanation
from tester.search.watched import Watched, watch
from tester.workers.wire import Logged, Ran, RerunJob, RerunReport, plain
from tester.world.run import Outcome, Scenario, repeat, run

_QUICK: Final = 12
"""After so many attempts at a smaller run, somebody may not want to wait for the others."""
_INTERRUPTED: Final = "It was not shrunk, for that was interrupted."
_LOST: Final = "It was not shrunk: the process of an attempt at a smaller run hung or died."


def report_of(
    scenario: Scenario,
    job: RerunJob,
    ran: Ran,
    found: Outcome,
    lab: str,
    submission: str,
    attempting: Callable[[str], None],
) -> RerunReport:
    """Report the run `found`, with a diagnosis if it failed.

    `attempting` is called before each attempt at a smaller run; if there are many of them, once
    with the story of the run as it is. Whatever hostile code does during the diagnosis, the
    verdict stands.
    """
    seed = int(job.seed)
    attempt = _with_draft(scenario, job, found, attempting)
    if ran.verdict == "pass":
        if not (job.full or job.page or job.level):
            return RerunReport(ran, "")
        passing = run(scenario, Choices(Replayed(found.choices.record())), keep_trace=True)
        story = plain(f"{every_line(passing)}\n\n".lstrip("\n")) if job.full else ""
        return _completed(RerunReport(ran, story), scenario, job, passing, lab)
    logs = job.level > 0
    try:
        if job.whole:
            again = repeat(scenario, seed, found)
            closer = partial(look, scenario, again)
            rendered = render_story(
                seed, again, job.command, full=job.full, logged=logs, look=closer, unshrunk=_LOST
            )
            whole = RerunReport(ran, plain(rendered))
            return _completed(whole, scenario, job, again, lab)
        diagnosis = _diagnosis(scenario, job, found, attempt)
        explanation = diagnosis.explanation
        attempt()
        closer = partial(look, scenario, diagnosis.outcome)
        story = plain(
            render_story(
                seed,
                diagnosis.outcome,
                job.command,
                explanation,
                full=job.full,
                logged=logs,
                look=closer,
            )
        )
        if explanation is None:
            return _completed(RerunReport(ran, story), scenario, job, diagnosis.outcome, lab)
        kept = record_of(
            scenario, explanation.shrunk, lab=lab, test=job.test, submission=submission
        )
        report = RerunReport(
            ran,
            story,
            kept.text(),
            json.dumps(of_explanation(explanation)),
            plain(side_by_side(explanation)),
            explanation.shrunk.size,
            explanation.shrunk.settled,
            plain(likeness(diagnosis.outcome)),
        )
        return _completed(report, scenario, job, diagnosis.outcome, lab, explanation)
    except Exception as error:  # noqa: BLE001 - such as a repr that raises
        return RerunReport(ran, plain(aborted.without_story(seed, found, error, job.command)))


def _with_draft(
    scenario: Scenario, job: RerunJob, found: Outcome, attempting: Callable[[str], None]
) -> Callable[[], None]:
    """To be called before each attempt: one of the first comes with the story of the run."""
    attempts = itertools.count()

    def attempt() -> None:
        attempting(draft() if next(attempts) == _QUICK and not job.record else "")

    def draft() -> str:
        again = run(scenario, Choices(Replayed(found.choices.record())), keep_trace=True)
        return plain(render_story(int(job.seed), again, job.command, unshrunk=_INTERRUPTED))

    return attempt


def _diagnosis(
    scenario: Scenario, job: RerunJob, found: Outcome, attempt: Callable[[], None]
) -> Diagnosis:
    seed = int(job.seed)
    if not job.record:
        return diagnose(scenario, seed, found, attempt, job.most_steps)
    return diagnose_recorded(scenario, seed, found, attempt)


def _completed(
    report: RerunReport,
    scenario: Scenario,
    job: RerunJob,
    outcome: Outcome,
    lab: str,
    explanation: Explanation | None = None,
) -> RerunReport:
    """Add the page and the log of the run, if they are wanted."""
    if job.page:
        try:
            drawn = of_run(
                int(job.seed),
                outcome,
                partial(watch, scenario),
                command=job.command,
                source=f"{lab} {job.test}",
                explanation=explanation,
                look=partial(look, scenario, outcome),
            )
            report = msgspec.structs.replace(report, page=msgspec.json.encode(drawn).decode())
        except Exception as error:  # noqa: BLE001 - such as a model that raises when it is asked
            said = f"the page could not be drawn: {type(error).__name__}: {error}"
            report = msgspec.structs.replace(report, no_page=plain(said))
    if job.level:
        watched = watch(scenario, outcome, level=job.level, looks=False)
        report = _with_log(report, job, watched, explanation)
    return report


def _with_log(
    report: RerunReport, job: RerunJob, watched: Watched, explanation: Explanation | None
) -> RerunReport:
    """Add what was logged and printed; a full story has it at its time."""
    said = watched.spectator.said
    story = report.story
    if job.full and report.ran.verdict == "pass":
        story = plain(f"{every_line(watched.outcome, said)}\n\n".lstrip("\n"))
    elif job.full:
        full = render_story(
            int(job.seed),
            watched.outcome,
            job.command,
            explanation,
            full=True,
            logged=True,
            said=said,
        )
        story = plain(full)
    found = [
        Logged(one.time_us, one.node, one.level, plain(one.logger), plain(one.text))
        for one in said
    ]
    return msgspec.structs.replace(report, story=story, said=found)
