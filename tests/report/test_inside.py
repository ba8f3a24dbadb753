"""What the code did when a rule was broken, below the event in the story."""

import re
import textwrap
from functools import partial
from pathlib import Path

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Patch, planted
from tester.report.inside import NOTHING, Inside, look
from tester.report.reason import reason
from tester.report.story import render_story
from tester.world.run import run
from tester.world.submission import overlaid
from tests import snapshots

BUGS = {
    # a server's answer, and what it holds
    "ignores_the_version": ("kvsrv", "test_reliable_put"),
    "get_is_ahead": ("kvsrv", "test_reliable_put"),
    "not_atomic": ("kvsrv", "test_put_concurrent_reliable"),
    # what a write left that a Get was answered with, or did not leave; and a Get that is to blame
    "keeps_the_version": ("kvsrv", "test_put_concurrent_reliable"),
    "says_ok_to_copies_in_flight": ("kvsrv", "test_copies"),
    "get_is_stale_at_times": ("kvsrv", "test_put_concurrent_reliable"),
    "put_appends": ("dedup", "test_basic"),
    # what a clerk, or a lock, returned
    "resend_says_ok": ("kvsrv", "test_unreliable_net"),
    "maybe_is_mine": ("lock", "test_many_clients_unreliable"),
    "waits_for_nobody": ("lock", "test_many_clients_reliable"),
    # what a replicated service returned
    "takes_a_timeout_for_an_answer": ("rsm", "test_minority_for_long"),
    # what an object holds that has grown
    "remembers_every_put": ("kvsrv", "test_mem_put_many_clients_reliable"),
    # the state of a server of Raft
    "votes_twice": ("raft", "test_votes_outlive_crashes"),
    "counts_its_log_twice": ("raft", "test_leader_failure_3b"),
    "truncates_what_matches": ("raft", "test_duplicates_and_late_requests"),
}


@pytest.mark.parametrize("name", BUGS)
def test_the_line_is_named(name: str, tmp_path: Path) -> None:
    lab, test = BUGS[name]
    scenario = suite.tests_of(LABS[lab].suite)[test]
    bug = next(one for one in LABS[lab].catalogue().bugs if one.name == name)
    with planted(bug, tmp_path):
        for seed in range(bug.seeds):
            outcome = run(scenario, Choices(Seeded(seed)), keep_trace=True)
            if outcome.verdict == "fail":
                break
        inside = look(scenario, outcome, reason(outcome))
    held = re.sub(
        r"\d+ to \d+ bytes", "N to M bytes", inside.held
    )  # which differ from version to version
    texts = [textwrap.fill(text, snapshots.COLUMNS) for text in (*inside.lines, held)]
    snapshots.check(f"inside/{name}", "\n".join(filter(None, texts)) + "\n")


def test_what_changed_state_before_the_wrong_answer_is_named(tmp_path: Path) -> None:
    edit = "value, version = self._table[args.key]", "value, version = self._table.pop(args.key)"
    bug = Patch("get_pops", "A get takes the value away.", "kvsrv/server.py", (edit,))
    scenario = suite.tests_of(LABS["kvsrv"].suite)["test_reliable_put"]
    with planted(bug, tmp_path):
        outcome = run(scenario, Choices(Seeded(0)), keep_trace=True)
        inside = look(scenario, outcome, reason(outcome))
    code, *_ = inside.lines
    assert code.startswith("kvsrv/server.py:")
    assert code.endswith(": value, version = self._table.pop(args.key), while it handled #2")


def _seen(lab: str, test: str, folder: Path, seeds: int) -> Inside:
    """The close-up of the first run that fails with the submission in a folder."""
    scenario = suite.tests_of(LABS[lab].suite)[test]
    with overlaid(folder):
        for seed in range(seeds):
            outcome = run(scenario, Choices(Seeded(seed)), keep_trace=True)
            if outcome.verdict == "fail":
                return look(scenario, outcome, reason(outcome))
    raise AssertionError("no run failed")


def test_the_line_is_the_submissions_where_it_called_the_reference(tmp_path: Path) -> None:
    cut = "self.log.merge(prev, [Entry(0, None)])"
    merge = "        self._ready.save |= self.log.merge(prev, args.entries)\n"
    edits = ((merge, f"        if args.entries:\n            {cut}\n{merge}"),)
    bug = Patch("cuts", "All that follows new entries is deleted.", "raft/core.py", edits)
    inside = _seen("raft", "test_duplicates_and_late_requests", bug.write(tmp_path), 20)
    assert re.fullmatch(r"s\d's log\[\d+\] went from .* to none\.", inside.held)
    [code] = inside.lines
    assert re.fullmatch(rf"raft/core\.py:\d+: {re.escape(cut)}", code)


