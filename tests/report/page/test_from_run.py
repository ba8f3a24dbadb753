"""The document of a run: what it holds of operations, messages, nodes, states and the twin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tester.report.page import bands, document, from_run, timeline
from tester.report.page.document import Document, Operation, as_json, from_json
from tests.report.page import runs
from tests.tree import ROOT


@pytest.fixture(scope="module")
def failing() -> Document:
    return runs.drawn(runs.lost_reply, runs.failing_seed(runs.lost_reply), lossy=True)


def test_the_header_says_what_happened(failing: Document) -> None:
    assert failing.verdict == "fail"
    assert failing.title.startswith(f"seed {failing.seed}: not linearizable")
    assert "must return ErrMaybe" in failing.sentences[0]
    assert failing.command.startswith("pytest ")
    assert failing.story.startswith(failing.title)


def test_the_page_begins_at_the_answer_that_breaks_a_rule(failing: Document) -> None:
    (wrong,) = [e for e in failing.run.events if e.marked]
    assert failing.run.events[failing.focus] == wrong
    assert wrong.kind == "return"
    assert set(failing.cited) == {m.rpc for m in failing.run.messages if m.op == wrong.op}


def test_the_lines_of_the_code_that_broke_the_rule_are_named(failing: Document) -> None:
    assert any("return reply.err" in line for line in failing.code)
    assert failing.code[0] in " ".join(failing.story.split())


def test_where_no_rule_is_known_the_page_begins_at_the_fault_that_it_takes() -> None:
    drawn = runs.drawn(runs.unanswered, runs.failing_seed(runs.unanswered), lossy=True)
    assert drawn.causes == ["the lost reply to #1"]
    (cause,) = [e for e in drawn.run.events if e.cause]
    assert (cause.kind, cause.rpc) == ("send", 1)
    assert drawn.run.events[drawn.focus] == cause
    assert not any(e.marked for e in drawn.run.events)


def test_what_a_server_did_is_in_its_lane_though_it_showed_at_the_end(tmp_path: Path) -> None:
    drawn = runs.of_bug("rsm", "wakes_whoever_has_the_index", "test_leader_partition_4a", tmp_path)
    (wrong,) = [e for e in drawn.run.events if e.marked]
    assert drawn.run.events[drawn.focus] == wrong
    assert wrong.node in drawn.headline
    assert wrong.text == drawn.headline.removeprefix(f"{wrong.node} ")
    assert [e.node for e in drawn.run.events if e.kind == "end"] == ["test"]


def test_the_cause_is_said_before_what_came_of_it(tmp_path: Path) -> None:
    drawn = runs.of_bug("mapreduce", "reduces_before_all_is_mapped", "test_slow_workers", tmp_path)
    cause, rule, came = drawn.sentences[:3]
    assert "and there was no such file" in cause
    assert "before every map task is finished" in rule
    assert came.startswith("So the test failed: ")
    assert cause not in came
    assert "expected" in came


def test_what_hangs_says_what_is_still_waiting() -> None:
    drawn = runs.drawn(runs.hangs)
    assert drawn.headline.startswith("deadlock")
    assert any("await asyncio.Event().wait()" in text for text in drawn.waiting)


def test_a_long_headline_leaves_its_sentence_to_the_sentence() -> None:
    long = "livelock: " + "nothing has happened to any worker for a very long time, " * 2
    sentence = long.removeprefix("livelock: ")
    assert from_run._title(long, ["other", sentence]) == "livelock"
    assert from_run._title(long, ["other"]) == long
    assert from_run._title("livelock: nothing", ["nothing"]) == "livelock: nothing"


def test_who_acquired_a_lock_holds_it_until_it_is_released() -> None:
    def operation(number: int, client: str, kind: str, call: int, ret: int) -> Operation:
        return Operation(number, client, f"{kind}()", call, None, call, ret, kind=kind)

    held = bands.held_locks(
        [
            operation(0, "c0.l", "Acquire", 0, 4),
            operation(1, "c1.l", "Acquire", 1, 8),
            operation(2, "c0.l", "Release", 6, 7),
            operation(3, "c0.l", "Acquire", 9, -1),
        ]
    )
    assert [(one.node, one.first, one.last, one.details) for one in held] == [
        ("c0.l", 4, 6, "l"),
        ("c1.l", 8, -1, "l"),
    ]


def test_a_request_is_known_by_its_entry_in_a_log() -> None:
    drawn = runs.of_lab("kvraft", "test_basic_4b").run
    assert drawn.entries
    operations = {op.number: op for op in drawn.operations}
    for entry in drawn.entries:
        assert drawn.events[entry.event].node == entry.node
        assert entry.op in operations
        assert operations[entry.op].call <= entry.event
    first = min(drawn.entries, key=lambda entry: entry.event)
    name = f"log[{first.index}]"
    new = next(s for s in drawn.states if s.node == first.node and name in s.rows)
    assert new.event <= first.event


def test_failing_keys_come_first_with_a_core_and_whys(failing: Document) -> None:
    first = failing.run.partitions[0]
    assert (first.key, first.verdict) == ("k", "illegal")
    assert first.core
    assert first.candidates
    assert all(one.why for one in first.candidates)
    assert {op.number for op in failing.run.operations if op.core} == set(first.core)


def test_a_lost_reply_is_marked_and_belongs_to_its_operation(failing: Document) -> None:
    lost = [m for m in failing.run.messages if "reply lost" in m.marks]
    assert lost
    put = next(op for op in failing.run.operations if op.kind == "Put")
    assert {m.op for m in lost} == {put.number}
    assert {(m.source, m.target) for m in lost} == {("c0", "server")}


def test_the_twin_passes_and_says_what_is_flipped(failing: Document) -> None:
    twin = failing.twin
    assert twin is not None
    assert twin.run.verdict == "pass"
    assert twin.flipped.startswith("the lost reply to #")
    here = [msgspec.structs.replace(one, cause=False) for one in failing.run.events]
    there = twin.run.events
    assert here[: twin.first] == there[: twin.first]
    assert here[twin.first] != there[twin.first]


def test_the_state_of_the_server_follows_its_events(failing: Document) -> None:
    rows: dict[str, str | None] = {}
    for state in failing.run.states:
        if state.node == "server":
            rows |= state.rows
            if "table['k']" in state.rows:
                assert failing.run.events[state.event].kind == "deliver"
    assert rows["table['k']"] == "('a', 1)"


def test_what_befalls_a_node_is_a_band_and_its_disk_is_kept() -> None:
    run = runs.drawn(runs.restarts).run
    assert [band.kind for band in run.bands] == ["down", "paused", "cut"]
    assert all(band.first < band.last for band in run.bands)
    assert run.bands[2].text == "server | c0"
    assert [kept.when for kept in run.disks] == ["crash", "restart"]
    gone = [state for state in run.states if None in state.rows.values()]
    assert gone, "a restart takes what the objects held"


def test_hostile_values_are_cut_and_visible() -> None:
    drawn = runs.drawn(runs.hostile)
    texts = [event.text for event in drawn.run.events]
    texts += [op.text + op.answer for op in drawn.run.operations]
    texts += [text or "" for state in drawn.run.states for text in state.rows.values()]
    assert all(text.isprintable() for text in texts)
    assert max(map(len, texts)) < 1_000
    assert any("</script>" in text for text in texts)


def test_the_json_is_read_back_and_names_its_format(failing: Document) -> None:
    text = as_json(failing)
    assert from_json(text) == failing
    assert json.loads(text)["format"] == document.FORMAT
    assert json.loads(text)["version"] == document.VERSION


def test_of_a_long_run_the_events_around_what_matters_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timeline, "MOST_EVENTS", 10)
    drawn = runs.drawn(runs.lost_reply, runs.failing_seed(runs.lost_reply), lossy=True)
    assert len(drawn.run.events) == 10
    assert drawn.run.events[drawn.focus].marked
    assert any("events are not on this page" in note for note in drawn.run.notes)
    last = len(drawn.run.events) - 1
    for m in drawn.run.messages:
        assert all(-1 <= at <= last for at in [m.sent, m.ended, *m.arrivals, *m.answers])
    for op in drawn.run.operations:
        assert 0 <= op.call <= last
        assert -1 <= op.ret <= last


BYTES = """
from tests.report.page import runs
from tester.report.page.html import write_page
import hashlib
seed = runs.failing_seed(runs.lost_reply)
page = write_page(runs.drawn(runs.lost_reply, seed, lossy=True))
print(hashlib.sha256(page.encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", BYTES],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "77")
    }
    assert len(found) == 1


def test_what_is_done_to_a_file_stands_in_the_lane_of_who_does_it() -> None:
    events = [one for one in runs.of_lab("mapreduce", "test_wc").run.events if one.kind == "file"]
    assert {one.node for one in events} <= {"w0", "w1", "w2"}
    assert any(one.text.startswith("reads mr-0-") for one in events)
