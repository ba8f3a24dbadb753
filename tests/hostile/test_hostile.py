"""A hostile submission does not pass, does not hang, and leaves no process and no traceback."""

import os
import resource
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.hostile.table import HOSTILE, Hostile
from tests.running import MAIN, submit

MOST_CPU_S = 10 + 3
"""Of all processes together: ten beside what it takes to start them, which differs."""
SAMPLE = [
    "forks",
    "crashes in a comparison",
    "leaves when imported",
    "exits in the text of an error",
    "leaves when a generator closes",
    "a reply that lies",
    "posix.fork",
]


def comes_to_a_clear_end(hostile: Hostile, folder: Path) -> None:
    """Run it, with one seed of one test, and look at all that it may have done."""
    theirs = submit(folder, hostile.put, before=hostile.before)
    mark = uuid.uuid4().hex
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "MARK": mark}
    options = ["--seeds", "1", "--jobs", "1", "--stuck-after", "1", "--memory", "256M"]
    command = ["run", "tiny", "--tests", "test_unreliable", *options, "--submission", theirs]
    before = cpu_s()
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=600,
        check=False,
    )
    said = f"{done.stdout[-3_000:]}\n{done.stderr[-3_000:]}"
    assert done.returncode in ({1, 2} if hostile.breaks else {0, 1, 2}), said
    assert cpu_s() - before < MOST_CPU_S, said
    assert "Traceback" not in done.stderr, said
    assert "fault of labtester's own" not in said, said
    if sys.platform == "linux":
        assert left_by(mark) == []


def cpu_s() -> float:
    """Seconds of CPU time of all processes that this one started, as far as they have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def left_by(mark: str) -> list[str]:
    """The processes that have this mark in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text()[:200])
        except OSError:  # another user's, or gone
            continue
    return found


def test_there_are_a_hundred() -> None:
    assert len(HOSTILE) >= 100
    assert set(SAMPLE) <= set(HOSTILE)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_hostile_submission_comes_to_a_clear_end(name: str, tmp_path: Path) -> None:
    comes_to_a_clear_end(HOSTILE[name], tmp_path)
