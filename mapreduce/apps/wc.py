"""Word count: how often each word occurs in all files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Final

# This module is the same for everybody: no submission replaces it.
__fixed__ = True

WORD: Final = re.compile(r"[^\W\d_]+")
"""A word is a run of letters, in any script, as long as it can be."""


class WordCount:
    """Counts words."""

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """A "1" for each word."""
        return zip(WORD.findall(contents), itertools.repeat("1"), strict=False)

    async def combine(self, key: str, values: Sequence[str]) -> str:
        """What some counts come to."""
        return str(sum(map(int, values)))

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """What all counts come to."""
        return str(sum(map(int, values)))
