"""A word count of a large text by one worker and by two, beside `collections.Counter`.

    python -m bench.mapreduce [MEGABYTES]
    python -m bench.mapreduce kills [TIMES]

The second command kills a random worker that has had a task, so many times, and compares the
output of every job with that of the first, byte for byte.
"""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from mapreduce.apps.wc import WORD
from mapreduce.processes import Job, Processes

MEGABYTES: Final = 200
WORDS: Final = 50_000
"""At most this many different words; the n-th is about n times rarer than the first."""
PIECE_MB: Final = 10
"""The text is a piece of this size, again and again."""
KILLS: Final = 50
PART_BYTES: Final = 20_000
"""The least of a map task where workers are killed: many tasks, which take little time each."""
EACH: Final = 2
"""At most this many in one job: a task that loses a third worker ends it."""


def write_text(path: Path, megabytes: int) -> None:
    """Generate a text, always the same."""
    luck = np.random.default_rng(1)
    lengths = luck.integers(2, 10, WORDS)
    letters = luck.integers(ord("a"), ord("z") + 1, int(lengths.sum())).astype(np.uint8).tobytes()
    ends = lengths.cumsum()
    words = [letters[end - n : end].decode() for n, end in zip(lengths, ends, strict=True)]
    chosen = (WORDS ** luck.random(PIECE_MB * 170_000)).astype(int) - 1
    lines = (" ".join(words[at] for at in chosen[i : i + 12]) for i in range(0, len(chosen), 12))
    piece = "\n".join(lines).encode()[: PIECE_MB * 10**6] + b"\n"
    with path.open("wb") as file:
        for _ in range(-(-megabytes // PIECE_MB)):
            _ = file.write(piece)


class Taken(NamedTuple):
    """What a way of counting took."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Of the process that held most."""


def taken(code: list[str]) -> Taken:
    """Run a command of ours and its processes, and see what they take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", *code], check=True, capture_output=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(wall, cpu, after.ru_maxrss / 1_000)


COUNTER: Final = """
import sys
from collections import Counter
from mapreduce.apps.wc import WORD
counts = Counter()
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        counts.update(WORD.findall(line))
print(len(counts))
"""


def compare(megabytes: int) -> None:
    """Print what counting takes in one process, with one worker and with two."""
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "text.txt"
        write_text(text, megabytes)
        size = text.stat().st_size / 10**6
        print(f"word count of {size:.0f} MB; the peak is that of the largest process so far\n")
        print(f"{'':<12}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}")
        walls = {}
        for workers in (1, 2):
            out = str(Path(scratch) / f"out{workers}")
            main = ["from tester.cli import main; main()", "mapreduce", "wc", str(text)]
            found = taken([*main, "--out", out, "--workers", str(workers)])
            walls[workers] = found.wall_s
            print(line(f"{workers} worker{'s'[: workers - 1]}", found))
        print(line("Counter", taken([COUNTER, str(text)])))
        print(
            f"\ntwo workers are {walls[1] / walls[2]:.2f} times as fast as one, on the wall clock"
        )
        check(Path(scratch), text)


def line(name: str, found: Taken) -> str:
    """A row of the table."""
    return f"{name:<12}{found.wall_s:>8.1f}{found.cpu_s:>8.1f}{found.peak_mb:>9.0f}"


def check(scratch: Path, text: Path) -> None:
    """Compare the outputs with each other and, of a part of the words, with a Counter."""
    one, two = (
        {f.name: f.read_bytes() for f in (scratch / o).iterdir()} for o in ("out1", "out2")
    )
    assert one == two, "one worker and two have counted differently"
    piece = text.read_bytes()[: PIECE_MB * 10**6 + 1]
    copies = text.stat().st_size // len(piece)
    words = Counter(WORD.findall(piece.decode()))
    counts = dict(line.split() for data in one.values() for line in data.decode().splitlines())
    assert counts == {word: str(n * copies) for word, n in words.items()}, "the counts are wrong"
    print("the outputs are equal, and those of collections.Counter")


def kill(times: int) -> None:
    """Run jobs, and kill workers in them, until so many have died."""
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "text.txt"
        write_text(text, PIECE_MB)
        _ = text.write_bytes(text.read_bytes()[: 2 * 10**6] + b"\n")
        luck = random.Random(1)
        wanted: dict[str, bytes] = {}
        jobs = lost = 0
        whole_s = 0.0
        while lost < times:
            out = Path(scratch) / f"out{jobs}"
            job = Job("wc", [str(text)], str(out), 3, least_bytes=PART_BYTES)
            running = Processes(job, lambda maps, reduces: None)
            began = time.monotonic()
            asyncio.run(
                _run(running, luck, min(EACH, times - lost) if jobs else 0, whole_s / EACH)
            )
            whole_s = whole_s or time.monotonic() - began
            found = {file.name: file.read_bytes() for file in out.iterdir()}
            wanted = wanted or found
            assert found == wanted, f"the output of job {jobs} differs"
            jobs, lost = jobs + 1, lost + running.lost
            print(f"{jobs} jobs, {lost} workers killed: no byte differs", flush=True)


async def _run(running: Processes, luck: random.Random, times: int, within_s: float) -> None:
    job = asyncio.ensure_future(running.run())
    killed = 0
    while not job.done():
        await asyncio.sleep(0.05 + within_s * luck.random())
        at_work = sorted(running.running.keys() & running.coordinator.at_work())
        if at_work and killed < times:
            running.running[luck.choice(at_work)].kill()
            killed += 1
    await job


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    if arguments[:1] == ["kills"]:
        kill(int(arguments[1]) if arguments[1:] else KILLS)
    else:
        compare(int(arguments[0]) if arguments else MEGABYTES)


if __name__ == "__main__":
    main(sys.argv[1:])
