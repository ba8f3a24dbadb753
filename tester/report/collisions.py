"""Keys that a server takes for one: which other key an impossible answer is right for."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Final

from tester.report import values

_MOST: Final = 30
"""It is tried of so many other keys, the most similar ones, whether the answer is right for it."""
_ALIKE: Final = 0.6
"""How similar keys are that may be one to a server, of 1 for equal ones."""


def closest(key: str, others: Sequence[str], fits: Callable[[str], bool]) -> str | None:
    """The most similar key for which an answer is right that is wrong for its own; None if none.

    Only a similar one says anything: what is right for one of many keys is right by chance.
    """
    ranked = sorted(others, key=lambda other: -_likeness(key, other))
    alike = [other for other in ranked[:_MOST] if _likeness(key, other) >= _ALIKE]
    return next((other for other in alike if fits(other)), None)


def _likeness(one: str, other: str) -> float:
    """How similar two keys are: 1 if they differ in spaces, case, or what is not to be seen."""
    if _folded(one) == _folded(other) or (one and other and one.startswith(other)):
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _folded(key: str) -> str:
    plain = unicodedata.normalize("NFKD", key).casefold()
    return "".join(letter for letter in plain if unicodedata.category(letter)[0] in "LNPS")


def right_for(other: str, wrote: int) -> str:
    """That an answer is right for another key, as a sentence."""
    return f"That answer is right for {values.shown(other)}, which #{wrote} had put."
