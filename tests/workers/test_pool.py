"""A pool gets every answer that is to be had, from workers that need not mean well."""

import os
import sys
import time
from collections.abc import Callable

import pytest

from tester.workers import pool as pool_module
from tester.workers.plan import Plan, Reruns
from tester.workers.pool import CannotStart, Pool
from tester.workers.processes import descendants, processes
from tester.workers.results import LabResult, Rerun
from tester.workers.wire import Answered, Chunk, Listed
from tester.workers.worker import Launch
from tests.tree import ROOT

FAKE = """
import os, sys
sys.path.insert(0, {root!r})
from tester.workers.frames import Sender
from tester.workers.wire import *
jobs, answers, stack = map(int, sys.argv[1:])

def receive():
    return os.read(jobs, int.from_bytes(os.read(jobs, 4), "big"))

say = Sender(answers, receive()).say
given = []

def ready():
    say(Loading("something"))
    say(Ready([Listed("test_a", 20, 1), Listed("test_b", 20, 1)]))

def seeds():
    while data := receive():
        job = job_of(data)
        given.append(job)
        for seed in range(job.first, job.first + job.count):
            yield job.test, seed

def answer(ran):
    say(Answered(len(given) - 1, given[-1].test, ran.digest, ran))

def passes(seed):
    answer(Ran("pass", str(seed), 1, 1, 1, 1000))

setup = receive()
{body}
"""


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Callable[..., Pool]:
    """Starts a pool whose workers do what the body of a script says; it ends with the test."""

    def start(body: str, jobs: int = 2, note: Callable[[str], None] = print) -> Pool:
        script = FAKE.format(root=str(ROOT), body=body)
        launch = Launch((sys.executable, "-c", script), dict(os.environ), b"setup")
        pool = Pool(launch, jobs, stuck_s=1, note=note).__enter__()
        request.addfinalizer(lambda: pool.__exit__(None, None, None))
        return pool

    return start


def work(pool: Pool) -> LabResult:
    plan = Plan("lab", pool.tests(), pool.jobs)
    pool.work(plan)
    return plan.result()


HONEST = "ready()\nfor test, seed in seeds():\n    passes(seed)"


def test_honest_workers_answer_everything_once(started: Callable[..., Pool]) -> None:
    told: list[int] = []
    pool = started(HONEST)
    plan = Plan("lab", pool.tests(), 2)
    pool.work(plan, lambda: told.append(plan.runs))
    assert [test.counted.seeds for test in plan.result().tests] == [20, 20]
    assert plan.runs == 40
    assert told[-1] == 40
    assert work(pool).digest == plan.result().digest


def test_workers_have_no_descriptor_of_ours(started: Callable[..., Pool]) -> None:
    ours = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(ours, True)
    check = f"assert not os.path.exists('/proc/self/fd/{ours}')\n" + HONEST
    try:
        assert work(started(check)).verdict == "pass"
    finally:
        os.close(ours)


def test_a_warning_is_passed_on_once(started: Callable[..., Pool]) -> None:
    notes: list[str] = []
    body = HONEST.replace("passes", "say(Noted(f'{seed % 2} is odd')); passes")
    work(started(body, note=notes.append))
    assert sorted(notes) == ["0 is odd", "1 is odd"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("sys.exit('oh no')", "process exited with status 1 before it had loaded anything: oh no"),
        ("os._exit(0)", "exited with status 0 before it had loaded anything: silently"),
        ("os.close(answers)\nreceive()", "stopped answering its parent, and was ended"),
        (
            "os.write(answers, b'babble' * 9)\nreceive()",
            "a worker process ended with a false answer before it had loaded anything: silently",
        ),
        ("say(Refused('not good'))", "not good"),
        (
            "say(Loading('a.py'))\nos._exit(3)",
            "a.py ended its process, which exited with status 3;",
        ),
        (
            "say(Loading('a.py'))\nwhile True: pass",
            "importing a.py took more than 3 s of CPU time;",
        ),
    ],
)
def test_workers_that_cannot_start(started: Callable[..., Pool], body: str, sentence: str) -> None:
    pool = started(body)
    with pytest.raises(CannotStart) as refusal:
        pool.tests()
    assert sentence in str(refusal.value)


