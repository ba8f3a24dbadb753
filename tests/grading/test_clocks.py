"""Clocks that a process has been robbed of; and what tells the time in its place."""

import ctypes
import os
import platform
import sys
from collections.abc import Callable

import pytest

from tester.grading import calls, clocks, kernel
from tester.guard import clock

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in clocks._CODE,
    reason="clocks are taken away on some kinds of Linux only",
)


def in_a_copy(what: Callable[[], object]) -> str:
    """What a copy of this process raises when it does something; "" if nothing."""
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            what()
        except BaseException as error:
            said = repr(error)
        finally:
            os.write(its, said.encode())
            os._exit(0)
    os.close(its)
    with os.fdopen(ours, "rb") as pipe:
        text = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    return text if status == 0 else f"status {status}"


def without_clocks() -> None:
    clocks.take_away()
    kernel.hide_counter()
    kernel.renounce()
    found = calls.call_filter(clocks=False)
    assert found is not None
    found.enforce()


def test_no_clock_can_be_read_and_locks_can_be_taken() -> None:
    def robbed() -> None:
        without_clocks()
        clocks.check_gone()

    assert in_a_copy(robbed) == ""


def test_a_clock_that_goes_is_found() -> None:
    assert "a clock can be read" in in_a_copy(clocks.check_gone)

    def still_there() -> None:
        clocks.take_away()  # they go on, by system calls
        clocks.check_gone()

    assert "a clock can be read" in in_a_copy(still_there)


def test_the_functions_that_tell_the_time_are_found() -> None:
    start, size = clocks._page()
    if not size:
        pytest.skip("this system has no such page")
    page = ctypes.string_at(start, size)
    found = dict(clocks.functions(page))
    assert {"clock_gettime", "gettimeofday"} <= found.keys()
    assert all(0 < at < size for at in found.values())


def test_code_that_no_node_runs_reads_a_clock_that_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock.asks() is None
    monkeypatch.setattr(clock, "stopped", clock.Stopped())
    machine = clock.asks()
    assert machine is not None
    assert clock.wall_us(machine) == clock.EPOCH_US
