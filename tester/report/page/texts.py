"""Texts of a page: cut, and without characters that do something instead of being seen."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 400
"""At most this many characters of a text are kept."""


def cut(text: str, longest: int = LONGEST) -> str:
    """The text on one line; of a long one both ends, and how much is left out."""
    if len(text) > longest:
        kept = max(8, (longest - 32) // 2)
        left_out = len(text) - 2 * kept
        text = f"{text[:kept]} ... {left_out} characters ... {text[-kept:]}"
    return visible(" ".join(text.split()) if "\n" in text else text)


def visible(text: str) -> str:
    """The text with an escape for each character that has no form of its own, but for newlines."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )
