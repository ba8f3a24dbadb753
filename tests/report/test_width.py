"""Where a line of a text may break: at a space, and not within a short value in quotes."""

from hypothesis import given
from hypothesis import strategies as st

from tester.report.width import WIDTH, wrapped

words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="'\\"), min_size=1)
texts = st.lists(words.map(lambda word: word[:40]), max_size=30).map(" ".join)
quoted = st.lists(words.map(lambda word: word[:8]), max_size=5).map(lambda of: f"'{' '.join(of)}'")


@given(st.lists(st.one_of(texts, quoted), max_size=8), st.integers(0, 20))
def test_no_word_is_lost_and_a_value_in_quotes_stays_whole(parts: list[str], inside: int) -> None:
    text = " ".join(parts)
    lines = wrapped(text, "", " " * inside)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert max(map(len, lines), default=0) <= WIDTH
    for part in parts:
        if part.startswith("'") and part.endswith("'") and " ".join(part.split()) == part:
            assert any(part in line for line in lines)


def test_a_value_that_is_too_long_is_broken_at_a_space() -> None:
    value = repr("x c1 0 y " * 12)
    assert len(wrapped(f"expected {value}.")) == 2


def test_what_stands_between_two_possessives_is_no_value() -> None:
    assert wrapped("word " * 14 + "c1's Put and c2's Get")[0].endswith("word c1's Put")
