"""The partition of keys, which is the same in every process, and the text of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.api import decode, encode, line, output, partition


@pytest.mark.parametrize(
    ("key", "hash32"),
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)],
)
def test_a_partition_is_by_the_published_hash(key: str, hash32: int) -> None:
    for n in (1, 7, 10, 2**31):
        assert partition(key, n) == (hash32 & 0x7FFFFFFF) % n


@given(st.binary())
def test_any_file_comes_back_as_it_was(data: bytes) -> None:
    text = decode(data)
    assert encode(text) == data
    assert 0 <= partition(text, 10) < 10


def test_names_and_lines() -> None:
    assert output(3) == "mr-out-3"
    assert line("a", "1 2") == "a 1 2\n"
