"""`labtester grade` on a small class: right, repeatable, resumable, and silent about seeds."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tester.grading import cost, examiner
from tester.grading.formats import FORMATS
from tester.grading.grader import cores
from tester.grading.journal import Journal
from tester.grading.rubric_file import load
from tester.grading.sandbox import Enforced
from tester.grading.store import Store
from tests.grading.packing import folder, solution, tarred, wrong, zipped
from tests.running import Runner, labtester

__all__ = ["labtester"]

RUBRIC = """\
lab = "kvsrv"

[seeds]
public = 2
hidden = 3
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
"""
SECRET = "f" * 64 + "\n"


def variants() -> dict[str, dict[str, bytes]]:
    """Submissions by what is special about them."""
    good = solution()
    server, client = good["kvsrv/server.py"], good["kvsrv/client.py"]
    put = b'        """Install the value'
    assert put in server

    def before_put(line: bytes) -> dict[str, bytes]:
        return good | {"kvsrv/server.py": server.replace(put, b"        " + line + b"\n" + put)}

    def at_import(text: bytes) -> dict[str, bytes]:
        return good | {"kvsrv/client.py": client + b"\n" + text}

    return {
        "good": good,
        "wrong": wrong(),
        "empty": {},
        "misnamed": {"server.py": server, "kvsrv/client.py": client},
        "broken": at_import(b"import nonesuch\n"),
        "no-python": at_import(b"def (:\n"),
        "spins": before_put(b"while True: pass"),
        "exits": before_put(b"import os; os._exit(0)"),
        "system-exit": at_import(b"raise SystemExit(0)\n"),
        "eats": before_put(b"self.x = [bytearray(1 << 20) for _ in range(1 << 14)]"),
        "always-equal": at_import(
            b"class Any:\n    __eq__ = lambda *_: True\n    __hash__ = lambda self: 0\n"
        ),
        "prints": before_put(b"print('x' * 100_000)"),
    }


SMALL = ("good", "wrong", "empty", "misnamed", "broken", "spins", "exits", "prints")
"""Those whose ends differ in kind; `all_class` has all of them."""
POINTS = {"good": 34, "wrong": 10, "always-equal": 34, "prints": 34}
"""Who has points; all others have none."""


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text(SECRET)
    file = tmp_path / "rubric.toml"
    file.write_text(RUBRIC)
    return file


def hidden_seeds(rubric: Path, student: str) -> set[str]:
    plan = load(rubric)
    seeds = {s for part in plan.parts if part.hidden for s in plan.seeds_of(part, student)}
    return {form(seed) for seed in seeds for form in (str, "{:x}".format)}


def student_bytes(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (out / "students").iterdir()}