def test_our_own_imports_have_more_time(
    started: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    burn = "while time.process_time() < {}: pass\n"
    slow = f"import time\n{burn.format(2)}say(Loading(''))\n{burn.format(4)}{HONEST}"
    assert len(started(slow, 1).tests()) == 2
    monkeypatch.setattr(pool_module, "_START_S", 1)
    pool = started(slow, 1)
    with pytest.raises(CannotStart, match="before it had loaded anything"):
        pool.tests()


@pytest.mark.parametrize(
    "misdeed",
    [
        "os._exit(1)",
        "os.write(answers, b'babble' * 9)",
        "say(Answered(len(given) - 1, test, str(seed), Traced('', [], [])))",
        "os.close(answers)",
    ],
)
def test_a_worker_that_goes_wrong_costs_its_run(
    started: Callable[..., Pool], misdeed: str
) -> None:
    body = "ready()\nfor test, seed in seeds():\n"
    body += f"    if (test, seed) == ('test_a', 7):\n        {misdeed}\n        receive()\n"
    body += "    passes(seed)"
    a, b = work(started(body)).tests
    assert b.counted.failed == []
    assert b.counted.seeds == 20
    assert a.lost is not None
    assert a.counted.failed == [7]


def test_more_answers_than_jobs_are_not_believed(started: Callable[..., Pool]) -> None:
    body = "ready()\nfor test, seed in seeds():\n    passes(seed)\n"
    body += "    if seed == 19: passes(20)"
    a, b = work(started(body, 1)).tests
    assert (a.counted.seeds, a.counted.failed) == (20, [])
    assert (b.counted.seeds, b.counted.failed) == (1, [0])  # whoever it was, it is not believed
    assert b.lost is not None
    assert b.lost.what == "a false answer"


def test_a_false_answer_costs_the_next_run_whether_or_not_it_had_been_given(
    started: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result must not depend on how soon the pool listens."""
    body = "ready()\nfor test, seed in seeds():\n    passes(seed)\n"
    body += "    if (test, seed) == ('test_a', 19): passes(20)"
    pool = started(body, 1)
    plan = Plan("lab", pool.tests(), 1)
    while plan.runs < 20:
        monkeypatch.setattr(pool_module, "_AHEAD", 1)
        pool._feed(plan)
        time.sleep(0.05)  # everything the worker says has come before anybody listens
        pool._listen(plan)
        pool._watch(plan)
    pool.work(plan)
    a, b = plan.result().tests
    assert (a.counted.seeds, a.counted.failed) == (20, [])
    assert (b.counted.seeds, b.counted.failed) == (1, [0])


def test_a_hung_worker_is_ended_and_its_rest_done_by_another(started: Callable[..., Pool]) -> None:
    body = "ready()\nfor test, seed in seeds():\n"
    body += "    while (test, seed) == ('test_a', 18): pass\n    passes(seed)"
    a, b = work(started(body, 1)).tests
    assert (a.counted.seeds, a.counted.failed) == (19, [18])
    assert a.lost is not None
    assert (a.lost.stuck_s, a.lost.ending) == (1, "")
    assert b.counted.seeds == 20


def test_a_long_run_that_gets_on_is_not_hung(started: Callable[..., Pool]) -> None:
    body = "import time\nready()\nfor test, seed in seeds():\n"
    body += "    if (test, seed) == ('test_a', 18):\n"
    body += "        while (used := time.process_time()) < 3:\n            say(Alive())\n"
    body += "            while time.process_time() < used + 0.1: pass\n"
    body += "    passes(seed)"
    assert [test.lost for test in work(started(body, 1)).tests] == [None, None]


def test_a_clock_that_jumps_is_not_the_workers_fault(
    started: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps when the whole command is stopped, and goes on later."""
    real = time.monotonic

    class Clock:
        ahead = 0.0

        @staticmethod
        def monotonic() -> float:
            return real() + Clock.ahead

        sleep = staticmethod(time.sleep)

    pool = started(
        "ready()\nimport time\nfor test, seed in seeds():\n    time.sleep(.05)\n    passes(seed)"
    )
    tests = pool.tests()
    monkeypatch.setattr(pool_module, "time", Clock)
    plan = Plan("lab", tests, 2)

    def jump() -> None:
        if plan.runs >= 10:
            Clock.ahead = 3600.0

    pool.work(plan, jump)
    assert Clock.ahead
    assert plan.result().verdict == "pass"


def test_what_a_worker_said_before_it_died_is_heard_though_it_takes_no_job(
    started: Callable[..., Pool],
) -> None:
    pool = started("ready()\ngiven.append(job_of(receive()))\npasses(0)", 1)
    pool.tests()
    (worker,) = pool._workers
    worker.give(Chunk("test_a", 0, 1))
    worker._process.wait()
    worker.give(Chunk("test_a", 1, 1))
    assert worker.ended
    assert [type(message) for message in worker.hear()] == [Answered]


def test_workers_that_die_idle_are_replaced(started: Callable[..., Pool]) -> None:
    body = "ready()\nfor test, seed in seeds():\n    passes(seed)\n    if seed == 19: os._exit(0)"
    pool = started(body)
    first = work(pool)
    assert first.verdict == "pass"
    assert work(pool).digest == first.digest


def test_nothing_runs_in_a_process_after_a_run_that_changed_it(
    started: Callable[..., Pool],
) -> None:
    body = """
ready()
leaked = False
for test, seed in seeds():
    verdict = "fail" if leaked else "pass"
    leaked |= (test, seed) == ("test_a", 5)
    answer(Ran(verdict, str(seed), 1, 1, 1, 1000, "", leaked))
"""
    for jobs in (1, 3):
        a, b = work(started(body, jobs)).tests
        assert (a.counted.seeds, a.counted.failed) == (6, [])
        assert (b.counted.seeds, b.counted.failed) == (20, [])


def test_what_a_told_run_printed_is_cut_at_its_marker(started: Callable[..., Pool]) -> None:
    body = """
ready()
while True:
    job = job_of(receive())
    end = end_of(job.marker) + "\\nlater"
    print("earlier", job.marker, "now", "x" * 100_000, "end", end, sep="\\n", flush=True)
    told = RerunReport(Ran("fail", "digest", 0, 0, 0, 0), "story of " + job.seed)
    say(Answered(0, job.test, job.seed, told))
"""
    pool = started(body, 1)
    pool.tests()
    rerun = Rerun("test_a", 2**100, "again")
    pool.work(Reruns([rerun]))
    assert rerun.report is not None
    assert rerun.report.story == f"story of {2**100}"
    assert "earlier" not in rerun.printed
    assert rerun.printed.endswith("x\nend")
    assert len(rerun.printed) < 20_000


def test_no_worker_is_left() -> None:
    script = FAKE.format(root=str(ROOT), body=HONEST)
    launch = Launch((sys.executable, "-c", script), dict(os.environ), b"setup")
    with Pool(launch, 3, stuck_s=1, note=print) as pool:
        pool.tests()
        processes = [worker._process for worker in pool._workers]
        assert len(processes) == 3
    assert [process.returncode for process in processes] == [-9, -9, -9]


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps orphans")
def test_nothing_that_a_worker_has_started_is_left_not_even_ended(
    started: Callable[..., Pool],
) -> None:
    body = "ready()\nfor test, seed in seeds():\n"
    body += "    if (test, seed) == ('test_a', 18):\n"
    body += "        for _ in range(3):\n            if not os.fork():\n"
    body += "                os.setsid()\n                while True: pass\n"
    body += "        while True: pass\n    passes(seed)"
    before = {one.pid for one in descendants(os.getpid(), processes())}
    pool = started(body, 1)
    assert work(pool).tests[0].lost is not None
    pool.__exit__(None, None, None)
    assert {one.pid for one in descendants(os.getpid(), processes())} <= before


def test_listed_tests_come_from_the_worker(started: Callable[..., Pool]) -> None:
    assert started(HONEST, 1).tests() == [Listed("test_a", 20, 1), Listed("test_b", 20, 1)]
