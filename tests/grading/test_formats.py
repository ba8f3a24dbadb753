"""Each format against a schema of its documented fields, and what each of them lets be seen."""

import base64
import csv
import io
import json
import unicodedata
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.grading.class_summary import summarize
from tester.grading.explanation import explained
from tester.grading.feedback import HIDDEN, full_story, output, redacted
from tester.grading.formats import FORMATS, Format, render
from tester.grading.formats.text import fenced, table
from tester.grading.grade import Grade, PartGrade
from tester.workers.wire import plain
from tests.grading import schemas
from tests.snapshots import check

SEED = 14122345181142823183
STORY = f"""\
seed {SEED}: not linearizable

   0.000  c0      Put('k', '0', v0)

ErrVersion to #2 may mean that it was carried out.
One lost reply is enough: without it this seed passes.

Shrunk from 1259 choices to 2 in 15 runs.  To run it again:
    labtester replay"""


def part(test: str = "test_a", *, hidden: bool = False, **changes: object) -> PartGrade:
    values = {
        "id": f"{test}/{'hidden' if hidden else 'public'}",
        "name": test,
        "hidden": hidden,
        "points": 10.0,
        "max_points": 10.0,
        "status": "passed",
        "seeds": 20,
        "seeds_run": 20,
        "seeds_failed": 0,
        "first_failing": None,
        "first_failing_seed": "",
        "rpcs": 100,
        "ops": 50,
        "virtual_s": 1.5,
        "statement": "20 of 20 public seeds pass.",
        "reason": "",
        "hint": 3,
        "visibility": "after_due_date" if hidden else "visible",
    }
    return msgspec.convert(values | changes, PartGrade)


def failed(test: str = "test_b", *, hidden: bool = False, **changes: object) -> PartGrade:
    seed = str(SEED) if hidden else "3"
    facts: dict[str, object] = {
        "points": 0.0,
        "status": "failed",
        "seeds_failed": 1,
        "seeds_run": 4,
        "first_failing": 3,
        "first_failing_seed": seed,
        "statement": "The first failure came with seed number 4 of 20.",
        "reason": "not linearizable",
        "story": STORY.replace(str(SEED), seed),
        "kinds": ("lost reply",),
        "faults": ("the lost reply to #1",),
        "needs": "One lost reply is enough: without it this seed passes.",
        "likeness": "not linearizable",
    }
    return part(test, hidden=hidden, **(facts | changes))


def grade(*parts: PartGrade, **changes: object) -> Grade:
    reached = sum(one.points for one in parts)
    values = {
        "student": "alice",
        "lab": "kvsrv",
        "title": "Lab 2",
        "status": "graded",
        "points": reached,
        "max_points": sum(one.max_points for one in parts),
        "reached": reached,
        "late": "",
        "reason": "",
        "notes": (),
        "isolation": "sandbox: level 4",
        "level": 4,
        "commitment": "ab" * 32,
        "files_digest": "cd" * 32,
        "rubric_digest": "ef" * 32,
        "version": "1",
        "parts": [msgspec.to_builtins(one) for one in parts],
    }
    return msgspec.convert(values | changes, Grade)


WHOLE = grade(
    part(),
    failed(hidden=False),
    part(hidden=True),
    failed("test_c", hidden=True),
    failed("test_d", hidden=True, visibility="hidden", hint=3),
    part("test_e", points=3.5, status="failed", max_points=7.5, reason="a \x00 \x1b[31m b"),
)
LATE = grade(part(), failed(), points=9.0, reached=10.0, late="1 day late: 10 % are lost.")
MALFORMED = grade(
    *(part(points=0, status="malformed", reason="expected a.py, got b.py"),),
    status="malformed",
    reason="expected a.py, got b.py",
)
FAULT = grade(
    *(part(points=0, status="not graded", reason="disk full"),),
    status="not graded",
    reason="disk full",
)
GRADES = {"whole": WHOLE, "late": LATE, "malformed": MALFORMED, "fault": FAULT}


def written(form: str, which: str) -> str:
    return render(FORMATS[form], GRADES[which])


@pytest.mark.parametrize("which", list(GRADES))
def test_gradescope(which: str) -> None:
    found = msgspec.json.decode(written("gradescope", which), type=schemas.Gradescope)
    one = GRADES[which]
    assert found.score == (one.points if one.status == "graded" else 0)
    assert [test.visibility for test in found.tests] == [p.visibility for p in one.parts]
    assert sum(test.score for test in found.tests) == (one.reached if one.points else 0)


@pytest.mark.parametrize("which", list(GRADES))
def test_github_classroom(which: str) -> None:
    payload = base64.b64encode(written("classroom", which).encode())
    found = msgspec.json.decode(base64.b64decode(payload), type=schemas.Classroom)
    one = GRADES[which]
    assert found.status == ("error" if one.status != "graded" else "fail")
    assert sum(test.score for test in found.tests) == pytest.approx(
        one.points if one.status == "graded" else 0
    )


