"""The key that a server takes for another one: a similar one, for which its answer is right."""

import pytest

from tester.report.collisions import closest


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("a\0", "a"),
        (" a", "a"),
        ("a\n", "a"),
        ("Key", "kEY"),
        ("e\u0301", "é"),
        ("/a/", "/a"),
        ("k" * 300 + "1", "k" * 300),
        ("", " "),
    ],
)
def test_keys_that_are_one_to_a_server(key: str, other: str) -> None:
    others = ["b", "no key at all", other, "xyz"]
    assert closest(key, others, lambda tried: True) == other
    assert closest(other, ["b", "xyz", key], lambda tried: True) == key


def test_an_answer_that_is_wrong_for_it_too_is_of_no_other_key() -> None:
    assert closest("a\0", ["a"], lambda tried: False) is None
    assert closest("a\0", ["a", "a\0\0"], lambda tried: tried != "a") == "a\0\0"


def test_the_answer_of_a_key_that_is_not_similar_is_right_by_chance() -> None:
    assert closest("k1", ["x7", "there", ""], lambda tried: True) is None
