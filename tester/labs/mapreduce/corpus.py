"""The input files of the suite: eight small books that nobody has written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

_WORDS: Final = tuple(
    """
    the of and a to in he was that his it with I had as not for you at be him on her she which
    is but said have they all from this one were so there no would or if who when up what my
    could then very man out time little some down about know upon them made came now before see
    naïve Straße été дом мир 山 don't o'clock re-read Tom tom TOM Sherlock river x ab abc
    """.split()  # noqa: SIM905 - a table of words
)
_GAPS: Final = (" ", " ", " ", " ", ", ", ". ", "\n", "\r\n", " -- ", "_", "\t", " 7 ", "; ")
_NAMES: Final = (
    "pg-being_ernest.txt",
    "pg-dorian_gray.txt",
    "pg-frankenstein.txt",
    "pg-grimm.txt",
    "pg-huckleberry_finn.txt",
    "pg-metamorphosis.txt",
    "pg-sherlock_holmes.txt",
    "pg-tom_sawyer.txt",
)


def _numbers(state: int) -> Iterator[int]:
    """The same numbers for ever: a linear congruential generator, of whose state the top is used.

    Constants of D. Knuth's MMIX.
    """
    while True:
        state = (6_364_136_223_846_793_005 * state + 1_442_695_040_888_963_407) % 2**64
        yield state >> 33


def _book(number: int) -> str:
    """Short words are the more frequent ones; no two books have the same lengths."""
    luck = _numbers(number)
    pieces = []
    for _ in range(60 + 15 * number):
        most = len(_WORDS) >> next(luck) % 3
        pieces += [_WORDS[next(luck) % most], _GAPS[next(luck) % len(_GAPS)]]
    return "".join(pieces)


BOOKS: Final[dict[str, str]] = {
    name: _book(number) for number, name in zip(itertools.count(), _NAMES, strict=False)
}
"""Their contents by their names. The words are few, because only their counts matter."""