def everything(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_class(labtester: Runner, rubric: Path, tmp_path: Path) -> None:
    every = {name: files for name, files in variants().items() if name in SMALL}
    paths = [str(folder(tmp_path / "in" / name, files)) for name, files in every.items()]
    done = labtester("grade", *paths, "--rubric", "rubric.toml", "--out", "out", "--json", "-")
    assert done.status == 1, done.err
    summary = json.loads(done.out)
    assert summary["scores"] == {name: POINTS.get(name, 0) for name in every}
    assert summary["not_graded"] == {}
    for name in every:
        assert f"{name}: " in done.err
        text = (tmp_path / "out" / "students" / f"{name}.md").read_text()
        assert not [seed for seed in hidden_seeds(rubric, name) if seed in text.lower()]
        assert str(tmp_path) not in text
    reasons = json.loads((tmp_path / "out" / "instructor" / "broken.json").read_text())
    assert reasons["status"] == "malformed"
    assert "nonesuch" in reasons["reason"]
    bugs = {who for bug in summary["bugs"] for who in bug["students"]}
    assert bugs == set(every) - {"good", "prints"}
    assert sum(summary["histogram"]) == len(every)

    first = everything(tmp_path / "out")
    again = labtester("grade", *paths, "--rubric", "rubric.toml", "--out", "out")
    assert (again.status, everything(tmp_path / "out")) == (1, first)
    explained = labtester("grade", "--explain", "wrong", "--out", "out")
    assert explained.status == 1
    assert "not linearizable" in explained.out
    assert "labtester replay kvsrv test_unreliable_net --seed " in explained.out


def test_what_cost_points_is_drawn(labtester: Runner, rubric: Path, tmp_path: Path) -> None:
    files = wrong()
    certain = files["kvsrv/client.py"]
    line = b"        args = PutArgs(key, value, version)\n"
    assert line in certain
    talks = b"        print('I was called', object())\n" + line
    folder(tmp_path / "bob", files | {"kvsrv/client.py": certain.replace(line, talks)})
    assert labtester("grade", "bob", "--rubric", "rubric.toml", "--out", "out").status == 1
    _, public, hidden = (tmp_path / "out/students/bob.md").read_text().rsplit("\n## ", 2)
    for shown in (public, hidden):  # each tells its own seed
        assert "not linearizable" in shown
    assert "print    I was called <object object at 0x...>" in public
    assert "a hidden seed: " not in public
    assert "I was called" not in hidden
    assert re.search(r"\bseed \d+:", public)
    assert not re.search(r"\bseed \d+:", hidden)
    done = labtester("grade", "--explain", "bob", "--out", "out", "--report", "pages")
    assert done.status == 1, done.err
    (page,) = (tmp_path / "pages").iterdir()
    assert f"{page.relative_to(tmp_path)}: seed " in done.out
    assert "not linearizable" in page.read_text()
    folder(tmp_path / "bob", solution())
    done = labtester("grade", "--explain", "bob", "--out", "out", "--report", "pages")
    assert done.status == 2
    assert "no page of bob: " in done.err
    assert "expected what was graded, got other files: grade it again" in done.err
    assert "add --explain STUDENT" in labtester("grade", "bob", "--report", "pages").sentence


def test_regrading_gives_identical_bytes_in_every_format(
    labtester: Runner, rubric: Path, tmp_path: Path
) -> None:
    sources = [
        str(tarred(tmp_path / "wrong.tar.gz", wrong(), "w:gz")),
        str(zipped(tmp_path / "good.zip", {f"lab/{p}": c for p, c in solution().items()})),
    ]
    before: dict[str, bytes] = {}
    for form in FORMATS:
        args = ("grade", *sources, "--rubric", "rubric.toml", "--format", form)
        assert labtester(*args, "--out", "one").status == 1
        shown = student_bytes(tmp_path / "one")
        for name, content in shown.items():
            seeds = hidden_seeds(rubric, name.partition(".")[0])
            assert not [seed for seed in seeds if seed.encode() in content.lower()]
        before |= shown
    assert len(before) == 2 * len({one.suffix for one in FORMATS.values()})
    assert labtester(*args, "--jobs", "1", "--out", "other").status == 1
    two = everything(tmp_path / "other")
    one = everything(tmp_path / "one")
    assert {name: one[name] for name in two} == two


def lines(out: Path) -> list[dict[str, object]]:
    """The results in all journals; a line that is not whole does not count."""
    return [
        json.loads(line) | {"student": file.stem}
        for file in (out / "journal").glob("*.jsonl")
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]


@pytest.mark.parametrize("chance", [1, 2])
def test_a_killed_grader_goes_on_where_it_was(
    labtester: Runner, rubric: Path, tmp_path: Path, chance: int
) -> None:
    luck = random.Random(chance)
    sources = [str(folder(tmp_path / "in" / n, f)) for n, f in (("a", solution()), ("b", wrong()))]
    args = ["grade", *sources, "--rubric", "rubric.toml", "--format", "gradescope", "--out"]
    assert labtester(*args, "whole").status == 1
    total = len(lines(tmp_path / "whole"))
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", "from tester.cli import main; main()", *args, "killed"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        enough = luck.randint(0, total)
        while process.poll() is None and len(lines(tmp_path / "killed")) < enough:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for file in (tmp_path / "killed" / "students").glob("*.json"):
            assert json.loads(file.read_bytes())["tests"]
    assert labtester(*args, "killed").status == 1
    whole, killed = everything(tmp_path / "whole"), everything(tmp_path / "killed")
    files = {name for name in whole if not name.startswith("journal/")}
    assert {name: killed[name] for name in files} == {name: whole[name] for name in files}
    seeds = Counter(
        (line["student"], line["part"], line["index"])
        for line in lines(tmp_path / "killed")
        if line["type"] == "SeedLine"
    )
    assert set(seeds.values()) == {1}


def test_another_rubric_or_file_is_graded_anew(
    labtester: Runner, rubric: Path, tmp_path: Path
) -> None:
    place = folder(tmp_path / "alice", wrong())
    args = ("grade", "alice", "--rubric", "rubric.toml", "--out", "out", "--format", "json")
    assert labtester(*args).status == 1
    folder(place, solution())
    assert labtester(*args).status == 0
    rubric.write_text(RUBRIC.replace("points = 20", "points = 30"))
    assert labtester(*args).status == 0
    assert json.loads((tmp_path / "out/students/alice.json").read_text())["points"] == 44


LATE = RUBRIC + "\n[late]\ndue = 2026-12-01T12:00:00Z\npercent_per_day = 10\ndays = 2\n"


@pytest.mark.parametrize(
    ("submitted", "points", "sentence"),
    [
        ("2026-12-01T12:00:00Z", 34, ""),
        ("2026-12-01T14:00:00+02:00", 34, ""),
        ("2026-12-01T12:00:01Z", 30.6, "1 day late: 10 % of the points reached are lost."),
        ("2026-12-03T12:00:00", 27.2, "2 days late: 20 % of the points reached are lost."),
        ("2026-12-04T12:00:00Z", 0, "3 days late, more than the 2 that are allowed: no points."),
    ],
)
def test_lateness_costs_what_the_rubric_says(
    labtester: Runner, rubric: Path, tmp_path: Path, submitted: str, points: float, sentence: str
) -> None:
    rubric.write_text(LATE)
    folder(tmp_path / "s17", solution())
    (tmp_path / "list.csv").write_text(f"submission,student,submitted\ns17,alice,{submitted}\n")
    done = labtester(
        *("grade", "s17", "--rubric", "rubric.toml", "--out", "out", "--format", "json"),
        *("--students", "list.csv"),
    )
    found = json.loads((tmp_path / "out/students/alice.json").read_text())
    assert (found["points"], found["late"]) == (points, sentence)
    assert done.status == (0 if points == 34 else 1)


def test_the_metadata_of_gradescope_name_a_group(
    labtester: Runner, rubric: Path, tmp_path: Path
) -> None:
    folder(tmp_path / "submission", solution())
    about = {
        "id": 123456,
        "created_at": "2026-11-30T09:00:00.000000-08:00",
        "assignment": {"id": 1, "title": "Lab 2", "due_date": None, "total_points": "34.0"},
        "users": [{"id": 9, "email": "b@x", "name": "B"}, {"id": 10, "email": "a@x", "name": "A"}],
        "submission_method": "upload",
        "previous_submissions": [],
    }
    (tmp_path / "meta.json").write_text(json.dumps(about))
    done = labtester(
        *("grade", "submission", "--rubric", "rubric.toml", "--out", "out"),
        *("--metadata", "meta.json", "--format", "gradescope", "--result", "results.json"),
    )
    assert done.status == 0, done.err
    assert json.loads((tmp_path / "results.json").read_text())["score"] == 34
    assert [file.name for file in (tmp_path / "out/students").iterdir()] == ["10+9.json"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("", "expected --rubric FILE, got none; add it"),
        ("--rubric nowhere", "nowhere: No such file or directory; `labtester new"),
        ("--rubric rubric.toml", "expected --out DIR, got none"),
        ("--rubric rubric.toml --out out", "expected submissions to grade, got none"),
        (
            "--rubric rubric.toml --out out nobody",
            "'nobody': expected a folder or an archive, got",
        ),
        ("--rubric rubric.toml --out out a a", "a and a are both of a; leave one of them out"),
        ("--rubric rubric.toml --out out a A", "are both of A; leave one of them out"),
        ("--rubric rubric.toml --out out a ａ", "are both of ａ; leave one of them out"),
        (
            f"--rubric rubric.toml --out out {'学' * 70}",
            "of 1 to 100 printable characters and 200",
        ),
        ("--rubric rubric.toml --out out a b --result x", "--result is for one submission, got 2"),
        ("--rubric rubric.toml --out out a --students no.csv", "no.csv: expected a CSV file, got"),
        ("--rubric rubric.toml --out out a --metadata no.json", "no.json: expected the metadata"),
        ("--rubric rubric.toml --out out a --format gradesope", "gradescope"),
        ("--explain bob --out out", "out: expected one of nobody, got 'bob'"),
    ],
)
def test_a_misuse_is_one_sentence(
    labtester: Runner, rubric: Path, tmp_path: Path, args: str, sentence: str
) -> None:
    for name in ("a", "A", "ａ", "b", "学" * 70):
        folder(tmp_path / name, {})
    assert sentence in labtester("grade", *args.split()).sentence


