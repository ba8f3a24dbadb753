"""A number has a noun that fits it."""

import pytest

from tester.world.counted import counted


@pytest.mark.parametrize(
    ("count", "put", "entry"),
    [(0, "0 puts", "0 entries"), (1, "1 put", "1 entry"), (2, "2 puts", "2 entries")],
)
def test_only_one_is_singular(count: int, put: str, entry: str) -> None:
    assert counted(count, "put") == put
    assert counted(count, "entry", "entries") == entry
