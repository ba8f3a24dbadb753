"""A class of a hundred, graded in one command, killed, graded again: run by `make soak`.

Correct variants and known bugs of the catalogue, and submissions that are broken or hostile.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tester.grading.rubric_file import load
from tester.labs import LABS
from tests.grading.packing import folder, solution, tarred, zipped
from tests.grading.test_grade import POINTS, SECRET, everything, hidden_seeds, lines, variants

SIZE = 100
RUBRIC = """\
lab = "kvsrv"
[seeds]
public = 1
hidden = 2
secret = "secret.txt"
[limits]
stuck_after = 1
[[tests]]
name = "test_reliable_put"
points = 10
[[tests]]
name = "test_unreliable_net"
points = 20
public_points = 4
hidden_hint = 3
[[tests]]
name = "test_outage"
points = 6
credit = "share"
"""
ARGS = ("--rubric", "rubric.toml", "--format", "gradescope", "--jobs", "2", "--out")


def submissions() -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """A hundred of them, by names that say what they are."""
    catalogue = LABS["kvsrv"].catalogue()
    made = []
    for kind, several in (("right", catalogue.variants), ("bug", catalogue.bugs)):
        for one in several:
            files = {path: text.encode() for path, text in one.sources()}
            made.append((f"{kind}-{one.name}", solution() | files))
    made += [(f"odd-{name}", files) for name, files in variants().items()]
    for number in range(SIZE):
        name, files = made[number % len(made)]
        yield f"{number:03}-{name}", files


def hand_in(place: Path) -> list[str]:
    """Write them as folders and archives by turns; their paths."""
    paths = []
    for number, (name, files) in enumerate(submissions()):
        if number % 3 == 0 or not files:
            paths.append(folder(place / name, files))
        elif number % 3 == 1:
            paths.append(zipped(place / f"{name}.zip", files))
        else:
            paths.append(tarred(place / f"{name}.tar.gz", files, "w:gz"))
    return [str(path.relative_to(place.parent)) for path in paths]


def start(place: Path, paths: list[str], out: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from tester.cli import main; main()", "grade", *paths, *ARGS, out],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_class_of_a_hundred(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "rubric.toml").write_text(RUBRIC)
    paths = hand_in(tmp_path / "in")
    assert len(paths) == SIZE
    luck = random.Random(7)
    for _ in range(3):  # killed early, in the middle and late
        process = start(tmp_path, paths, "out")
        until = luck.randint(5, 300)
        while process.poll() is None and len(lines(tmp_path / "out")) < until:
            time.sleep(0.5)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert start(tmp_path, paths, "out").wait() == 1
    seeds = Counter(
        (line["student"], line["part"], line["index"])
        for line in lines(tmp_path / "out")
        if line["type"] == "SeedLine"
    )
    assert set(seeds.values()) == {1}

    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["not_graded"] == {}
    full = load(tmp_path / "rubric.toml").max_points
    for name, points in summary["scores"].items():
        kind, _, what = re.sub(r"^\d+-", "", name).partition("-")
        assert points == full or kind != "right", (name, points)
        if kind == "odd":
            assert (points == 0) == (what not in POINTS), (name, points)
            assert (points == full) == (POINTS.get(what) == 34), (name, points)
        shown = (tmp_path / "out" / "students" / f"{name}.json").read_text().lower()
        assert not [seed for seed in hidden_seeds(tmp_path / "rubric.toml", name) if seed in shown]
    before = everything(tmp_path / "out")
    assert start(tmp_path, paths, "out").wait() == 1
    assert everything(tmp_path / "out") == before
    print((tmp_path / "out" / "summary.txt").read_text())
