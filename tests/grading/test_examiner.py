"""An examiner has a result of each seed, whatever a submission does when it is run again."""

import sys

import pytest

from tester.grading import examiner
from tester.grading.isolation import Isolation, MachineFault
from tester.grading.journal import SeedLine, StoryLine
from tester.grading.plan import Part
from tester.grading.sandbox import Limits
from tests.grading.handing import changed, reference

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolated nodes need Linux")
WRONG = changed(reference("kvsrv"), "kvsrv/client.py", "return Err.MAYBE", "return reply.err")
PART = Part("test_unreliable_net", False, 20, 5, "all", 3, "visible")


def job(files: dict[str, bytes], level: int = 1) -> examiner.Job:
    work = examiner.Work(PART, list(range(PART.seeds)), [], has_story=False)
    return examiner.Job("kvsrv", files, (), Limits(), level, [work], stories=True)


def test_a_run_that_ends_otherwise_when_it_is_looked_at_has_a_result() -> None:
    at, top = "        repeated = False\n", "class Clerk:\n"
    leaves = "        if asyncio.get_running_loop().notes_deaths: EXIT(7)\n"
    files = changed(WRONG, "kvsrv/client.py", at, leaves + at)
    exits = "import ctypes\nEXIT = ctypes.PyDLL(None)._exit\n\n\n"
    files = changed(files, "kvsrv/client.py", top, exits + top)
    *_, failed, story = examiner.examined(job(files))
    assert isinstance(failed, SeedLine)
    assert isinstance(story, StoryLine)
    assert failed.verdict == "fail"
    assert "exit status 7" in story.headline


def test_a_failure_that_cannot_be_told_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot(self: Isolation, test: str, seed: int) -> object:
        raise KeyError(seed)

    monkeypatch.setattr(Isolation, "diagnosis", cannot)
    *_, failed, story = examiner.examined(job(WRONG))
    assert isinstance(failed, SeedLine)
    assert isinstance(story, StoryLine)
    assert story.headline == "it failed, and what happened cannot be told (KeyError)"


def test_a_submission_is_not_run_with_less_isolation_than_is_asked_for() -> None:
    with pytest.raises(MachineFault, match="expected isolation of level 5, got sandbox: level"):
        list(examiner.examined(job(WRONG, level=5)))
