"""The numbers of a sweep, beside twins that count one by one."""

import json
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tester.sweep import statistics

PATTERNS = {
    1: "[]",
    2: json.dumps([["lost reply", "put"]]),
    3: json.dumps([["lost reply", "get"], ["crash", "put"]]),
    4: json.dumps([["crash", "nothing"]]),
}
numbers = st.lists(st.sampled_from(sorted(PATTERNS)), max_size=40)


@given(values=st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_quantiles_are_values_that_occur(values: list[int]) -> None:
    found = statistics.quantiles(np.array(values))
    ordered = sorted(values)
    assert found["least"] == ordered[0]
    assert found["most"] == ordered[-1]
    assert found["median"] == ordered[(len(values) - 1) // 2]
    assert set(found.values()) <= set(values)


@given(values=st.lists(st.integers(0, 9), max_size=300))
def test_how_the_number_of_different_ones_grows(values: list[int]) -> None:
    found = statistics.growth(np.array(values, dtype=np.int64))
    assert found == [(mark, len(set(values[:mark]))) for mark, _ in found]
    marks = [mark for mark, _ in found]
    usual = (1, 2, 5, 10, 20, 50, 100, 200)
    assert marks == [mark for mark in usual if mark < len(values)] + [len(values)] * bool(values)


@given(values=numbers)
def test_the_share_of_those_that_were_seen_once(values: list[int]) -> None:
    found = statistics.unseen(np.array(values, dtype=np.int64))
    singles = sum(count == 1 for count in Counter(values).values())
    assert found == (singles / len(values) if values else None)


@given(values=numbers)
def test_which_faults_hit_what(values: list[int]) -> None:
    found = statistics.coverage(np.array(values, dtype=np.int64), PATTERNS)
    counted: Counter[tuple[str, str]] = Counter()
    for number in values:
        counted.update({(fault, method) for fault, method in json.loads(PATTERNS[number])})
    pairs = {(f, m): n for f, row in found["hits"].items() for m, n in row.items()}
    assert pairs == dict(counted)
    faults, methods = {f for f, _ in counted}, {m for _, m in counted}
    every = {(f, m) for f in faults for m in methods}
    assert {tuple(pair) for pair in found["never"]} == every - set(counted)
    assert "late request" in found["absent"]
    assert ("lost reply" in found["absent"]) == ("lost reply" not in faults)


def test_what_was_reached_and_what_was_demanded() -> None:
    texts = {1: '{"a": true, "b": false}', 2: '{"a": true, "b": true}', 3: "{}"}
    found = statistics.reached(np.array([1, 2, 3, 3, 2]), texts, ["b", "c"])
    assert found == {
        "a": {"seeds": 3, "demanded": False},
        "b": {"seeds": 2, "demanded": True},
        "c": {"seeds": 0, "demanded": True},
    }
