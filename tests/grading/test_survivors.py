"""`labtester mutants --rubric`: what survives a rubric's tests and seeds would get full marks."""

import json
from pathlib import Path

import pytest

from tester.grading.rubric_file import load
from tester.grading.survivors import Hunts
from tester.workers.wire import Ran
from tests.grading.packing import folder, wrong
from tests.running import Runner, labtester

__all__ = ["labtester"]

RUBRIC = """\
lab = "kvsrv"
[seeds]
public = 1
hidden = 4
secret = "secret.txt"
[[tests]]
name = "{test}"
"""


@pytest.mark.parametrize(
    ("test", "survives"), [("test_reliable_put", True), ("test_unreliable_net", False)]
)
def test_a_bug_gets_full_marks_or_not(
    labtester: Runner, tmp_path: Path, test: str, survives: bool
) -> None:
    (tmp_path / "secret.txt").write_text("s" * 40)
    (tmp_path / "rubric.toml").write_text(RUBRIC.format(test=test))
    folder(tmp_path / "bugs" / "certain", wrong())
    done = labtester(
        "mutants", "--rubric", "rubric.toml", "--bugs", "bugs", "--json", "found.json"
    )
    assert done.status == (1 if survives else 0), done.err
    assert ("SURVIVES" in done.out) == survives
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["lab"] == "kvsrv"
    kills = found["bugs"][0]["kills"]
    assert bool(kills) != survives
    assert all(kill["seed"] < 4 for kill in kills)  # numbers, and not the seeds themselves
    assert found["variants"] == [{"name": "reference", "failed": []}]


def test_whoever_waits_sees_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s" * 40)
    (tmp_path / "rubric.toml").write_text(RUBRIC.format(test="test_reliable_put"))
    hunts = Hunts(load(tmp_path / "rubric.toml"), "a bug")
    assert (hunts.runs, hunts.total, hunts.failures) == (0, 1 + 4, 0)
    for verdict in ("pass", "pass", "fail"):
        job = hunts.next()
        assert job is not None
        hunts.answered(job, 0, Ran(verdict, "", 0, 0, 0, 0), "")
    assert (hunts.runs, hunts.total, hunts.failures) == (3, 1 + 2, 1)  # the rest need not be run
    assert [part.is_over for part in hunts.parts] == [True, True]
    assert hunts.parts[1].text == "test_reliable_put: 2 seeds, noticed"
    assert hunts.finished()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("", "expected a lab, got none; the labs are kvsrv, lock"),
        ("lock --rubric rubric.toml", "rubric.toml: expected a rubric of lock, got kvsrv"),
        ("--rubric rubric.toml --tests a", "--rubric names tests and seeds: leave --tests out"),
        ("--rubric rubric.toml --seeds 5", "leave --seeds out"),
        ("--rubric rubric.toml --first", "leave --first out"),
        ("--rubric nowhere", "nowhere: No such file or directory"),
    ],
)
def test_a_misuse_is_one_sentence(
    labtester: Runner, tmp_path: Path, args: str, sentence: str
) -> None:
    text = RUBRIC.format(test="test_outage").replace("hidden = 4", "hidden = 0")
    (tmp_path / "rubric.toml").write_text(text.replace('secret = "secret.txt"\n', ""))
    assert sentence in labtester("mutants", *args.split()).sentence
