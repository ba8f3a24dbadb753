"""How an output differs is said by key, and with the input file that explains it."""

import asyncio
from collections.abc import Callable

import pytest

from mapreduce.apps import WordCount
from mapreduce.sequential import sequential
from tester.labs.mapreduce.difference import Reference, at_once

INPUTS = {"a.txt": "x x y", "b.txt": "x z", "c.txt": "longer words are here"}
WANTED = asyncio.run(sequential(WordCount(), INPUTS.items(), 2))
REFERENCE = Reference(WordCount(), INPUTS, WANTED)
NAME = next(name for name, data in WANTED.items() if b"x 3" in data)
OTHER = next(name for name in WANTED if name != NAME)


def test_the_order_of_lines_is_free() -> None:
    lines = WANTED[NAME].decode().splitlines(keepends=True)
    assert REFERENCE.difference(NAME, "".join(reversed(lines)).encode()) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("x 3", "x 4"), "'x' has '4', expected '3'"),
        (lambda text: text + "x 3\n", "'x' is on more than one line"),
        (lambda text: text.replace("x 3\n", ""), "'x' is missing, expected '3'"),
        (lambda text: text + "nobody 1\n", "there is 'nobody', which no map emits"),
        (lambda text: text.replace("x 3", "x"), "'x' has '', expected '3'"),
    ],
)
def test_what_differs_is_named(change: Callable[[str], str], said: str) -> None:
    found = REFERENCE.difference(NAME, change(WANTED[NAME].decode()).encode())
    assert found is not None
    assert f"in {NAME}, {said}" in found


def test_a_key_of_another_partition_is_sent_home() -> None:
    stray = WANTED[OTHER].decode().splitlines()[0]
    found = REFERENCE.difference(NAME, WANTED[NAME] + f"{stray}\n".encode())
    assert found is not None
    assert f"there is {stray.split()[0]!r}, which belongs into {OTHER}" in found


@pytest.mark.parametrize("file", ["a.txt", "b.txt"])
@pytest.mark.parametrize(("times", "how"), [(0, "left out"), (2, "counted twice")])
def test_the_file_that_explains_it_all_is_named(file: str, times: int, how: str) -> None:
    inputs = [pair for pair in INPUTS.items() if pair[0] != file] + [(file, INPUTS[file])] * times
    wrong = asyncio.run(sequential(WordCount(), inputs, 2))[NAME]
    found = REFERENCE.difference(NAME, wrong)
    assert found is not None
    assert found.endswith(f": it is what comes out if {file} is {how}")


def test_a_file_that_is_no_output_is_refused() -> None:
    found = REFERENCE.difference("mr-out-2", b"")
    assert found == (
        "mr-out-2 is no output file: those of 2 reduce tasks are mr-out-0 to mr-out-1"
    )


def test_at_once_is_for_what_awaits_nothing() -> None:
    with pytest.raises(AssertionError, match="awaits nothing"):
        at_once(asyncio.sleep(0))
