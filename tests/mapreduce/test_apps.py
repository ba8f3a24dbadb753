"""What the apps emit, and what they make of it."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from mapreduce.apps import Crash, EarlyExit, Grep, Indexer, NoCrash, WordCount


def now(waited_for: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await waited_for

    return asyncio.run(wait())


def test_a_word_is_a_run_of_letters_of_any_script() -> None:
    found = now(WordCount().map("f", "don't Don2t_naïve дом\r\n山, x"))
    assert list(found) == [(w, "1") for w in ["don", "t", "Don", "t", "naïve", "дом", "山", "x"]]


def test_counts_can_be_combined_in_any_way() -> None:
    for app in (WordCount(), Grep("x")):
        some = now(app.combine("k", ["1", "1", "1"]))
        assert now(app.reduce("k", [some, "1"])) == now(app.reduce("k", ["1"] * 4)) == "4"


def test_the_index_names_each_file_once_in_order() -> None:
    app = Indexer()
    assert now(app.map("b.txt", "a b a")) == [("a", "b.txt"), ("b", "b.txt")]
    assert now(app.reduce("a", ["b.txt", "a.txt", "b.txt"])) == "2 a.txt,b.txt"


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        ("", []),
        ("one\ntwo\r\nthree one", ["one", "three one"]),
        ("one\n", ["one"]),
        ("x\u2028one\x0bx", ["x\u2028one\x0bx"]),
    ],
)
def test_grep_finds_whole_lines(contents: str, found: list[str]) -> None:
    assert now(Grep("o.e").map("f", contents)) == [(line, "1") for line in found]


def test_an_empty_file_has_no_lines_even_for_a_pattern_that_fits_all() -> None:
    assert now(Grep("").map("f", "")) == []
    assert now(Grep("").map("f", "\n")) == [("", "1")]


class Calm:
    """A machine on which nothing happens, and that counts how often something might."""

    name = "m"
    disk: Any = None

    def __init__(self) -> None:
        self.chances = 0

    def below(self, n: int) -> int:
        return 0

    async def crash_or_stall(self) -> None:
        self.chances += 1


def test_the_app_that_crashes_is_the_calm_one_but_for_its_chances() -> None:
    machine = Calm()
    crash, calm = Crash(machine), NoCrash()
    assert now(crash.map("file", "abc")) == now(calm.map("file", "abc"))
    assert now(crash.reduce("a", ["z", "y"])) == now(calm.reduce("a", ["y", "z"])) == "y z"
    assert machine.chances == 2


def test_the_keys_of_early_exit_are_files() -> None:
    assert now(EarlyExit().map("file", "abc")) == [("file", "1")]
    assert now(EarlyExit().reduce("file", ["1"])) == "1"
