"""Isolated runs: the same digests as in one process, and a submission that cannot be run."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tester.engine.choices import Choices, Seeded
from tester.grading import kernel
from tester.grading.isolation import Isolation, Kind, MachineFault, run_isolated
from tester.grading.remote import Broken
from tester.grading.sandbox import Limits
from tester.grading.zygote import _Zygote
from tester.labs import LABS
from tester.workers.processes import descendants, processes
from tester.world.run import run
from tests.grading.handing import SUBMISSIONS, changed, reference
from tests.tree import ROOT

KVSRV = reference("kvsrv")
TESTS = {
    "kvsrv": ("test_unreliable_net", "test_copies", "test_put_concurrent_unreliable"),
    "lock": ("test_many_clients_unreliable",),
    "dedup": ("test_unreliable", "test_concurrent"),
    "raft": ("test_fail_agree_3b", "test_persist2_3c"),
    "rsm": ("test_basic_4a",),
    "kvraft": ("test_basic_4b",),
    "mapreduce": ("test_wc", "test_crash_worker"),
    "kvraft-dedup": ("test_basic_4a",),
}


def test_every_lab_is_compared() -> None:
    assert TESTS.keys() == SUBMISSIONS.keys() == LABS.keys()


@pytest.mark.parametrize("lab", TESTS)
def test_digests_are_those_of_one_process(lab: str) -> None:
    with Isolation(lab, SUBMISSIONS[lab]) as isolated:
        assert isolated.refusal == ""
        for test in TESTS[lab]:
            for seed in range(2):
                here = run(isolated.tests[test], Choices(Seeded(seed)))
                there = isolated.run(test, seed)
                assert (there.kind, there.sentence) == (Kind.PASSED, "")
                assert there.digest == here.digest, (test, seed)


def test_a_submission_may_annotate_its_run() -> None:
    at = "        repeated = False\n"
    told = (
        f"        from tester import annotate\n        annotate('puts', key, lasting=True)\n{at}"
    )
    files = changed(KVSRV, "kvsrv/client.py", at, told)
    with Isolation("kvsrv", files) as isolated:
        assert isolated.run("test_unreliable_net", 1).sentence == ""


def test_a_failure_is_told_in_words_and_as_a_story() -> None:
    wrong = changed(KVSRV, "kvsrv/client.py", "return Err.MAYBE", "return reply.err")
    with Isolation("kvsrv", wrong) as isolated:
        results = [isolated.run("test_unreliable_net", seed) for seed in range(3)]
        failing = next(result for result in results if result.kind is Kind.FAILED)
        story = isolated.story("test_unreliable_net", failing.seed, "run it again")
    assert failing.error == "NotLinearizable"
    assert failing.sentence in story
    assert "the network lost the reply" in story
    assert story.endswith("run it again\n")


def test_what_was_not_handed_in_is_missing() -> None:
    files = {"kvsrv/server.py": KVSRV["kvsrv/server.py"]}
    with Isolation("kvsrv", files) as isolated:
        assert "kvsrv/client.py was not handed in" in isolated.refusal
        with pytest.raises(ValueError, match="cannot be run"):
            isolated.run("test_unreliable_net", 0)


def test_the_reference_can_be_granted_below_what_was_handed_in() -> None:
    granted = ("kvsrv/client.py", "kvsrv/server.py")
    [result] = run_isolated(
        "lock", "test_one_client_reliable", [0], reference("lock"), granted=granted
    )
    assert result.kind is Kind.PASSED


def test_files_that_are_not_used_are_named() -> None:
    files = {**KVSRV, "kvsrv/rpc.py": b"", "kvsrv/__init__.py": b"raise SystemExit"}
    with Isolation("kvsrv", files) as isolated:
        assert isolated.refusal == ""
        assert [note.partition(" ")[0] for note in isolated.notes] == [
            "kvsrv/rpc.py",
            "kvsrv/__init__.py",
        ]


@pytest.mark.parametrize("level", [3, 2, 1])
def test_a_weaker_sandbox_gives_the_same_digest_and_says_what_it_lacks(level: int) -> None:
    with Isolation("kvsrv", KVSRV, level=level) as isolated:
        result = isolated.run("test_unreliable_net", 1)
        there = isolated.enforced
        here = run(isolated.tests["test_unreliable_net"], Choices(Seeded(1)))
    assert (result.kind, result.digest) == (Kind.PASSED, here.digest)
    assert there.level <= level
    assert f"sandbox: level {there.level}" in there.report()
    assert there.users == (there.level == 2)
    if there.level < 3:
        assert "not available: " in there.report()
        assert "no network" in there.report().partition("not available: ")[2]


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ("import os\nos.fork()", "asked the system for something"),
        (f"open({str(ROOT / 'kvsrv' / 'client.py')!r}).read()", "Permission denied"),
    ],
    ids=["forks", "reads the reference"],
)
def test_a_weaker_sandbox_still_refuses(top: str, why: str) -> None:
    files = changed(KVSRV, "kvsrv/server.py", "class KVServer:", f"{top}\n\n\nclass KVServer:")
    with Isolation("kvsrv", files, level=1) as isolated:
        assert why in isolated.refusal


GRADER = """
from tester.grading.isolation import Isolation
from tests.grading.handing import SUBMISSIONS
with Isolation("kvsrv", SUBMISSIONS["kvsrv"]) as isolated:
    for seed in range(1_000_000):
        isolated.run("test_unreliable_net", seed)
        print(isolated._process.pid, flush=True)