def _submission(lab: str, bug: str, folder: Path) -> Path:
    return next(one for one in LABS[lab].catalogue().bugs if one.name == bug).write(folder)


def test_a_line_of_the_reference_is_marked_where_the_submission_did_not_call_it(
    tmp_path: Path,
) -> None:
    handed_in = _submission("raft", "compares_logs_by_length", tmp_path)  # raft/log.py
    [code] = _seen("raft", "test_rejoin_3b", handed_in, 5).lines
    assert re.fullmatch(r"raft/core\.py:\d+: .* \(of the reference solution\)", code)


def test_lines_of_the_references_server_are_left_out_if_only_a_clerk_is_handed_in(
    tmp_path: Path,
) -> None:
    handed_in = _submission("dedup", "a_new_number_for_each_try", tmp_path)
    inside = _seen("dedup", "test_unreliable", handed_in, 5)
    assert inside is not NOTHING
    assert inside.lines == []


def test_no_text_is_left_over() -> None:
    assert snapshots.unused("inside", set(BUGS)) == set()


def test_of_a_run_that_passes_nothing_is_seen() -> None:
    scenario = suite.tests_of(LABS["kvsrv"].suite)["test_reliable_put"]
    outcome = run(scenario, Choices(Seeded(0)), keep_trace=True)
    assert look(scenario, outcome, None) is NOTHING


def test_code_that_goes_another_way_when_it_is_watched_is_not_believed(tmp_path: Path) -> None:
    bug = next(one for one in LABS["kvsrv"].catalogue().bugs if one.name == "get_is_ahead")
    scenario = suite.tests_of(LABS["kvsrv"].suite)["test_reliable_put"]
    source = bug.write(tmp_path) / "kvsrv" / "server.py"
    text = source.read_text()
    source.write_text(text.replace("version + 1, Err.OK", "version + _ahead(), Err.OK") + _AHEAD)
    with overlaid(tmp_path):
        outcome = run(scenario, Choices(Seeded(0)), keep_trace=True)
        assert outcome.verdict == "fail"
        assert look(scenario, outcome, reason(outcome)) is NOTHING


_AHEAD = """

def _ahead() -> int:
    import sys

    return 1 if sys.gettrace() is None else 0
"""


def test_the_marked_row_of_a_story_has_the_lines_below_it(tmp_path: Path) -> None:
    scenario = suite.tests_of(LABS["kvsrv"].suite)["test_reliable_put"]
    bug = next(one for one in LABS["kvsrv"].catalogue().bugs if one.name == "get_is_ahead")
    with planted(bug, tmp_path):
        outcome = run(scenario, Choices(Seeded(0)), keep_trace=True)
        story = render_story(0, outcome, "again", look=partial(look, scenario, outcome))
    rows = story.splitlines()
    marked = next(at for at, row in enumerate(rows) if row.startswith(">"))
    assert rows[marked + 1].startswith(" " * 11 + "kvsrv/server.py:")
    assert "return GetReply(value, version + 1" in rows[marked + 1]


@pytest.mark.parametrize(("name", "waits"), [("not_atomic", True), ("keeps_the_version", False)])
def test_only_of_handlers_that_wait_one_is_said_to_have_run_within_the_other(
    name: str, waits: bool, tmp_path: Path
) -> None:
    bug = next(one for one in LABS["kvsrv"].catalogue().bugs if one.name == name)
    scenario = suite.tests_of(LABS["kvsrv"].suite)["test_put_concurrent_reliable"]
    with planted(bug, tmp_path):
        outcome = run(scenario, Choices(Seeded(0)), keep_trace=True)
        inside = look(scenario, outcome, reason(outcome))
        unseen = render_story(0, outcome, "again")
        seen = render_story(0, outcome, "again", look=lambda broken: inside)
    assert inside.is_atomic is not waits
    assert "may have run between" in " ".join(unseen.split())
    assert ("may have run between" in " ".join(seen.split())) is waits


def test_no_line_is_shown_for_what_a_restart_has_not_got_back(tmp_path: Path) -> None:
    inside = _seen(
        "raft", "test_persist1_3c", _submission("raft", "forgets_its_term", tmp_path), 9
    )
    assert inside is NOTHING


def test_a_line_of_the_references_raft_is_not_shown_for_a_rule_of_the_service_above_it(
    tmp_path: Path,
) -> None:
    handed_in = _submission("rsm", "applies_its_own_only", tmp_path)
    assert _seen("rsm", "test_basic_4a", handed_in, 1).lines == []
