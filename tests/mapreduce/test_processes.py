"""Real jobs in real processes: the output is that of the sequential run, whoever is killed."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from mapreduce import coordinator, processes
from mapreduce.apps import Indexer, WordCount
from mapreduce.processes import BadJob, Job, Processes
from mapreduce.sequential import sequential

WORDS = ["the", "of", "naïve", "дом", "tom", "a", "sherlock", "it"]


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    """Three files, one of them empty, that make about twelve map tasks."""
    luck = random.Random(7)
    made = []
    for number, lines in enumerate((400, 0, 300)):
        file = tmp_path / f"book-{number}.txt"
        text = (" ".join(luck.choices(WORDS, k=8)) for _ in range(lines))
        file.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
        made.append(str(file))
    return made


def output(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def wanted(app: WordCount | Indexer, inputs: list[str], n_reduce: int) -> dict[str, bytes]:
    texts = [(name, Path(name).read_text(encoding="utf-8")) for name in inputs]
    made = asyncio.run(sequential(app, texts, n_reduce))
    return dict(sorted(made.items()))


@pytest.mark.parametrize(("name", "app"), [("wc", WordCount()), ("indexer", Indexer())])
def test_a_job_in_processes(
    name: str, app: WordCount | Indexer, inputs: list[str], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    job = Job(
        name, inputs, str(tmp_path / "new" / "out"), workers=2, n_reduce=3, least_bytes=2_000
    )
    running = Processes(job, lambda *done: told.append(done))
    asyncio.run(running.run())
    assert output(tmp_path / "new" / "out") == wanted(app, inputs, 3)
    assert running.maps > 8
    assert told[-1] == (running.maps, 3)
    assert running.running == {}


async def kill_some(running: Processes, times: int, luck: random.Random) -> None:
    """Kill a random worker again and again, while the job runs."""
    job = asyncio.ensure_future(running.run())
    killed = 0
    while not job.done():
        await asyncio.sleep(0.02 + luck.random() / 10)
        if running.running and killed < times:
            running.running[luck.choice(sorted(running.running))].kill()
            killed += 1
    await job


def test_workers_that_are_killed_change_no_byte(inputs: list[str], tmp_path: Path) -> None:
    right = wanted(WordCount(), inputs, 3)
    lost = 0
    for round_ in range(2):
        out = tmp_path / f"out{round_}"
        running = Processes(
            Job("wc", inputs, str(out), workers=2, n_reduce=3, least_bytes=2_000),
            lambda maps, reduces: None,
        )
        asyncio.run(kill_some(running, 2, random.Random(round_)))
        assert output(out) == right
        lost += running.lost
    assert lost


def test_a_worker_that_hangs_holds_nobody_up(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "PATIENCE_S", 1)
    monkeypatch.setattr(processes, "LEAVE_S", 1)
    out = tmp_path / "out"
    job = Job("wc", inputs, str(out), workers=2, n_reduce=3, least_bytes=2_000)
    running = Processes(job, lambda maps, reduces: stop_one(maps))

    def stop_one(maps: int) -> None:
        if maps == 1:
            running.running[min(running.running)].send_signal(signal.SIGSTOP)

    asyncio.run(running.run())
    assert output(out) == wanted(WordCount(), inputs, 3)
    assert running.running == {}


EXITS = """
import os

class Exits:
    def map(self, file, contents):
        os._exit(7)

    def reduce(self, key, values):
        return ""
"""


def test_a_task_that_ends_its_workers_ends_the_job(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exits_for_mapreduce.py").write_text(EXITS)
    monkeypatch.chdir(tmp_path)
    job = Job("exits_for_mapreduce:Exits", inputs[:1], str(tmp_path / "out"), workers=1)
    with pytest.raises(BadJob, match=r"book-0.txt, bytes 0 to \d+ has ended three workers"):
        asyncio.run(Processes(job, lambda maps, reduces: None).run())
    assert output(tmp_path / "out") == {}
