"""How wide a text is that a person reads, and where its lines may break: in no quoted value."""

from __future__ import annotations

import re
import textwrap
from typing import Final

WIDTH: Final = 80
"""Columns."""
_QUOTED: Final = re.compile(r"(?<!\w)b?'(?:[^'\\\n]|\\.)*'(?!\w)")
"""A value in quotes, and not what stands between two possessives."""
_LONGEST: Final = 48
"""A longer value may be broken where it has a space."""
_HELD: Final = "\ue000"
"""Stands for a space at which no line may end; a private character, which no text uses."""


def wrapped(
    text: str, first: str = "", others: str = "", *, long_words: bool = False
) -> list[str]:
    """The lines of a text, the first and the others indented; values in quotes stay whole.

    A word that is longer than a line, such as a path, is broken, unless `long_words` may stay.
    """
    lines = textwrap.wrap(
        _QUOTED.sub(_whole, text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=not long_words,
    )
    return [line.replace(_HELD, " ") for line in lines]


def _whole(value: re.Match[str]) -> str:
    return value[0].replace(" ", _HELD) if len(value[0]) <= _LONGEST else value[0]
