"""The summary of a class: what is counted, what separates, and who is not in it."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from tester.grading.class_summary import as_csv, as_json, as_text, correlation, summarize
from tests.grading.test_formats import failed, grade, part
from tests.snapshots import check

GOOD = grade(part(), part("test_b", hidden=True), student="good")
BAD = grade(part(), failed("test_b", hidden=True), student="bad")
SAME = grade(part(), failed("test_b", hidden=True), student="same")
NONE = grade(
    *(part(t, points=0, status="malformed", reason="no file") for t in ("test_a", "test_b")),
    student="none",
    status="malformed",
    reason="no file",
)
FAULT = grade(
    *(part(t, points=0, status="not graded", reason="disk") for t in ("test_a", "test_b")),
    student="fault",
    status="not graded",
    reason="disk full",
)
CLASS = [GOOD, BAD, SAME, NONE, FAULT]


def test_a_class_in_figures() -> None:
    found = summarize(CLASS)
    assert found.scores == {"good": 20, "bad": 10, "same": 10, "none": 0, "fault": None}
    assert (found.mean, found.median, found.max_points) == (10, 10, 20)
    assert found.histogram == (1, 0, 0, 0, 0, 2, 0, 0, 0, 1)
    assert [(test.passed, test.graded) for test in found.tests] == [(3, 4), (1, 4)]
    assert [(bug.students, bug.tests) for bug in found.bugs] == [
        (("bad", "same"), ("test_b",)),
        (("none",), ()),
    ]
    assert found.not_graded == {"fault": "disk full"}
    assert json.loads(as_json(found))["median"] == 10
    rows = list(csv.DictReader(io.StringIO(as_csv(CLASS))))
    assert [row["points"] for row in rows] == ["20", "10", "10", "0", ""]


def test_a_class_in_words() -> None:
    check("grading/class", as_text(summarize(CLASS)))


def test_a_class_of_nobody_has_a_summary() -> None:
    assert as_text(summarize([])).startswith("0 of 0 graded\n")
    assert summarize([FAULT]).mean is None


VALUES = st.lists(st.integers(0, 5), min_size=2, max_size=9)


@given(VALUES, st.data())
def test_correlation_is_symmetric_and_bounded(one: list[int], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.integers(0, 5), min_size=len(one), max_size=len(one)))
    found = correlation([float(x) for x in one], [float(x) for x in other])
    constant = len(set(one)) == 1 or len(set(other)) == 1
    assert (found is None) == constant
    if found is not None:
        assert -1 <= found <= 1
        assert found == correlation([float(x) for x in other], [float(x) for x in one])
