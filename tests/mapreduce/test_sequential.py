"""The sequential run: what comes out is what counting by other means comes to."""

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mapreduce.api import partition
from mapreduce.apps import WordCount
from mapreduce.sequential import sequential

WORDS = st.lists(st.text("abcé", min_size=1, max_size=3))


@given(st.dictionaries(st.text("xyz", min_size=1), WORDS, max_size=4), st.integers(1, 5))
def test_words_are_counted(files: dict[str, list[str]], n_reduce: int) -> None:
    inputs = [(name, " ".join(words)) for name, words in files.items()]
    made = asyncio.run(sequential(WordCount(), inputs, n_reduce))
    assert list(made) == [f"mr-out-{number}" for number in range(n_reduce)]
    lines = [(line, name) for name, data in made.items() for line in data.decode().splitlines()]
    counted = Counter(word for words in files.values() for word in words)
    assert {line for line, _ in lines} == {f"{word} {n}" for word, n in counted.items()}
    for line, name in lines:
        assert name == f"mr-out-{partition(line.split()[0], n_reduce)}"
    for data in made.values():
        keys = [line.split()[0] for line in data.decode().splitlines()]
        assert keys == sorted(set(keys))
