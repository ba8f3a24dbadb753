"""What a command is about: commands to be pasted, the test and the run that are named."""

import json
import shlex
from pathlib import Path

import click
import pytest

from tester.cli import options as terminal
from tester.cli import target as named
from tester.labs import LABS
from tester.search.record import FOLDER, Record
from tester.workers.wire import Listed
from tests.running import TINY

TESTS = [Listed("test_one", 10, 1), Listed("test_two", 10, 1), Listed("test_three", 2, 5)]
KEPT = Record("tiny", "test_third", 3, "", "ValueError", "d", "c", "3.11.0", "0.1.0", {})

EXPECTED = "expected a record, a lab and one of its tests, or a test as pytest names it, got"


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LABS, "tiny", TINY)


@pytest.mark.parametrize("name", ["test_tow", "test_one,test_two", " test_one", ""])
def test_one_test_is_named_exactly(name: str) -> None:
    named.select_one(TESTS, "test_one")
    with pytest.raises(click.ClickException, match="there is no test "):
        named.select_one(TESTS, name)


# -- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [None, "theirs", "it's theirs", "a;b $(c)", "ü\nx", ""])
@pytest.mark.parametrize("stuck_after", [terminal.STUCK_AFTER_S, 5])
def test_a_command_survives_the_shell(folder: str | None, stuck_after: int) -> None:
    command = named.target_of("tiny", folder, stuck_after).command("test_third", 2**127)
    expected = ["labtester", "replay", "tiny", "test_third", "--seed", str(2**127)]
    expected += ["--submission", folder] if folder is not None else []
    expected += ["--stuck-after", "5"] if stuck_after == 5 else []
    assert shlex.split(command) == expected


def test_what_is_by_default_is_not_in_a_command() -> None:
    command = named.target_of("tiny", None, terminal.STUCK_AFTER_S).command("test_third", 3)
    assert command == "labtester replay tiny test_third --seed 3"


# -- the run that is named -----------------------------------------------------------------------


def test_a_seed_of_a_test_is_named() -> None:
    target, rerun = named.labelled(["tiny", "test_third"], 3, "my code", 3)
    assert (target.lab, target.submission) == ("tiny", "my code")
    assert (rerun.test, rerun.seed, rerun.record) == ("test_third", 3, "")
    assert rerun.command == ("labtester replay tiny test_third --seed 3 --submission 'my code'")


def test_a_record_is_named(tmp_path: Path) -> None:
    path = KEPT.save(tmp_path / "it's")
    target, rerun = named.labelled([str(path)], None, None, 3)
    assert (target.lab, target.submission) == ("tiny", None)
    assert (rerun.test, rerun.seed, rerun.record) == ("test_third", 3, path.read_text())
    assert shlex.split(rerun.command) == ["labtester", "replay", str(path)]


def test_a_record_runs_its_submission_unless_another_is_given(tmp_path: Path) -> None:
    path = tmp_path / "a.sim"
    path.write_text(json.dumps(json.loads(KEPT.text()) | {"submission": "theirs"}))
    assert named.labelled([str(path)], None, None, 3)[0].submission == "theirs"
    target, rerun = named.labelled([str(path)], None, "other", 7)
    assert target.submission == "other"
    assert shlex.split(rerun.command)[3:] == ["--submission", "other", "--stuck-after", "7"]


def test_a_record_of_a_project_names_its_test(tmp_path: Path) -> None:
    node = "tests/test_a.py::test_b[x y]"
    path = tmp_path / FOLDER / "it's.sim"
    for file in (path, tmp_path / "tests" / "test_a.py"):
        file.parent.mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("")
    path.write_text(json.dumps(json.loads(KEPT.text()) | {"lab": "", "test": node}))
    target, rerun = named.labelled([str(path)], None, None, 3)
    assert (target.lab, target.root, target.inside) == ("", str(tmp_path), node)
    assert shlex.split(rerun.command) == ["labtester", "replay", str(path)]


@pytest.mark.parametrize(
    ("lab", "submission", "sentence"),
    [
        ("", None, "there is no tests/test_a.py in"),
        ("", "theirs", "expected the record of a lab with --submission"),
        ("nonesuch", None, "records a test of a lab that is not here: nonesuch"),
    ],
)
def test_a_record_whose_test_is_not_here(
    lab: str, submission: str | None, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.sim"
    about = {"lab": lab, "test": "tests/test_a.py::test_b"}
    path.write_text(json.dumps(json.loads(KEPT.text()) | about))
    with pytest.raises(click.ClickException) as error:
        named.labelled([str(path)], None, submission, 3)
    assert sentence in error.value.message


@pytest.mark.parametrize(
    ("what", "seed", "sentence"),
    [
        (
            [],
            None,
            f"{EXPECTED} nothing",
        ),
        (
            ["tiny"],
            None,
            f"{EXPECTED} tiny",
        ),
        (
            ["tiny", "test_third", "more"],
            1,
            f"{EXPECTED} tiny test_third more",
        ),
        (["tiny", "test_third"], None, "expected a seed with the test, got none; add --seed S"),
        (["tiy", "test_third"], 1, "there is no lab 'tiy'; did you mean tiny?"),
        (["a.sim", "b.sim"], None, "expected one record, got 2"),
        (["a.sim"], 1, "a record has its own seed; leave --seed out"),
        (["no.sim"], None, "no.sim cannot be read: No such file or directory"),
        (["no.py::test_x"], 1, "no.py: there is no such file or folder"),
        (["no.py"], 1, "no.py: there is no such file or folder"),
        (["/"], None, "expected a seed with the test, got none; add --seed S"),
    ],
)
def test_no_run_is_named(what: list[str], seed: int | None, sentence: str) -> None:
    with pytest.raises(click.ClickException) as error:
        named.labelled(what, seed, None, 30)
    assert error.value.message == sentence
