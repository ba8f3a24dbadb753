"""Who started whom is known, and all of them can be ended, however they try to get away."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tester.workers import processes as module
from tester.workers.processes import (
    Process,
    by_ps,
    descendants,
    end_descendants,
    end_orphans,
    keep_descendants,
    processes,
    seconds,
)

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps orphans")
TREE = """
import os, sys, time
from tester.workers.processes import keep_descendants
keep_descendants()
{body}
print("ready", flush=True)
time.sleep(600)
"""
FORKS = """
for session in (False, True):
    if not os.fork():
        if session:
            os.setsid()
        if os.fork():
            os._exit(0)
        os.fork()
        time.sleep(600)
for _ in range(2):
    os.wait()
"""
BOMB = """
if not os.fork():
    os.setsid()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
"""


@pytest.fixture
def start() -> Iterator[Callable[[str], int]]:
    """Starts a process that keeps its descendants, which it starts by this code; its number."""
    started: list[subprocess.Popen[str]] = []

    def start(body: str) -> int:
        script = TREE.format(body=body)
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


def living(root: int) -> list[int]:
    return [one.pid for one in descendants(root, processes()) if not one.ended]


def test_descendants_are_found_at_any_depth() -> None:
    def process(pid: int, parent: int) -> Process:
        return Process(pid, parent, pid, 0.0, 0, ended=False)

    among = {one.pid: one for one in map(process, (2, 3, 4, 5, 6), (1, 2, 2, 4, 1))}
    assert sorted(one.pid for one in descendants(2, among)) == [3, 4, 5]
    assert descendants(3, among) == []


@ON_LINUX
@pytest.mark.parametrize("body", [FORKS, BOMB], ids=["sessions", "bomb"])
def test_all_descendants_are_ended_and_the_process_goes_on(
    start: Callable[[str], int], body: str
) -> None:
    root = start(body)
    until = time.monotonic() + 30
    while body is FORKS and len(living(root)) != 4:
        assert time.monotonic() < until
    end_descendants(root)
    while living(root):  # a process that was killed may take a moment to end
        assert time.monotonic() < until
    assert not processes()[root].ended


@ON_LINUX
def test_orphans_come_to_who_keeps_them_and_are_ended() -> None:
    orphan = "import os, time\nif os.fork(): os._exit(0)\nos.setsid(); os.fork(); time.sleep(600)"
    others = set(living(os.getpid()))  # of other tests: multiprocessing keeps one
    module.OWN.update(others)
    kept = keep_descendants()
    try:
        subprocess.run([sys.executable, "-c", orphan], check=True, start_new_session=True)
        own = subprocess.Popen(["sleep", "600"], start_new_session=True)
        until = time.monotonic() + 30
        while len(set(living(os.getpid())) - others) < 3:
            assert time.monotonic() < until
        module.OWN.add(own.pid)
        end_orphans()
        module.OWN.discard(own.pid)
        assert own.pid in living(os.getpid())
        own.kill()
        own.wait()
        assert set(living(os.getpid())) <= others
    finally:
        module.OWN.difference_update(others)
        keep_descendants(keep=kept)


@pytest.mark.parametrize("read", [processes, by_ps])
def test_a_process_is_seen_with_what_it_uses(
    read: Callable[[], dict[int, Process]],
) -> None:
    if read is by_ps and shutil.which("ps") is None:
        pytest.skip("needs ps")
    busy = subprocess.Popen([sys.executable, "-c", "a = b'x' * (64 << 20)\nwhile True: pass"])
    try:
        until = time.monotonic() + 60
        while (found := read()[busy.pid]).cpu_s < 1 or found.resident < 64 << 20:
            assert time.monotonic() < until
        assert (found.parent, found.group, found.ended) == (os.getpid(), os.getpgrp(), False)
        busy.kill()
        os.waitid(os.P_PID, busy.pid, os.WEXITED | os.WNOWAIT)
        assert read()[busy.pid].ended
    finally:
        busy.kill()
        busy.wait()
    assert busy.pid not in read()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [("00:00:00", 0), ("01:02:03", 3723), ("2-01:00:00", 176_400), ("3:04.56", 184.56)],
)
def test_times_of_ps(shown: str, expected: float) -> None:
    assert seconds(shown) == pytest.approx(expected)


def test_other_systems_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sys", type("System", (), {"platform": "darwin"}))
    assert keep_descendants() is False
    with contextlib.suppress(FileNotFoundError):
        assert os.getpid() in processes()
