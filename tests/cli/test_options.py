"""What the commands share: sentences, seeds, commands to be pasted, and the run that is named."""

import os
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


def test_tests_are_selected_in_the_order_of_the_suite() -> None:
    assert terminal.select(TESTS, None) == TESTS
    assert terminal.select(TESTS, "test_three, test_one,test_one") == [TESTS[0], TESTS[2]]


def test_tests_are_selected_by_patterns() -> None:
    assert terminal.select(TESTS, "*") == TESTS
    assert terminal.select(TESTS, "test_t*") == TESTS[1:]
    assert terminal.select(TESTS, "*three,test_[a-o]*") == [TESTS[0], TESTS[2]]


@pytest.mark.parametrize("names", ["zzz*", "test_one,test_tow", "test_one,", "", "TEST_ONE"])
def test_no_test_is_selected_by_a_name_it_has_not(names: str) -> None:
    with pytest.raises(click.ClickException, match="there is no test "):
        terminal.select(TESTS, names)


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


def test_one_core_is_assumed_where_their_number_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
