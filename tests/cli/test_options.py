"""What the commands share: sentences, seeds, commands to be pasted, and the run that is named."""

import json
import os
import shlex
from pathlib import Path

import click
import pytest

from tester.cli import options as terminal
from tester.labs import LABS
from tester.search.record import Record
from tester.workers.wire import Listed
from tests.running import TINY

TESTS = [Listed("test_one", 10, 1), Listed("test_two", 10, 1), Listed("test_three", 2, 5)]
KEPT = Record("tiny", "test_third", 3, "", "ValueError", "d", "c", "3.11.0", "0.1.0", {})


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LABS, "tiny", TINY)


def seed_of(value: str | None) -> int | None:
    """What `--seed` makes of a text."""
    context = click.Context(click.Command("c"))
    return terminal.seed_in_range(context, click.Option(["--seed"]), value)


# -- names ---------------------------------------------------------------------------------------


def test_a_name_that_is_near_is_suggested() -> None:
    said = terminal.unknown("lab", "kvsvr", iter(["kvsrv", "lock"]))
    assert said == "there is no lab 'kvsvr'; did you mean kvsrv?"


@pytest.mark.parametrize("name", ["", "zzz", "'"])
def test_a_name_that_is_not_lists_what_there_is(name: str) -> None:
    said = terminal.unknown("lab", name, iter(["kvsrv", "lock"]))
    assert said == f"there is no lab {name!r}; the labs are kvsrv, lock"


def test_tests_are_selected_in_the_order_of_the_suite() -> None:
    assert terminal.select(TESTS, None) == TESTS
    assert terminal.select(TESTS, "test_three, test_one,test_one") == [TESTS[0], TESTS[2]]


def test_tests_are_selected_by_patterns_too() -> None:
    assert terminal.select(TESTS, "*") == TESTS
    assert terminal.select(TESTS, "test_t*") == TESTS[1:]
    assert terminal.select(TESTS, "*three,test_[a-o]*") == [TESTS[0], TESTS[2]]


@pytest.mark.parametrize("names", ["zzz*", "test_one,test_tow", "test_one,", "", "TEST_ONE"])
def test_no_test_is_selected_by_a_name_it_has_not(names: str) -> None:
    with pytest.raises(click.ClickException, match="there is no test "):
        terminal.select(TESTS, names)


@pytest.mark.parametrize("name", ["test_tow", "test_one,test_two", " test_one", ""])
def test_one_test_is_named_exactly(name: str) -> None:
    terminal.select_one(TESTS, "test_one")
    with pytest.raises(click.ClickException, match="there is no test "):
        terminal.select_one(TESTS, name)


# -- seeds and cores -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7, 2**64, 2**128 - 1])
def test_a_seed(seed: int) -> None:
    assert seed_of(str(seed)) == seed
    assert seed_of(f"00{seed}") == seed


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1e3", "0x1", " 1", "²", "٣", str(2**128)]
)
def test_no_seed(text: str) -> None:
    with pytest.raises(click.UsageError) as error:
        seed_of(text)
    assert str(error.value) == f"expected a seed in [0, 2**128), got {text!r}"


def test_no_seed_is_given() -> None:
    assert seed_of(None) is None


def test_there_is_a_core_where_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal.cores() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert terminal.cores() == 1


def test_a_path_that_a_worker_cannot_be_told_of_is_refused(tmp_path: Path) -> None:
    assert terminal.resolved(tmp_path / "x" / "..") == str(tmp_path)
    with pytest.raises(click.ClickException, match=r"expected a path in UTF-8, got '.*\\udcff'"):
        terminal.resolved("\udcff")


@pytest.mark.parametrize("text", ["1", "8", " 3 ", "007"])
def test_an_integer_in_its_range(text: str) -> None:
    assert terminal.integer(1, 8)(text) == int(text)


