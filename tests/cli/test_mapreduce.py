"""`labtester mapreduce`: real jobs by command, and one sentence for what cannot be done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import Runner, labtester

__all__ = ["labtester"]

THEIRS = """
class Shouts:
    def map(self, file, contents):
        if "forbidden" in contents:
            raise ValueError("no shouting")
        return [(word.upper(), file) for word in contents.split()]

    def reduce(self, key, values):
        return " ".join(sorted(values))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.txt").write_text("b a\n")
    (tmp_path / "two.txt").write_text("a c\n")
    (tmp_path / "bad.txt").write_text("forbidden\n")
    (tmp_path / "shouting.py").write_text(THEIRS)
    return tmp_path


def lines(out: Path) -> list[str]:
    files = sorted(out.iterdir())
    assert all(file.name.startswith("mr-out-") for file in files)
    return sorted(line for file in files for line in file.read_text().splitlines())


def test_words_are_counted(labtester: Runner, folder: Path) -> None:
    done = labtester("mapreduce", "wc", "one.txt", "two.txt", "--out", "out", "--workers", "1")
    assert done.status == 0, done.err
    assert lines(folder / "out") == ["a 2", "b 1", "c 1"]
    assert done.out == "2 map tasks, 10 reduce tasks: out\n"
    assert done.err.splitlines()[:2] == ["map 1 of 2", "map 2 of 2"]
    assert done.err.splitlines()[-1] == "reduce 10 of 10"


def test_an_app_of_ones_own_and_json(labtester: Runner, folder: Path) -> None:
    options = ("--out", "out", "--n-reduce", "2", "--workers", "1", "--json", "-")
    done = labtester("mapreduce", "shouting:Shouts", "one.txt", "two.txt", *options)
    assert done.status == 0, done.err
    assert lines(folder / "out") == ["A one.txt two.txt", "B one.txt", "C two.txt"]
    told = json.loads(done.out)
    assert (told["maps"], told["n_reduce"], told["lost_workers"]) == (2, 2, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("wc nowhere.txt --out out", "labtester: nowhere.txt: No such file or directory"),
        ("wc . --out out", "labtester: .: expected a file, got a folder: name the files in it"),
        ("wc /dev/null --out out", "/dev/null: expected a file, got a device, pipe or socket"),
        ("wc one.txt --out two.txt", "labtester: two.txt: expected a folder, got a file"),
        ("wc one.txt --out full", "full: expected a folder without an output, got mr-out-0"),
        (
            "wc one.txt --out out --executor tcp://x:1",
            "expected dask://HOST:PORT, got 'tcp://x:1'",
        ),
        ("wc one.txt", "--out"),
        ("wc --out out", "INPUT"),
        ("wc one.txt --out out --workers 0", "expected an integer, 1 to 1024, got '0'"),
    ],
)
def test_what_cannot_begin_is_one_sentence(
    labtester: Runner, folder: Path, arguments: str, said: str
) -> None:
    (folder / "full").mkdir()
    (folder / "full" / "mr-out-0").touch()
    assert said in labtester("mapreduce", *arguments.split()).sentence
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())


SLEEPS = """
import time

class Sleeps:
    def map(self, file, contents):
        open("begun", "w").close()
        time.sleep(600)

    reduce = map
"""
MAIN = """
import signal
from tester.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
main()
"""


def test_an_interrupt_ends_the_workers_and_leaves_nothing(folder: Path) -> None:
    (folder / "sleeping.py").write_text(SLEEPS)
    command = [sys.executable, "-c", MAIN, "mapreduce", "sleeping:Sleeps", "one.txt"]
    with subprocess.Popen(
        [*command, "--out", "out", "--workers", "2"], stderr=subprocess.PIPE, text=True
    ) as running:
        while not (folder / "begun").exists() and running.poll() is None:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        said = running.stderr.read()  # ends when no worker has it open any more
    assert (running.returncode, said.strip()) == (130, "")
    assert list((folder / "out").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write and read anything")
def test_a_folder_that_cannot_be_written_is_named(labtester: Runner, folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o500)
    done = labtester("mapreduce", "wc", "one.txt", "--out", "closed/out")
    assert "closed/out: expected a folder to write to: Permission denied" in done.sentence


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("shouting:Shouts", "the app shouting:Shouts raised ValueError: no shouting ("),
        ("shouting:Shouts", "shouting.py:5) when it mapped bad.txt, bytes 0 to 10"),
        ("shouting:Whispers", "shouting:Whispers: expected a class Whispers in"),
        ("wcc", "expected one of wc, indexer, grep, or MODULE:CLASS, got 'wcc'"),
    ],
)
def test_an_app_that_fails_is_named(labtester: Runner, folder: Path, app: str, said: str) -> None:
    done = labtester("mapreduce", app, "bad.txt", "--out", "out", "--workers", "1")
    assert done.status == 2
    assert said in done.sentence
    assert list((folder / "out").iterdir()) == []
