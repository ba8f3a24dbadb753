"""Hidden seeds: the published vector, fields that cannot be confused, and bad secrets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.grading.seeds import (
    BadSecret,
    commitment,
    hidden_seed,
    new_secret,
    read_secret,
    subject_of,
)


def test_the_vector() -> None:
    found = [
        hidden_seed(b"example secret", "kvsrv", "test_unreliable_net", "student-17", index)
        for index in range(3)
    ]
    assert found == [253921184194356303, 4444338755200455222, 14122345181142823183]


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_other_fields_are_another_seed(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    same = hidden_seed(b"s" * 32, *one, 1) == hidden_seed(b"s" * 32, *other, 1)
    assert same == (one == other)


def test_the_order_of_a_group_does_not_matter() -> None:
    assert subject_of(["b", "a"]) == subject_of(["a", "b"]) == "a+b"


def test_a_new_secret_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(new_secret())
    assert len(read_secret(file)) >= 32
    assert len(commitment(read_secret(file))) == 64
    file.write_text(new_secret() + "\n")
    assert commitment(read_secret(file)) == commitment(read_secret(file))


@pytest.mark.parametrize(
    ("text", "sentence"), [("short\n", "at least 32 bytes, got 5"), (None, "got No such")]
)
def test_what_is_no_secret_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    file = tmp_path / "secret"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadSecret, match=sentence):
        read_secret(file)
