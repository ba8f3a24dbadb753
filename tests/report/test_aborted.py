"""The stories of seeds that have none of their own, word for word, within 80 columns."""

from pathlib import Path

import pytest

from tester.report import aborted
from tester.workers.results import Lost, Rerun, StackFrame
from tester.workers.wire import Ran, RerunReport
from tester.world.failure import Failure, Frame

HERE = str(Path(__file__))


def fits(text: str) -> str:
    assert max(map(len, text.replace(HERE, "HERE").splitlines())) <= 80
    return text.replace(HERE, "HERE")


def test_a_stuck_seed() -> None:
    outside = StackFrame("<frozen runpy>", 1, "run")
    rerun = Rerun("test_a", 4, "again", lost=Lost(3, "", (outside, StackFrame(HERE, 3, "put"))))
    assert fits(aborted.story(rerun)) == (
        """\
seed 4: stuck

The run made no progress in 3 seconds of CPU time, so its process was ended. An
infinite loop without an `await` never lets anybody else run, and no virtual
time passes in it. (--stuck-after sets the limit.)

It stood here:

    HERE:3 in put
        from pathlib import Path

To run it again:
    again"""
    )


def test_a_seed_that_waits_for_something_outside() -> None:
    lost = Lost(30, "", (), waited=True)
    assert fits(aborted.lost(4, lost, "again")) == (
        """\
seed 4: stuck

The run waited for 30 seconds of real time, so its process was ended. A call
that blocks the whole process, such as reading from a pipe or a socket, never
lets anybody else run, and no virtual time passes in it. (This limit alone goes
by the wall clock; it is ten times what --stuck-after says.)

To run it again:
    again"""
    )


def test_a_seed_that_its_process_does_not_answer_for() -> None:
    lost = Lost(0, "", (), what="a process left behind", sentence="Its run has left one behind.")
    assert fits(aborted.lost(None, lost, "again")) == (
        """\
a process left behind

Its run has left one behind.

To run it again:
    again"""
    )


def test_a_seed_whose_process_died() -> None:
    lost = Lost(0, "was killed by SIGSEGV", ())
    assert fits(aborted.lost(4, lost, "again")) == (
        """\
seed 4: its process died

The process that ran it was killed by SIGSEGV, and so did the one that tried it
again. Code on a node may fail, but not end the process: os._exit, a signal or a
crash in C does.

To run it again:
    again"""
    )


def test_a_seed_that_is_not_the_same_twice() -> None:
    first = Ran("fail", "a" * 32, 12, 10, 0, 0)
    again = Ran("pass", "b" * 32, 1200, 1000, 0, 0)
    rerun = Rerun("test_a", 4, "again", first, RerunReport(again, "a bug that may not be one"))
    assert fits(aborted.story(rerun)) == (
        """\
seed 4: not deterministic

The same seed was run twice and came to two things, so nothing this code does
can be trusted or repeated. Something chose, and it was not the seed: look for
the iteration over a set, id() or hash() of an object, a file, or state that
outlives a run.

    first  fail     12 RPCs, 10 ops, digest aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    then   pass     1200 RPCs, 1000 ops, digest bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

To run it again:
    again"""
    )


@pytest.mark.parametrize(("message", "shown"), [("boo", "boo"), ("", "it has no message")])
def test_what_no_simulation_lets_through(message: str, shown: str) -> None:
    frame = Frame(HERE, 3, "put", "unused")
    failure = Failure("KeyboardInterrupt", message, (frame,), "test_a", "running", 0, misuse=False)
    assert fits(aborted.escaped(4, failure, "again")) == (
        f"""\
seed 4: KeyboardInterrupt

KeyboardInterrupt left the simulation: {shown}

It stood here:

    HERE:3 in put
        from pathlib import Path

To run it again:
    again"""
    )


def test_a_story_is_shown_if_there_is_one() -> None:
    told = RerunReport(Ran("fail", "a", 1, 1, 1, 5), "once upon a time")
    assert aborted.story(Rerun("test_a", 4, "again", told.ran, told)) == "once upon a time"


@pytest.mark.parametrize(
    ("run_anew", "said"),
    [
        (False, "Recorded failure: .labtester/a.sim still fails.\n\n"),
        (True, "Recorded failure: .labtester/a.sim passes, and its seed still fails.\n\n"),
    ],
)
def test_a_record_is_named_before_its_story(run_anew: bool, said: str) -> None:
    assert aborted.still_fails(".labtester/a.sim", run_anew=run_anew) == said
