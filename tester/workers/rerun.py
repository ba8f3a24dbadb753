"""What a worker answers when it is to tell a run: the story, the record, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Callable

from tester.engine.choices import Choices, Replayed
from tester.report import aborted
from tester.report.explained import of_explanation
from tester.report.likeness import likeness
from tester.report.story import every_line, tell
from tester.report.twin import side_by_side
from tester.search.again import record_of
from tester.search.diagnosis import Diagnosis, diagnose, diagnose_recorded
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
        if not job.full:
            return RerunReport(ran, "")
        passing = run(scenario, Choices(Replayed(found.choices.record())), keep_trace=True)
        return RerunReport(ran, plain(f"{every_line(passing)}\n\n".lstrip("\n")))
    try:
        if job.whole:
            again = repeat(scenario, seed, found)
            return RerunReport(ran, plain(tell(seed, again, job.command, full=job.full)))
        diagnosis = _diagnosis(scenario, job, found, attempt)
        explanation = diagnosis.explanation
        story = plain(tell(seed, diagnosis.outcome, job.command, explanation, full=job.full))
        if explanation is None:
            return RerunReport(ran, story)
        kept = record_of(
            scenario, explanation.shrunk, lab=lab, test=job.test, submission=submission
        )
        return RerunReport(
            ran,
            story,
            kept.text(),
            json.dumps(of_explanation(explanation)),
            plain(side_by_side(explanation)),
            explanation.shrunk.size,
            explanation.shrunk.settled,
            plain(likeness(diagnosis.outcome)),
        )
    except Exception as error:  # noqa: BLE001 - such as a repr that raises
        return RerunReport(ran, plain(aborted.untold(seed, found, error, job.command)))


def _diagnosis(
    scenario: Scenario, job: RerunJob, found: Outcome, attempt: Callable[[], None]
) -> Diagnosis:
    seed = int(job.seed)
    if not job.record:
        return diagnose(scenario, seed, found, attempt)
    return diagnose_recorded(scenario, seed, found, attempt)
