"""The report of a rerun; until it comes, there is the story of the whole run."""

from pathlib import Path

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import planted
from tester.report import aborted
from tester.workers.plan import Reruns
from tester.workers.rerun import report_of
from tester.workers.results import Rerun
from tester.workers.wire import Ran, RerunJob, RerunReport
from tester.world.run import run

TEST = "test_unreliable_net"
SAID = "It was not shrunk, for that was interrupted."


def job(*, whole: bool = False) -> RerunJob:
    return RerunJob(TEST, "0", "again", whole, "[marker]")


def reported(folder: Path, *, whole: bool = False) -> tuple[RerunReport, list[str]]:
    bug = next(b for b in LABS["kvsrv"].catalogue().bugs if b.name == "resend_says_version")
    scenario = suite.tests_of(LABS["kvsrv"].suite)[TEST]
    drafts: list[str] = []
    with planted(bug, folder):
        found = run(scenario, Choices(Seeded(0)))
        ran = Ran(found.verdict, found.digest, found.rpcs, found.ops, found.virtual_us, 0)
        report = report_of(scenario, job(whole=whole), ran, found, "kvsrv", "", drafts.append)
    return report, drafts


def test_one_attempt_comes_with_the_story_of_the_whole_run(tmp_path: Path) -> None:
    report, drafts = reported(tmp_path)
    [draft] = filter(None, drafts)
    assert SAID in draft
    assert "Put must return ErrMaybe" in draft
    assert draft.rstrip().endswith("To run it again:\n    again")
    assert SAID not in report.story
    assert "Shrunk from" in report.story


def test_that_story_is_printed_if_there_is_no_other() -> None:
    rerun = Rerun(TEST, 0, "again", marker="[marker]")
    assert "Interrupted before its story was written." in aborted.story(rerun)
    source = Reruns([rerun])
    source.attempts(job(), "seed 0: as it is\n")
    source.attempts(job(), "")
    assert aborted.story(rerun) == "seed 0: as it is"


def test_a_run_that_could_not_be_shrunk_says_so(tmp_path: Path) -> None:
    report, drafts = reported(tmp_path, whole=True)
    assert "It was not shrunk: the process of an attempt" in " ".join(report.story.split())
    assert drafts == []
