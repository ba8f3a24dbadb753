"""Grep: the lines that match a pattern, and how often each of them occurs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


class Grep:
    """Finds lines. Raises re.error for what is no regular expression."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """A "1" for each line that matches; what ends it is no part of it."""
        lines = contents.removesuffix("\n").split("\n") if contents else []
        found = (line.removesuffix("\r") for line in lines)
        return [(line, "1") for line in found if self._pattern.search(line)]

    async def combine(self, key: str, values: Sequence[str]) -> str:
        """What some counts come to."""
        return str(sum(map(int, values)))

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """How often the line occurs."""
        return str(sum(map(int, values)))
