"""Texts are folded as `textwrap` folds them, which takes many times as long."""

from __future__ import annotations

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from linearizability.explanation.text import WIDTH, _wrap

words = st.text("ab-'.\u00e4", min_size=1, max_size=90)


@given(st.lists(words, min_size=1, max_size=30), st.sampled_from(["", "    ", "        "]))
def test_folded_as_textwrap_does(found: list[str], indent: str) -> None:
    text = " ".join(found)
    folded = textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    assert _wrap(text, indent) == folded
