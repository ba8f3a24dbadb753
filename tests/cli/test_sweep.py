"""`labtester sweep` at the command line: what it runs, keeps, prints and refuses."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.running import Runner, labtester, submit

__all__ = ["labtester"]

UNRELIABLE = "tiny::test_unreliable"
REFUSES = 'if args.key == "third" or args.version == 2:\n    return PutReply(Err.NO_KEY)'
MINE = """\
from kvsrv import Err
from tester import Simulation, simulate
from tester.world.simulate import UNRELIABLE

@simulate(network=UNRELIABLE, sometimes=["answered"])
async def test_puts(sim: Simulation) -> None:
    sim.serve()
    clerk = sim.clerk()
    for key in "abc":
        assert await clerk.put(key, "", 0) is Err.OK
    sim.sometimes("answered")
"""


def export(labtester: Runner, store: str) -> str:
    done = labtester("sweep", "export", store)
    assert done.status == 0
    return done.out


def test_seeds_are_run_once_and_the_result_is_the_same(labtester: Runner) -> None:
    first = labtester("sweep", "tiny", "--seeds", "30", "--store", "a.db", "--jobs", "2")
    assert (first.status, first.err.split(",")[0]) == (0, "66 seeds run")
    again = labtester("sweep", "tiny", "--seeds", "30", "--store", "a.db", "--jobs", "1")
    assert again.err == "0 seeds run\n"
    sections = re.findall(r"^(tiny::\w+)\n    (\d+ seeds, \d+ failed)", again.out, re.MULTILINE)
    assert sorted(sections) == [
        ("tiny::test_heavy", "6 seeds, 0 failed"),
        ("tiny::test_third", "30 seeds, 0 failed"),
        ("tiny::test_unreliable", "30 seeds, 0 failed"),
    ]
    exported = export(labtester, "a.db")
    assert exported.count("\n") == 66 + 3
    _ = labtester("sweep", "tiny", "--seeds", "12:30", "--store", "b.db", "--jobs", "3")
    _ = labtester("sweep", "tiny", "--seeds", "30", "--store", "b.db", "--jobs", "1")
    assert export(labtester, "b.db") == exported


def test_a_failure_is_shown_and_kept_and_can_be_run_again(labtester: Runner) -> None:
    theirs = submit(labtester.folder, REFUSES)
    args = ("sweep", UNRELIABLE, "--seeds", "20", "--submission", theirs)
    done = labtester(*args, "--store", "a.db", "--json", "out.json", "--html", "page.html")
    assert done.status == 1
    found = json.loads(Path("out.json").read_text())
    assert found["verdict"] == "fail"
    (group,) = found["failures"]
    assert (group["failed"], group["first_seeds"]) == (20, [0, 1, 2, 3, 4])
    (story,) = group["stories"]
    assert story["text"] in done.out
    assert f"kept as {story['path']}" in done.out
    for command in (story["command"], f"labtester replay {story['path']}"):
        assert labtester(*shlex.split(command)[1:]).status == 1
    page = Path("page.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert '<span class="badge fail">' in page
    assert f">seed {story['seed']}: " in page
    stored = labtester("sweep", "stats", "a.db", "--submission", theirs).out
    assert stored.replace(" --schedule random", "") == done.out
    assert labtester(*args, "--store", "a.db").out == done.out


def test_a_test_of_a_file_is_named_by_its_node_id(labtester: Runner) -> None:
    Path("test_mine.py").write_text(MINE)
    strategy = ("--strategy", "swarm")
    done = labtester("sweep", "test_mine.py", "--seeds", "30", "--store", "a.db", *strategy)
    assert done.status == 1
    command = re.findall(r"^    (labtester .*)$", done.out, re.MULTILINE)[0]
    assert re.fullmatch(
        r"labtester replay test_mine.py::test_puts --seed \d+ --strategy swarm", command
    )
    assert labtester(*shlex.split(command)[1:]).status == 1
    (path,) = Path(".labtester").glob("*.sim")
    kept = json.loads(path.read_text())
    assert (kept["lab"], kept["test"], kept["strategy"]) == (
        "",
        "test_mine.py::test_puts",
        "swarm",
    )
    assert "'answered': reached in " in done.out
    assert "test_mine.py::test_puts (strategy swarm)" in done.out


def test_what_some_run_must_come_to_is_demanded_of_the_sweep(labtester: Runner) -> None:
    calm = MINE.replace("network=UNRELIABLE, ", "")
    Path("test_mine.py").write_text(calm.replace('    sim.sometimes("answered")\n', ""))
    done = labtester("sweep", "test_mine.py", "--seeds", "1:2", "--store", "a.db", "--json", "-")
    found = json.loads(done.out)
    assert (found["verdict"], found["tests"][0]["failed"]) == ("fail", 0)
    assert found["tests"][0]["reached"] == {"answered": {"seeds": 0, "demanded": True}}


def test_shards_of_two_machines_are_one_sweep(labtester: Runner) -> None:
    for store, seeds in (("a.db", "0:12"), ("b.db", "8:20"), ("all.db", "20")):
        assert labtester("sweep", UNRELIABLE, "--seeds", seeds, "--store", store).status == 0
    done = labtester("sweep", "merge", "both.db", "b.db", "a.db")
    assert (done.status, done.out) == (0, "b.db: 12 seeds taken\na.db: 8 seeds taken\n")
    assert export(labtester, "both.db") == export(labtester, "all.db")


def test_fresh_seeds_are_others_each_time_and_printed(labtester: Runner) -> None:
    bases = []
    for _ in range(2):
        done = labtester("sweep", UNRELIABLE, "--seeds", "5", "--fresh", "--store", "a.db")
        first, last = map(int, re.findall(r"fresh seeds: --seeds (\d+):(\d+)", done.err)[0])
        assert last == first + 5 < 2**53
        bases.append(first)
    assert bases[0] != bases[1]
    seeds = [json.loads(line).get("seed") for line in export(labtester, "a.db").splitlines()]
    assert seeds[1:] == sorted(base + n for base in bases for n in range(5))


def test_a_sweep_without_end_ends_when_it_is_told_to(labtester: Runner) -> None:
    theirs = submit(labtester.folder, REFUSES)
    args = ("sweep", "tiny::test_third", "--submission", theirs, "--store", "a.db")
    done = labtester(*args, "--until", "2-failures", "--json", "-")
    found = json.loads(done.out)
    assert found["tests"][0]["failed"] >= 2
    timed = labtester("sweep", UNRELIABLE, "--until", "1s", "--store", "b.db", "--json", "-")
    assert timed.status == 0


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("tiny", "--store", "a.db"), "expected --seeds or --until, got neither"),
        (("tiny", "--seeds", "5"), "Missing option '--store'"),
        (("tiny", "--seeds", "5:5", "--store", "a.db"), "expected seeds A:B with A < B"),
        (("tiny", "--seeds", "x", "--store", "a.db"), "got 'x'"),
        (("tiny", "--seeds", f"{2**62}:{2**62 + 1}", "--store", "a.db"), "at most 2**62"),
        (("tinny", "--seeds", "5", "--store", "a.db"), "no lab 'tinny'; did you mean tiny?"),
        (("tiny::", "--seeds", "5", "--store", "a.db"), "expected a test after tiny::"),
        (
            ("none.py", "--seeds", "5", "--store", "a.db"),
            "none.py: there is no such file or folder",
        ),
        (("tiny::test_x", "--seeds", "5", "--store", "a.db"), "tiny has no test test_x"),
        (("tiny", "--until", "5", "--store", "a.db"), "--until: expected a time such as 90s"),
        (("tiny", "--seeds", "5", "--store", "no/a.db"), "no/a.db cannot be opened"),
        (
            ("tiny", "--seeds", "5", "--store", "a.db", "--executor", "ray"),
            "expected processes, dask://HOST:PORT or MODULE:FACTORY for --executor, got 'ray'",
        ),
        (
            ("tiny", "--seeds", "5", "--store", "a.db", "--executor", "nowhere_at:all"),
            "--executor nowhere_at:all: No module named 'nowhere_at'",
        ),
        (
            ("tiny", "--seeds", "5", "--store", "a.db", "--executor", "builtins:list"),
            "'int' object is not iterable",
        ),
        (("merge", "a.db", "none.db"), "there is no store none.db"),
        (("export", "none.db"), "there is no store none.db"),
        (("stats", "none.db"), "there is no store none.db"),
        ((), "Missing argument"),
    ],
)
def test_what_is_refused(args: tuple[str, ...], sentence: str, labtester: Runner) -> None:
    assert sentence in labtester("sweep", *args).sentence


def test_an_executor_of_ones_own(labtester: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(labtester.folder)
    Path("my_executor.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def make(jobs):\n    return ThreadPoolExecutor(jobs)\n"
    )
    mine = ("--executor", "my_executor:make", "--jobs", "2")
    assert labtester("sweep", UNRELIABLE, "--seeds", "20", "--store", "a.db", *mine).status == 0
    assert labtester("sweep", UNRELIABLE, "--seeds", "20", "--store", "b.db").status == 0
    assert export(labtester, "a.db") == export(labtester, "b.db")
