"""Which task of a MapReduce job broke which rule, where the catalogue's bugs do not show it."""

from pathlib import Path

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import Edits, Patch, planted
from tester.report.audit.tasks import Tasks
from tester.report.broken import Broken
from tester.report.reason import reason
from tester.report.story import render_story
from tester.world.events import FileOp, OfNode, read
from tester.world.files import MISSING
from tester.world.run import Outcome, run

COORDINATOR, WORKER = "mapreduce/coordinator.py", "mapreduce/worker.py"
SUITE = suite.tests_of(LABS["mapreduce"].suite)


def broken(test: str, file: str, edits: Edits, tmp_path: Path) -> tuple[Outcome, Broken]:
    """The first failing run of a patched solution, and the rule that it broke."""
    with planted(Patch("a_bug", "A bug of this test.", file, edits, (test,)), tmp_path):
        for seed in range(20):
            outcome = run(SUITE[test], Choices(Seeded(seed)), keep_trace=True)
            why = reason(outcome)
            if outcome.error is not None and why is not None:
                return outcome, why
    raise AssertionError("no run has failed")


def test_a_worker_that_raises_because_a_map_was_not_finished(tmp_path: Path) -> None:
    early = (
        "        phase = next((phase for phase in self._phases if not phase.over), None)\n",
        """\
        phase = next((p for p in self._phases if p._waiting), None)
        phase = phase or next((p for p in self._phases if not p.over), None)
""",
    )
    outcome, why = broken("test_silence", COORDINATOR, (early,), tmp_path)
    assert outcome.kind == "FileNotFoundError"
    event = list(read(outcome.trace))[why.place]
    assert isinstance(event, FileOp)
    assert event.outcome == MISSING
    assert "before every map task is finished" in why.rule
    assert "had not called again" in why.sentence
    rows = render_story(0, outcome, "labtester replay").split("\n\n")[1].splitlines()
    [marked] = [row for row in rows if row.startswith(">")]
    assert f"finds no file {event.name} to read" in marked


def test_a_worker_that_hangs_before_it_is_seen_to_begin(tmp_path: Path) -> None:
    for_ever = (("self._since[number] < PATIENCE_S", "self._since[number] < 10**9"),)
    outcome, why = broken("test_one_worker_hangs", COORDINATOR, for_ever, tmp_path)
    event = list(read(outcome.trace))[why.place]
    assert isinstance(event, OfNode)
    assert (event.kind, event.node) == ("pause", "w0")
    assert "nobody has mapped pg-" in why.sentence


def test_reduces_that_are_never_handed_out(tmp_path: Path) -> None:
    waiting = "        if self._waiting:\n"
    never = ((waiting, "        if self._waiting and self.kind is Kind.MAP:\n"),)
    _, why = broken("test_wc", COORDINATOR, never, tmp_path)
    assert "no reduce task begins" in why.headline
    assert "10 files (the first is mr-out-0) are missing" in why.sentence


def test_what_a_worker_makes_of_whole_files_is_its_own_fault(tmp_path: Path) -> None:
    drops = (("await app.reduce(key, groups[key])", "await app.reduce(key, groups[key][1:])"),)
    outcome, why = broken("test_wc", WORKER, drops, tmp_path)
    assert outcome.kind == "WrongOutput"
    assert "had read 8 files" in why.sentence
    assert "each was there and complete: what is wrong is what a worker" in why.sentence


def test_a_worker_that_counts_a_file_twice(tmp_path: Path) -> None:
    twice = (("range(task.n_map)", "[0, *range(task.n_map)]"),)
    _, why = broken("test_wc", WORKER, twice, tmp_path)
    assert "counted twice" in why.sentence


def test_a_right_run_breaks_no_rule(tmp_path: Path) -> None:
    for variant in LABS["mapreduce"].catalogue().variants[:2]:
        with planted(variant, tmp_path / variant.name):
            outcome = run(SUITE["test_slow_workers"], Choices(Seeded(0)), keep_trace=True)
        assert outcome.error is None
        assert reason(outcome) is None


def test_a_wrong_file_is_that_of_the_reduce_that_ended_last_not_of_the_one_that_began_last(
    tmp_path: Path,
) -> None:
    bug = next(
        one for one in LABS["mapreduce"].catalogue().bugs if one.name == "shares_temporary_names"
    )
    with planted(bug, tmp_path):
        for seed in range(20):
            outcome = run(SUITE["test_slow_workers"], Choices(Seeded(seed)), keep_trace=True)
            done = [task for task in Tasks(outcome).reduces if task.completed is not None]
            writer, _, wrong = str(outcome.error).partition(" has renamed ")
            named = wrong.partition(" to ")[2].partition(";")[0]
            if outcome.verdict == "fail" and done[-1].output != named:
                why = reason(outcome)
                break
    assert why is not None
    assert why.headline.startswith(f"{writer} completes {named}")
