"""The end of a story: the command that runs it again, and the smallest experiment beside it."""

from pathlib import Path

import pytest

from tester.report.again import again_by, beside, next_step
from tester.report.broken import Broken
from tester.world import submission

REPLAY = "labtester replay kvraft test_basic_4b --seed 0"
PYTEST = "pytest 'tests/test_mine.py::test' --sim-seed=0"
OF_RAFT = Broken(0, "s1 voted twice.", source="Raft paper, section 5.2")
OF_SERVICE = Broken(0, "s1 answered too soon.", source="docs/7-kvraft.md, What is agreed")


@pytest.mark.parametrize(
    ("command", "full", "logged", "place", "said"),
    [
        (REPLAY, True, True, "", [""]),
        (REPLAY, False, True, "kvsrv/server.py:3", ["--full: every event"]),
        (REPLAY, True, False, "", ["--log-level DEBUG: what your code logs"]),
        (
            REPLAY,
            True,
            False,
            "kvsrv/server.py:3",
            [
                "--log-level DEBUG: what you log at kvsrv/server.py:3",
                "--log-level DEBUG: what your code logs",
            ],
        ),
        (PYTEST, False, False, "kvsrv/server.py:3", ["--sim-full: every event"]),
        (PYTEST, True, False, "", [""]),
        ("run it again", False, False, "", [""]),
    ],
)
def test_what_shows_more(
    command: str, full: bool, logged: bool, place: str, said: list[str]
) -> None:
    assert next_step(command, None, full, logged, place) == said


def test_of_several_ways_to_say_it_the_first_is_taken_that_takes_no_line_more() -> None:
    long, short = "a hint that is much too long for the line of the command", "a hint"
    assert again_by("", "x", [short, long]) == again_by("", "x", [short])
    assert again_by("", "x", [long, short]).splitlines()[0] == f"To run it again ({long}):"
    assert again_by("", "x", [long * 2, short]) == again_by("", "x", [short])


def test_a_raft_that_was_handed_in_can_be_tested_without_the_service(tmp_path: Path) -> None:
    handed_in = f"{REPLAY} --submission {tmp_path}"
    (tmp_path / "kvraft").mkdir()
    with submission.overlaid(tmp_path):
        assert beside(handed_in, OF_RAFT, True) == ""
    (tmp_path / "raft").mkdir()
    with submission.overlaid(tmp_path):
        alone = f"labtester run raft --submission {tmp_path}: your Raft without the service"
        assert beside(handed_in, OF_RAFT, True) == alone
        assert alone in again_by("", handed_in, [""], alone)
        assert beside(handed_in, OF_SERVICE, True) == ""
        assert beside("labtester replay raft test_rejoin_3b --seed 0", OF_RAFT, True) == ""


def test_a_note_is_offered_where_a_test_of_the_reader_s_own_has_said_nothing() -> None:
    assert beside(PYTEST, None, True).startswith("sim.note(text) in the test")
    assert beside(PYTEST, None, False) == ""
    assert beside(PYTEST, OF_SERVICE, True) == ""