"""


def test_nothing_outlives_a_grader_that_is_killed(tmp_path: Path) -> None:
    grader = subprocess.Popen(
        [sys.executable, "-c", GRADER],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert grader.stdout is not None
    zygote = int(grader.stdout.readline())
    mine = {zygote, *(one.pid for one in descendants(zygote, processes()))}
    assert len(mine) > 1
    grader.kill()
    grader.communicate()
    until = time.monotonic() + 60
    while left := [one for one in processes().values() if one.pid in mine and not one.ended]:
        assert time.monotonic() < until, left
        time.sleep(0.1)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_cannot_be_started_is_a_fault_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    zygote: Any = object.__new__(_Zygote)
    zygote._nodes, zygote._faults = {}, {}
    monkeypatch.setattr(kernel, "fork", refuse)
    for slot in (1, 2):
        zygote._spawn(slot, os.open(os.devnull, os.O_RDONLY))
    assert "Resource temporarily unavailable" in zygote._collect(1)
    assert "Resource temporarily unavailable" in zygote._reap(2)
    isolated = Isolation("kvsrv", KVSRV)
    monkeypatch.setattr(isolated, "_ask", lambda what, slot: "[Errno 11] no more")
    with pytest.raises(MachineFault, match=r"no process can be started: .* no more"):
        isolated.collect(1)


HANGS_WHEN_ASKED = """
from tester.engine.choices import Choices


def endless(self):
    while True:
        pass


Choices.record = endless


class KVServer:"""


def test_nodes_that_hang_only_while_a_failure_is_shrunk_do_so_in_one_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hung: list[Broken] = []
    heard = Isolation.hung

    def hear(self: Isolation, broken: Broken) -> None:
        hung.append(broken)
        heard(self, broken)

    monkeypatch.setattr(Isolation, "hung", hear)
    wrong = changed(KVSRV, "kvsrv/server.py", "class KVServer:", HANGS_WHEN_ASKED)
    server = "        return PutReply(Err.OK)"
    wrong = changed(wrong, "kvsrv/server.py", server, "        raise ValueError")
    with Isolation("kvsrv", wrong, limits=Limits(step_cpu_s=1)) as isolated:
        assert isolated.run("test_reliable_put", 0).error == "ValueError"
        assert isolated.diagnosis("test_reliable_put", 0).outcome.error is not None
        assert len(hung) == 2  # the server's process and the clerk's, in one run
        assert isolated.run("test_reliable_put", 0).error == "ValueError"