@pytest.mark.parametrize("text", ["0", "9", "-1", "", "x", "1.5", "1_0", "٣", "9" * 5_000])
def test_what_is_no_integer_in_the_range(text: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        terminal.integer(1, 8)(text)
    assert refused.value.message.startswith("expected an integer, 1 to 8, got '")
    assert len(refused.value.message) < 150


# -- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [None, "theirs", "it's theirs", "a;b $(c)", "ü\nx", ""])
@pytest.mark.parametrize("stuck_after", [terminal.STUCK_AFTER_S, 5])
def test_a_command_survives_the_shell(folder: str | None, stuck_after: int) -> None:
    command = terminal.command_for("tiny", folder, stuck_after)("test_third", 2**127)
    expected = ["labtester", "replay", "tiny", "test_third", "--seed", str(2**127)]
    expected += ["--submission", folder] if folder is not None else []
    expected += ["--stuck-after", "5"] if stuck_after == 5 else []
    assert shlex.split(command) == expected


def test_what_is_by_default_is_not_in_a_command() -> None:
    command = terminal.command_for("tiny", None, terminal.STUCK_AFTER_S)("test_third", 3)
    assert command == "labtester replay tiny test_third --seed 3"


# -- the run that is named -----------------------------------------------------------------------


def test_a_seed_of_a_test_is_named() -> None:
    lab, folder, rerun = terminal.labelled(["tiny", "test_third"], 3, "my code", 3)
    assert (lab, folder) == ("tiny", "my code")
    assert (rerun.test, rerun.seed, rerun.record) == ("test_third", 3, "")
    assert rerun.command == ("labtester replay tiny test_third --seed 3 --submission 'my code'")


def test_a_record_is_named(tmp_path: Path) -> None:
    path = KEPT.save(tmp_path / "it's")
    lab, folder, rerun = terminal.labelled([str(path)], None, None, 3)
    assert (lab, folder) == ("tiny", None)
    assert (rerun.test, rerun.seed, rerun.record) == ("test_third", 3, path.read_text())
    assert shlex.split(rerun.command) == ["labtester", "replay", str(path)]


def test_a_record_runs_its_submission_unless_another_is_given(tmp_path: Path) -> None:
    path = tmp_path / "a.sim"
    path.write_text(json.dumps(json.loads(KEPT.text()) | {"submission": "theirs"}))
    assert terminal.labelled([str(path)], None, None, 3)[1] == "theirs"
    _, folder, rerun = terminal.labelled([str(path)], None, "other", 7)
    assert folder == "other"
    assert shlex.split(rerun.command)[3:] == ["--submission", "other", "--stuck-after", "7"]


def test_a_record_of_a_project_says_how_pytest_runs_it(tmp_path: Path) -> None:
    path = tmp_path / "a.sim"
    node = "tests/test_a.py::test_b[x y]"
    path.write_text(json.dumps(json.loads(KEPT.text()) | {"lab": "", "test": node}))
    with pytest.raises(click.ClickException) as error:
        terminal.labelled([str(path)], None, None, 3)
    command = str(error.value).partition(": run ")[2]
    assert shlex.split(command) == ["pytest", node, "--sim-seed=3"]


@pytest.mark.parametrize(
    ("what", "seed", "sentence"),
    [
        ([], None, "expected a record, or a lab and one of its tests, got nothing"),
        (["tiny"], None, "expected a record, or a lab and one of its tests, got tiny"),
        (
            ["tiny", "test_third", "more"],
            1,
            "expected a record, or a lab and one of its tests, got tiny test_third more",
        ),
        (["tiny", "test_third"], None, "expected a seed with the test, got none; add --seed S"),
        (["tiy", "test_third"], 1, "there is no lab 'tiy'; did you mean tiny?"),
        (["a.sim", "b.sim"], None, "expected one record, got 2"),
        (["a.sim"], 1, "a record has its own seed; leave --seed out"),
        (["no.sim"], None, "no.sim cannot be read: No such file or directory"),
        (["/"], None, "/ cannot be read: Is a directory"),
    ],
)
def test_no_run_is_named(what: list[str], seed: int | None, sentence: str) -> None:
    with pytest.raises(click.ClickException) as error:
        terminal.labelled(what, seed, None, 30)
    assert error.value.message == sentence