def test_each_job_has_a_core_if_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5, 3, 8}, raising=False)
    assert cores(2) == [3, 5]
    assert cores(3) == [3, 5, 8]
    assert cores(4) == [None] * 4
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores(2) == [None] * 2


def test_each_mistake_of_a_rubric_is_printed(labtester: Runner, rubric: Path) -> None:
    rubric.write_text(RUBRIC + "pionts = 3\nhint = 9\n")
    done = labtester("grade", "--rubric", "rubric.toml", "--check-rubric")
    assert done.status == 2
    assert len(done.err.splitlines()) == 2


def test_a_rubric_is_checked_and_its_cost_measured(labtester: Runner, rubric: Path) -> None:
    done = labtester("grade", "--rubric", "rubric.toml", "--check-rubric", "--json", "-")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["lab"], found["max_points"], len(found["parts"])) == ("kvsrv", 34, 4)
    assert found["seconds"] > 0
    assert load(rubric).commitment in done.err
    steps = re.findall(
        r"^check-rubric: (\S+): [\d.]+ ms a seed \((\d) of 4\)$", done.progress, re.MULTILINE
    )
    assert steps == [(part["id"], str(at)) for at, part in enumerate(found["parts"], 1)]


def test_two_graders_do_not_share_a_folder(
    labtester: Runner, rubric: Path, tmp_path: Path
) -> None:
    folder(tmp_path / "a", solution())
    with Store(tmp_path / "out", FORMATS["json"]).opened():
        done = labtester("grade", "a", "--rubric", "rubric.toml", "--out", "out")
    assert "another grader is at work there" in done.sentence