@pytest.mark.parametrize("which", list(GRADES))
def test_classroom_50(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSIGNMENT", "lab2")
    found = msgspec.json.decode(written("classroom50", which), type=schemas.Classroom50)
    one = GRADES[which]
    scale = 100 if which == "whole" else 1
    assert found.assignment == "lab2"
    assert found.score <= found.max_score == scale * one.max_points
    assert found.score == (scale * one.points if one.status == "graded" else 0)


@pytest.mark.parametrize("which", list(GRADES))
def test_prairielearn(which: str) -> None:
    text = written("prairielearn", which)
    one = GRADES[which]
    if one.status == "not graded":
        assert msgspec.json.decode(text, type=schemas.NotGradable).format_errors == [one.reason]
        return
    found = msgspec.json.decode(text, type=schemas.PrairieLearn)
    assert found.score == pytest.approx(one.points / one.max_points)


@pytest.mark.parametrize("which", list(GRADES))
def test_junit(which: str) -> None:
    text = written("junit", which)
    root = ElementTree.fromstring(text)
    for element in root.iter():
        needed, allowed, children = schemas.JUNIT[element.tag]
        assert needed <= set(element.attrib) <= needed | allowed
        assert {child.tag for child in element} <= children
    suite = root[0]
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == len(GRADES[which].parts)
    assert len(suite.findall(".//failure")) == int(suite.attrib["failures"])
    assert len(suite.findall(".//error")) == int(suite.attrib["errors"])
    assert ("\x00" in text, "\x1b" in text) == (False, False)


def test_json_csv_and_markdown() -> None:
    found = json.loads(written("json", "whole"))
    assert found["tests"][1]["replay"] == "labtester replay kvsrv test_b --seed 3 --submission ."
    assert "first_failing_seed" not in found["tests"][3]
    rows = list(csv.DictReader(io.StringIO(written("csv", "whole"))))
    assert rows[-1] | {"points": "23.5", "test": "total"} == rows[-1]
    check("grading/markdown", written("markdown", "whole"))


@pytest.mark.parametrize("form", list(FORMATS))
def test_no_list_of_tests_is_empty(form: str) -> None:
    with pytest.raises(ValueError, match="a grade without tests cannot be written"):
        render(FORMATS[form], grade())


@pytest.mark.parametrize("form", ["classroom", "prairielearn", "junit", "json", "csv", "markdown"])
def test_what_is_never_to_be_seen_says_nothing(form: str) -> None:
    shown = render(FORMATS[form], grade(failed(hidden=True, visibility="hidden", hint=3)))
    assert "linearizable" not in shown
    assert "lost reply" not in shown


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("hint", [0, 1, 2, 3])
def test_the_hint_ladder(hint: int, hidden: bool) -> None:
    one = failed(hidden=hidden, hint=hint)
    text = redacted(output(grade(one), one), [SEED])
    check(f"grading/{'hidden' if hidden else 'public'} {hint}", text + "\n")
    assert str(SEED) not in text
    assert ("lost reply" in text, "linearizable" in text) == (True, hint >= 1)
    assert ("the lost reply to #1" in text or "0.000  c0" in text) == (hint >= 2)


@given(st.lists(st.integers(2**60, 2**64 - 1), min_size=1, max_size=5), st.text())
def test_no_seed_survives(seeds: list[int], text: str) -> None:
    spelled = [f(seed) for seed in seeds for f in (str, hex, "{:X}".format, "{:016x}".format)]
    hidden = redacted(text.join(spelled), seeds)
    assert not [one for one in spelled if one.removeprefix("0x") in hidden]
    assert hidden.count(HIDDEN) == len(spelled)


@given(st.text("0123456789abcdefgh \n"))
def test_what_is_no_seed_stays(text: str) -> None:
    assert redacted(text, [2**63 + 1, 2**64 - 1]) == text


@given(st.text())
def test_nothing_ends_a_block_of_text(text: str) -> None:
    lines = fenced(text).splitlines()
    assert lines[-1] == lines[0].removesuffix("text")
    assert lines[-1] not in [line.strip() for line in lines[1:-1]]


@given(st.text() | st.from_regex(r"\s*[=+\-@＝＋－＠﹢﹣].*", fullmatch=True))
def test_no_cell_is_a_formula(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(table([[text]])))) or [""]
    assert cell.removeprefix("'") == plain(text).removeprefix("'")
    assert unicodedata.normalize("NFKC", cell).strip()[:1] not in ("=", "+", "-", "@")


def test_what_was_printed_is_shown_of_public_seeds_and_with_the_whole_story_only() -> None:
    row = "   0.001  c0      print    it may have been written"
    assert row in output(grade(), failed(printed=row))
    assert row not in output(grade(), failed(printed=row, hint=2))
    for hint in range(4):
        assert row not in output(grade(), failed(hidden=True, hint=hint, printed=row))
    assert row in full_story(grade(), failed(hidden=True, printed=row))


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_a_student_does_not_read_what_of_the_machine_failed(form: Format) -> None:
    fault = "OSError: no more\nTraceback:\n  File '/srv/course/grader.py'"
    broken = grade(part(), status="not graded", reason="Have it graded again.", fault=fault)
    assert "/srv/course" not in render(form, broken)
    assert "no more" not in render(form, broken)
    assert fault in explained(broken)
    assert summarize([broken]).not_graded == {broken.student: "OSError: no more"}
