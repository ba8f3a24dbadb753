"""Plans: which seeds a student gets, and on what they depend."""

from pathlib import Path

from tester.grading.plan import Plan
from tester.grading.rubric_file import load
from tester.grading.seeds import new_secret

RUBRIC = """\
lab = "kvsrv"
assignment = "lab2-2026"

[seeds]
public = 4
hidden = 100
secret = "secret.txt"

[[tests]]
name = "course"
"""


def plan_of(folder: Path) -> Plan:
    folder.mkdir()
    (folder / "secret.txt").write_text(new_secret())
    (folder / "rubric.toml").write_text(RUBRIC)
    return load(folder / "rubric.toml")


def test_hidden_seeds_depend_on_secret_assignment_test_and_student(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "one")
    hidden = [part for part in plan.parts if part.hidden]
    seen = [seed for who in "ab" for part in hidden for seed in plan.seeds_of(part, who)]
    assert len(set(seen)) == len(seen)
    again = load(tmp_path / "one" / "rubric.toml")
    assert again.seeds_of(hidden[0], "a") == plan.seeds_of(hidden[0], "a")
    other = plan_of(tmp_path / "other")
    assert other.commitment != plan.commitment
    assert other.seeds_of(hidden[0], "a") != plan.seeds_of(hidden[0], "a")


def test_public_seeds_are_everybodys(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "one")
    public = next(part for part in plan.parts if not part.hidden)
    assert plan.seeds_of(public, "a") == plan.seeds_of(public, "b") == [0, 1, 2, 3]
