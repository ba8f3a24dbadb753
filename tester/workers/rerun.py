"""What a worker answers when it is to tell a run: the story, the record, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import msgspec

from tester.engine.choices import Choices, Replayed
from tester.report import aborted
from tester.report.explained import of_explanation
from tester.report.likeness import likeness
from tester.report.page.from_run import of_run
from tester.report.story import every_line, tell
from tester.report.twin import side_by_side
from tester.search.again import record_of
from tester.search.diagnosis import Diagnosis, diagnose, diagnose_recorded
from tester.search.explain import Explanation
from tester.search.watched import watch
from tester.workers.wire import Ran, RerunJob, RerunReport, plain
from tester.world.run import Outcome, Scenario, repeat, run


def report_of(
    scenario: Scenario,
    job: RerunJob,
    ran: Ran,
    found: Outcome,
    lab: str,
    submission: str,
    attempt: Callable[[], None],
) -> RerunReport:
    """Tell of the run that was `found`: diagnosed, if it failed.

    `attempt` is called before each attempt at a smaller one. The verdict stands, whatever hostile
    code does to the attempt to tell it.
    """
    seed = int(job.seed)
    if ran.verdict == "pass":
        if not (job.full or job.page):
            return RerunReport(ran, "")
        passing = run(scenario, Choices(Replayed(found.choices.record())), keep_trace=True)
        story = plain(f"{every_line(passing)}\n\n".lstrip("\n")) if job.full else ""
        return _with_page(RerunReport(ran, story), scenario, job, passing, lab)
    try:
        if job.whole:
            again = repeat(scenario, seed, found)
            whole = RerunReport(ran, plain(tell(seed, again, job.command, full=job.full)))
            return _with_page(whole, scenario, job, again, lab)
        diagnosis = _diagnosis(scenario, job, found, attempt)
        explanation = diagnosis.explanation
        story = plain(tell(seed, diagnosis.outcome, job.command, explanation, full=job.full))
        if explanation is None:
            return _with_page(RerunReport(ran, story), scenario, job, diagnosis.outcome, lab)
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
        return _with_page(report, scenario, job, diagnosis.outcome, lab, explanation)
    except Exception as error:  # noqa: BLE001 - such as a repr that raises
        return RerunReport(ran, plain(aborted.untold(seed, found, error, job.command)))


def _diagnosis(
    scenario: Scenario, job: RerunJob, found: Outcome, attempt: Callable[[], None]
) -> Diagnosis:
    seed = int(job.seed)
    if not job.record:
        return diagnose(scenario, seed, found, attempt)
    return diagnose_recorded(scenario, seed, found, attempt)


def _with_page(
    report: RerunReport,
    scenario: Scenario,
    job: RerunJob,
    outcome: Outcome,
    lab: str,
    explanation: Explanation | None = None,
) -> RerunReport:
    """The report with the page of the run, if that was asked for; it changes nothing else."""
    if not job.page:
        return report
    try:
        drawn = of_run(
            int(job.seed),
            outcome,
            partial(watch, scenario),
            command=job.command,
            source=f"{lab} {job.test}",
            explanation=explanation,
        )
        return msgspec.structs.replace(report, page=msgspec.json.encode(drawn).decode())
    except Exception as error:  # noqa: BLE001 - such as a model that raises when it is asked
        said = f"the page could not be drawn: {type(error).__name__}: {error}"
        return msgspec.structs.replace(report, no_page=plain(said))