def test_a_fault_of_the_machine_is_no_grade(
    labtester: Runner, rubric: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "a", solution())
    args = ("grade", "a", "--rubric", "rubric.toml", "--out", "out", "--format", "json")
    with monkeypatch.context() as patched:
        patched.setattr(examiner, "command", lambda home: ["false"])
        done = labtester(*args)
    assert done.status == 3
    found = json.loads((tmp_path / "out/students/a.json").read_text())
    assert (found["status"], found["points"]) == ("not graded", 0)
    assert "The machine that grades failed" in found["reason"]
    told = json.loads((tmp_path / "out/instructor/a.json").read_text())
    assert told["fault"] == "the examiner ended before it had said everything"
    assert told["fault"] in done.out
    assert "examiner" not in json.dumps(found)
    assert labtester(*args).status == 0


def test_a_full_disk_is_one_sentence(
    labtester: Runner, rubric: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "out/journal/a.jsonl")

    folder(tmp_path / "a", solution())
    args = ("grade", "a", "--rubric", "rubric.toml", "--out", "out", "--format", "json")
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "add", full)
        done = labtester(*args)
    assert done.status == 2
    assert "No space left on device; what was graded is kept: run the same" in done.err
    assert labtester(*args).status == 0


def test_too_little_isolation_is_refused(
    labtester: Runner, rubric: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "a", solution())
    monkeypatch.setattr(cost, "probe", lambda plan: Enforced())
    args = ("grade", "a", "--rubric", "rubric.toml", "--out", "out")
    assert "expected isolation of level 2, got sandbox: level 1" in labtester(*args).sentence
    assert "expected isolation of level 3" in labtester(*args, "--require-sandbox", "3").sentence
    assert labtester(*args, "--require-sandbox", "1").status == 0


@pytest.mark.parametrize("rule", ["zero", "not graded"])
def test_time_that_is_over_is_no_pass(
    labtester: Runner, rubric: Path, tmp_path: Path, rule: str
) -> None:
    text = RUBRIC.replace("stuck_after = 1", "stuck_after = 1\nseconds = 1")
    rubric.write_text(f'timeout = "{rule}"\n' + text.replace("hidden = 3", "hidden = 100000"))
    folder(tmp_path / "a", solution())
    done = labtester(
        *("grade", "a", "--rubric", "rubric.toml", "--out", "out", "--format", "json")
    )
    found = json.loads((tmp_path / "out/students/a.json").read_text())
    assert done.status == (1 if rule == "zero" else 3)
    assert found["points"] < 34
    assert "timed out" in {test["status"] for test in found["tests"]}
