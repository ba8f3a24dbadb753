"""Portraits of objects: what they say of themselves, without an address or an order of hashing."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.world.portrait import portrait, text_of


class Server:
    def __init__(self) -> None:
        self._table = {"k": ("a", 1)}
        self.term = 3
        self._task = object()


class Private:
    def __init__(self) -> None:
        self._table = {"k": ("a", 1)}
        self._end = object()


class Described:
    def __init__(self) -> None:
        self.secret = 1

    def describe(self) -> dict[str, Any]:
        return {"role": "leader", "terms": [1, 2]}


class Service:
    def __init__(self) -> None:
        self.applied = 4
        self._inside = Wrapper()


class Wrapper:
    def __init__(self) -> None:
        self._raft = Described()


class Raises:
    def describe(self) -> dict[str, Any]:
        raise ValueError("not now")


@dataclasses.dataclass
class Entry:
    term: int
    command: bytes


class Peer:
    def __init__(self) -> None:
        self.current_term = 2
        self.log = [Entry(0, b""), Entry(1, b"x"), Entry(2, b"y")]


class Pairs:
    def __init__(self) -> None:
        self.term = 2
        self.log = [(1, "x"), (2, "y")]


class Inner:
    def __init__(self) -> None:
        self.log = [Entry(1, b"x")]


class Shell:
    def __init__(self) -> None:
        self._core = Inner()


class Colour(enum.Enum):
    RED = 1


def test_public_attributes_are_shown_and_only_they() -> None:
    assert portrait(Server()).rows == {"term": "3"}


def test_an_object_with_nothing_public_shows_its_private_attributes() -> None:
    assert portrait(Private()).rows == {"table['k']": "('a', 1)"}


def test_a_description_goes_before_attributes() -> None:
    assert portrait(Described()).rows == {
        "role": "'leader'", "log[1]": "1 ", "log[2]": "2 ",
    }  # fmt: skip


def test_an_object_inside_that_describes_itself_is_shown_with_its_owner() -> None:
    assert portrait(Service()).rows == {
        "applied": "4", "raft.role": "'leader'", "log[1]": "1 ", "log[2]": "2 ",
    }  # fmt: skip


def test_a_description_that_raises_says_so() -> None:
    assert portrait(Raises()).rows == {"(cannot be shown)": "ValueError: not now"}


@pytest.mark.parametrize(
    ("target", "cells"),
    [
        (Peer(), {"log[1]": "1 'x'", "log[2]": "2 'y'"}),
        (Pairs(), {"log[1]": "1 'x'", "log[2]": "2 'y'"}),
        (Shell(), {"log[1]": "1 'x'"}),
    ],
)
def test_a_log_of_terms_is_found_whatever_its_form(target: object, cells: dict[str, str]) -> None:
    rows = portrait(target).rows
    assert {name: text for name, text in rows.items() if name.startswith("log[")} == cells


def test_changes_are_what_is_new_or_different_or_gone() -> None:
    before = portrait(Pairs())
    after = Pairs()
    after.term, after.log = 3, [(1, "x")]
    assert dict(portrait(after).changes(before)) == {"term": "3", "log[2]": None}


def test_a_long_text_is_cut_and_control_characters_are_visible() -> None:
    assert len(text_of("x" * 1_000_000)) <= 120
    assert text_of("\x07\u202e").isprintable()


@pytest.mark.parametrize("value", [object(), asyncio, print, deque([object()]), [object()]])
def test_what_is_no_data_has_no_address(value: object) -> None:
    assert " at 0x" not in text_of(value)


def test_a_set_is_shown_in_one_order() -> None:
    assert text_of({"b", "a", "c"}) == "{'a', 'b', 'c'}"
    assert text_of({Colour.RED}) == "{RED}"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(values)
def test_any_value_has_a_short_printable_text(value: Any) -> None:
    text = text_of(value)
    assert text.isprintable()
    assert len(text) <= 120
    assert text == text_of(value)
