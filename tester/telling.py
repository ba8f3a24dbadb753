"""What a worker answers when it is to tell a run: the story, the record, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Callable

from tester.report import mishap
from tester.report.explained import of_explanation
from tester.report.story import tell
from tester.report.twin import side_by_side
from tester.search.again import record_of
from tester.search.diagnosis import Diagnosis, diagnose, diagnose_recorded
from tester.search.wire import Ran, Tell, Told, plain
from tester.world.run import Outcome, Scenario, repeat


def told_of(
    scenario: Scenario,
    job: Tell,
    ran: Ran,
    found: Outcome,
    lab: str,
    submission: str,
    attempt: Callable[[], None],
) -> Told:
    """Diagnose the run that was `found`, and tell of it; `attempt` is called before each attempt.

    The verdict stands, whatever hostile code does to the attempt to tell it.
    """
    seed = int(job.seed)
    try:
        if job.whole:
            return Told(ran, plain(tell(seed, repeat(scenario, seed, found), job.command)))
        diagnosis = _diagnosis(scenario, job, found, attempt)
        explanation = diagnosis.explanation
        story = plain(tell(seed, diagnosis.outcome, job.command, explanation))
        if explanation is None:
            return Told(ran, story)
        kept = record_of(
            scenario, explanation.shrunk, lab=lab, test=job.test, submission=submission
        )
        return Told(
            ran,
            story,
            kept.text(),
            json.dumps(of_explanation(explanation)),
            plain(side_by_side(explanation)),
            explanation.shrunk.size,
            explanation.shrunk.settled,
        )
    except Exception as error:  # noqa: BLE001 - such as a repr that raises
        return Told(ran, plain(mishap.untold(seed, found, error, job.command)))


def _diagnosis(
    scenario: Scenario, job: Tell, found: Outcome, attempt: Callable[[], None]
) -> Diagnosis:
    seed = int(job.seed)
    if not job.record:
        return diagnose(scenario, seed, found, attempt)
    return diagnose_recorded(scenario, seed, found, attempt)
