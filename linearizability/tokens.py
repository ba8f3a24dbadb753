"""Cutting a value that was put and appended together back into the tokens that were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise


class Tokens:
    """A set of non-empty strings, none a prefix of another, so that there is one way to cut."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = set(tokens)
        self._lengths = sorted({len(token) for token in self._tokens})

    @staticmethod
    def problem(tokens: Iterable[object]) -> str | None:
        """Why these tokens cannot be told apart; None if they can."""
        strings: list[str] = []
        for token in tokens:
            if not isinstance(token, str):
                return f"{token!r} is no string"
            strings.append(token)
        strings.sort()
        if strings and not strings[0]:
            return "an empty string was written"
        for one, other in pairwise(strings):
            if other != one and other.startswith(one):
                return f"{one!r} is the beginning of {other!r}"
        return None

    def first(self, value: str, start: int = 0) -> str | None:
        """The token at a place in a value; None if none stands there."""
        for length in self._lengths:
            token = value[start : start + length]
            if token in self._tokens:
                return token
        return None

    def cut(self, value: str) -> Iterator[str | None]:
        """All tokens of a value in turn; None, last, for a rest that nobody wrote."""
        start = 0
        while start < len(value):
            token = self.first(value, start)
            yield token
            if token is None:
                return
            start += len(token)
