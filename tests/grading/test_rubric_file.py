"""Rubrics: what each key means, and a sentence with file, line and remedy for each mistake."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.grading.plan import Part, Plan
from tester.grading.rubric import Tier
from tester.grading.rubric_file import BadRubric, load
from tester.grading.seeds import new_secret
from tester.grading.toml_lines import Place, lines_of, nearest
from tester.labs import LABS

WHOLE = """\
lab = "kvsrv"
title = "Lab 2"
assignment = "lab2-2026"

[seeds]
public = 4
hidden = 100
secret = "secret.txt"

[shown]
hint = 2
visibility = "after_published"

[[tests]]
name = "course"
points = 10

[[tests]]
name = "test_outage"
points = 5
hidden = 0
credit = "share"

[[tests]]
name = "test_cop*"
public = 0
hidden_hint = 0
credit = [{ passed = 0.9, points = 0.5 }]
"""


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "secret.txt").write_text(new_secret())
    file = tmp_path / "rubric.toml"
    file.write_text(text)
    return file


def plan_of(tmp_path: Path, text: str) -> Plan:
    return load(written(tmp_path, text))


def test_a_rubric_becomes_parts(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    parts = {part.id: part for part in plan.parts}
    assert parts["test_unreliable_net/public"] == Part(
        "test_unreliable_net", False, 4, 0, "all", 2, "visible"
    )
    assert parts["test_unreliable_net/hidden"] == Part(
        "test_unreliable_net", True, 100, 10, "all", 1, "after_published"
    )
    assert parts["test_outage/public"] == Part("test_outage", False, 4, 5, "share", 2, "visible")
    assert "test_outage/hidden" not in parts
    assert parts["test_copies/hidden"].credit == (Tier(0.9, 0.5),)
    assert "test_copies/public" not in parts
    assert parts["test_mem_put_many_clients_reliable/hidden"].seeds == 2  # its weight is 50
    assert plan.max_points == 4 * 10 + 5 + 10
    assert (plan.assignment, plan.stands_on) == ("lab2-2026", {})


def test_the_digest_says_what_a_grade_depends_on(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    assert load(tmp_path / "rubric.toml").digest == plan.digest
    (tmp_path / "secret.txt").write_text(new_secret())
    assert load(tmp_path / "rubric.toml").digest != plan.digest


@pytest.mark.parametrize("lab", list(LABS))
def test_each_lab_can_be_graded_as_a_whole(tmp_path: Path, lab: str) -> None:
    plan = plan_of(tmp_path, f'lab = "{lab}"\n[[tests]]\nname = "test_*"\n')
    assert plan.parts
    assert all(not part.hidden and part.points == 10 for part in plan.parts)


ONE = 'lab = "kvsrv"\n[[tests]]\nname = "test_outage"\n'


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('lab = "kvsrv', 1, "expected TOML, got"),
        ("tests = []", 1, 'expected lab = "NAME" with one of kvsrv, lock'),
        ('lab = "kvsrv"', 1, "expected at least one [[tests]], got none"),
        (ONE.replace("kvsrv", "kvsvr"), 1, "there is no lab 'kvsvr': write kvsrv"),
        (ONE.replace("test_outage", "test_outrage"), 3, "'test_outrage': write test_outage"),
        (ONE + "pionts = 3", 4, "there is no key 'pionts': write points"),
        (ONE + 'points = "3"', 4, "points: "),
        (ONE + "points = -3", 4, "points: expected 0 to 1000000.0, got -3"),
        (ONE + "points = 0", 2, "expected points for some test, got none: raise points"),
        (ONE + "hint = 4", 4, "hint: "),
        (ONE + 'visibility = "seen"', 4, "visibility: "),
        (ONE + "credit = 3", 4, "credit: "),
        (ONE + "credit = [{passed = 2, points = 1}]", 4, "credit: expected 0 to 1, got 2"),
        (ONE + "public = 0", 2, "test_outage runs on no seed: set public or hidden"),
        (ONE + "hidden = 5", 1, 'add secret = "secret.txt" to [seeds]'),
        (ONE + '[seeds]\nhidden = 5\nsecret = "no"', 6, "expected the secret"),
        (ONE + '[seeds]\nhidden = 5\nsecret = "\\u0000"', 6, "secret"),
        (ONE + '[seeds]\nhidden = 5\nsecret = "/dev/zero"', 6, "at most 65536 bytes, got more"),
        (ONE + "[seeds]\npubilc = 5", 5, "there is no key 'pubilc': write public"),
        (ONE + "[seeds]\npublic = -5", 5, "public: expected 0 to 1000000, got -5"),
        (ONE + "[limits]\nmemory_mb = 1", 5, "memory_mb: expected 256 to 1048576, got 1"),
        (ONE + "[late]\ndue = 2026-12-01T10:00:00", 5, "expected a time with its zone"),
        (ONE + '[late]\ndue = "soon"', 5, "due: "),
        (ONE + '[stands_on]\nraft = "own"', 5, "kvsrv stands on no lab, not on raft: delete it"),
        ("stands_on = 3\n" + ONE, 1, "stands_on: "),
        (ONE + '[[tests]]\nname = "test_outage"', 5, "test_outage is named twice: delete one"),
        (ONE + "[[tests]]\npoints = 1", 4, 'expected name = "TEST" in this [[tests]], got none'),
        ('lab = "kvsrv"\ntests = [3]', 2, "expected a table: write [[tests]]"),
    ],
)
def test_a_mistake_is_one_sentence_with_line_and_remedy(
    tmp_path: Path, text: str, line: int, sentence: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(BadRubric) as caught:
        load(file)
    assert [one for one in caught.value.mistakes if sentence in one], caught.value.mistakes
    found = next(one for one in caught.value.mistakes if sentence in one)
    assert found.startswith(f"{file}:{line}: ")
    assert all("\n" not in one for one in caught.value.mistakes)


def test_all_mistakes_are_found_at_once(tmp_path: Path) -> None:
    text = ONE + "pionts = 3\nhint = 9\n[seeds]\nscret = 1\n[late]\nday = 1\n"
    with pytest.raises(BadRubric) as caught:
        plan_of(tmp_path, text)
    assert len(caught.value.mistakes) == 4


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_is_no_rubric(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "r.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadRubric, match=r"r\.toml: .*; `labtester new|save it anew"):
        load(file)


NAMES = st.text("abcdefgh", min_size=1, max_size=4)


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, unique=True, max_size=3)), max_size=5))
def test_lines_of_keys_are_found(tables: list[tuple[str, list[str]]]) -> None:
    lines: list[str] = []
    want: dict[Place, int] = {}
    for number, (table, keys) in enumerate(tables):
        lines += ["# a comment", f"[[t.{table}]]" if number % 2 else f"[{table}.n{number}]"]
        count = sum(1 for at, (name, _) in enumerate(tables[:number]) if at % 2 and name == table)
        place: Place = ("t", table, count) if number % 2 else (table, f"n{number}")
        want[place] = len(lines)
        for key in keys:
            lines.append(f"{key} = [ 1, 2 ]")
            want[*place, key] = len(lines)
    found = lines_of("\n".join(lines))
    assert {place: found[place] for place in want} == want
    for place, line in want.items():
        assert nearest(found, (*place, "missing", 3)) == line
