"""The count of calls: the same at every look, and a rise is seen."""

import asyncio
import sys

import pytest

from bench import calls
from bench.calls import Count, count, risen, stored


def test_calls_of_python_and_of_c_are_counted_and_coroutines_that_go_on() -> None:
    def work() -> None:
        abs(-1)
        abs(-2)

    assert count(work) == Count(calls=1 + 2 + 1, frames=1)  # and one to end the counting

    async def waits() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    once = waits()
    assert count(lambda: once.send(None)).frames == 1 + 1 + 2  # ours, waits, sleep and __sleep0
    once.close()


def test_a_profiler_that_was_there_is_put_back() -> None:
    def theirs(*_: object) -> None:
        pass

    sys.setprofile(theirs)
    try:
        count(lambda: None)
        assert sys.getprofile() is theirs
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("name", calls.subjects())
def test_a_figure_is_the_same_at_every_look(name: str) -> None:
    subject = calls.subjects()[name]
    assert subject() == subject()


def test_a_rise_beyond_the_tolerance_is_said_and_nothing_else() -> None:
    before = {"RPC": [100.0, 50.0], "operation": [200.0, 80.0]}
    assert risen({"RPC": [103.0, 40.0], "operation": [20.0, 8.0]}, before) == []
    assert risen({"RPC": [103.1, 40.0], "operation": [200.0, 83.0]}, before) == [
        "RPC: 103.1 calls, expected at most 100 and 3%",
        "operation: 83 frames, expected at most 80 and 3%",
    ]


def test_figures_are_stored_for_each_version_that_ci_has() -> None:
    everything = stored()
    assert set(everything) == {"3.11", "3.12", "3.13"}
    for figures in everything.values():
        assert figures.keys() == calls.subjects().keys()
