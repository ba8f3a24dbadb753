"""What took the memory of a process is found by what the code at fault could see."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine import reserve
from tester.world import exhaustion
from tester.world import failure as failures
from tester.world.exhaustion import estimate, in_words, largest, origin
from tester.world.failure import describe

MIB = 1 << 20


class Store:
    def __init__(self) -> None:
        self.small = list(range(10))
        self.tables = {"a": {"rows": ["x" * 100] * 50_000}}

    def fails(self) -> None:
        raise MemoryError


class Liar:
    def __sizeof__(self) -> int:
        raise ValueError

    @property
    def __dict__(self) -> dict[str, object]:  # type: ignore[override]
        raise ValueError


def raised(store: object) -> MemoryError:
    with pytest.raises(MemoryError) as caught:
        store.fails()  # type: ignore[attr-defined]
    return caught.value


def test_the_innermost_large_object_is_named() -> None:
    store = Store()
    found = largest(raised(store))
    assert found is not None
    name, thing, size = found
    assert name == "self.tables['a']['rows']"
    assert thing is store.tables["a"]["rows"]
    assert size > 50_000 * 100


def test_objects_that_lie_about_themselves_do_no_harm() -> None:
    store = Store()
    store.small = [Liar()]  # type: ignore[list-item]
    store.liar = Liar()  # type: ignore[attr-defined]
    found = largest(raised(store))
    assert found is not None
    assert found[0] == "self.tables['a']['rows']"


def test_without_a_traceback_all_objects_are_looked_at() -> None:
    store = Store()
    store.huge = [0] * 3_000_000  # type: ignore[attr-defined]
    found = exhaustion.largest_of_all()
    assert found is not None
    assert found[:2] == ("Store.huge", store.huge)  # type: ignore[attr-defined]


def test_sizes_are_estimated_from_a_sample() -> None:
    assert estimate("x" * 1_000_000) > 1_000_000
    rows = ["x" * 951 for _ in range(1_000)]
    assert 1_000_000 < estimate(rows) < 1_100_000
    assert estimate(dict.fromkeys(range(1_000), "x" * 951)) > 1_000_000
    assert estimate([]) < 100


@pytest.mark.parametrize(
    ("size", "said"),
    [(3 << 30, "3.0 GiB"), (512 * MIB, "0.5 GiB"), (9 * MIB, "9 MiB"), (2048, "2 KiB")],
)
def test_sizes_in_words(size: int, said: str) -> None:
    assert in_words(size) == said


def test_of_several_errors_the_first_is_meant() -> None:
    first, second, other = MemoryError("first"), MemoryError("second"), MemoryError("third")
    other.__context__, second.__context__ = second, first
    assert origin(other) is first
    first.__context__ = ValueError()
    assert origin(other) is first


@pytest.fixture
def at_the_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    monkeypatch.setattr(exhaustion, "limit", lambda pid=0: 100 * MIB)
    monkeypatch.setattr(exhaustion, "_could_get", lambda size: size <= 10 * MIB)
    yield
    resource.setrlimit(resource.RLIMIT_DATA, limits)


@pytest.mark.usefixtures("at_the_limit")
def test_a_failure_for_want_of_memory_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    monkeypatch.setattr(failures, "_at_exhaustion", [heard.append])
    reserve.keep()
    failure = describe(raised(Store()), "server", "while it ran", 7)
    assert failure.exhausted.startswith("its process has 90 MiB of memory, and gets no more")
    assert "self.tables['a']['rows'], a list of 50 000 items" in failure.exhausted
    assert heard == [failure]
    assert reserve._kept == []
    assert describe(ValueError(), "server", "while it ran", 7).exhausted == ""


def test_more_than_any_machine_has_is_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustion, "limit", lambda pid=0: 100 * MIB)
    monkeypatch.setattr(exhaustion, "_could_get", lambda size: size <= 50 * MIB)
    assert describe(raised(Store()), "server", "while it ran", 7).exhausted == ""


@pytest.mark.skipif(sys.platform != "linux", reason="no other system says")
def test_what_another_process_uses_is_read() -> None:
    before = exhaustion.used(os.getpid())
    more = bytearray(64 * MIB)
    assert exhaustion.used(os.getpid()) >= before + len(more)


@given(st.integers(1, 1 << 40), st.integers(0, 1 << 40))
def test_what_is_left_is_found_by_asking(most: int, free: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exhaustion, "_could_get", lambda size: size <= free)
        found = exhaustion.left(most)
    assert min(most, free) - (64 << 10) <= found <= min(most, free)


_WITHOUT_FILES = """
import resource
from tester.engine import reserve
from tester.world.exhaustion import explained, is_near_limit

held = []
_, hard = resource.getrlimit(resource.RLIMIT_DATA)
resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, hard))
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
reserve.keep()
print(is_near_limit())
try:
    while True:
        held.append(bytearray(1 << 20))
except MemoryError as error:
    print(is_near_limit())
    print(explained(error))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit binds on Linux only")
def test_a_process_that_can_open_no_file_says_what_it_has() -> None:
    command = [sys.executable, "-c", _WITHOUT_FILES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, sentence = done.stdout.splitlines()
    assert (before, after) == ("False", "True")
    assert sentence.startswith("its process has 0.2 GiB of memory, and gets no more"), sentence
