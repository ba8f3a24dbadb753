"""What an instructor starts from: a rubric, a Gradescope zip, a GitHub Classroom workflow."""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from tester.engine import VERSION
from tester.grading.collect import below
from tester.grading.formats import FORMATS, render
from tester.grading.grade import About, pending
from tester.grading.handed import OURS
from tester.grading.plan import Plan
from tester.grading.seeds import new_secret
from tester.grading.starter import check_empty, write_files
from tester.labs.lab import Lab

ZIP: Final = "autograder.zip"
_SECRET: Final = "secret.txt"  # noqa: S105 - the name of the file
_EXECUTABLE: Final = 0o100755
_PLAIN: Final = 0o100600
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""The time of all entries: the same zip each time."""


def write_instructors(lab: Lab, folder: Path) -> list[str]:
    """Write a rubric of the whole lab, and a secret, into an empty folder. Raises NotEmpty."""
    stands_on = "".join(f'{name} = "reference"  # or "own"\n' for name in below(lab))
    text = _template("rubric.toml").format(
        lab=lab.name,
        secret=_SECRET,
        stands_on=f"[stands_on]\n{stands_on}\n" if stands_on else "",
        due="2030-01-31T23:59:00Z",
    )
    files = write_files(folder, {"rubric.toml": text, _SECRET: ""})
    secret = folder / _SECRET
    secret.chmod(0o600)
    secret.write_text(new_secret(), encoding="ascii")
    return files


def write_autograder(plan: Plan, rubric: Path, folder: Path) -> list[str]:
    """Write a Gradescope zip and a workflow into an empty folder. Raises NotEmpty."""
    check_empty(folder)
    archive = gradescope_zip(plan, rubric)
    files = write_files(folder, classroom_files(plan))
    (folder / ZIP).write_bytes(archive)
    return sorted([ZIP, *files])


def gradescope_zip(plan: Plan, rubric: Path) -> bytes:
    """The zip: what sets the image up, what runs, the rubric with its secret, and labtester."""
    first = render(FORMATS["gradescope"], pending(plan, About("submission")))
    text = rubric.read_text(encoding="utf-8")
    secret = plan.rubric.seeds.secret
    if secret:
        text = re.sub(r"(?m)^(\s*secret\s*=\s*).*$", rf'\g<1>"{_SECRET}"', text, count=1)
    entries: list[tuple[str, bytes, int]] = [
        ("setup.sh", _setup().encode(), _EXECUTABLE),
        ("run_autograder", _template("run_autograder.sh").encode(), _EXECUTABLE),
        ("rubric.toml", text.encode(), _PLAIN),
        ("first.json", first.encode(), _PLAIN),
        *((f"packages/{path}", content, _PLAIN) for path, content in _packages()),
    ]
    if secret:
        entries.append((_SECRET, plan.secret + b"\n", _PLAIN))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content, mode in entries:
            info = zipfile.ZipInfo(path, _LONG_AGO)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return stream.getvalue()


def _setup() -> str:
    requirements = [
        one for one in importlib.metadata.requires("labtester") or () if "extra ==" not in one
    ]
    quoted = " ".join(f"'{one}'" for one in sorted(requirements))
    return _template("setup.sh").replace("@REQUIREMENTS@", quoted)


def _packages() -> Iterator[tuple[str, bytes]]:
    """The files of labtester's packages, by their paths."""
    house = Path(__file__).resolve().parents[2]
    names = sorted({*_lab_packages(house), *OURS})
    for name in names:
        for path in sorted((house / name).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(house).as_posix(), path.read_bytes()


def _lab_packages(house: Path) -> Iterator[str]:
    for init in house.glob("*/__init__.py"):
        if "__lab__ = True" in init.read_text(encoding="utf-8").splitlines():
            yield init.parent.name


def classroom_files(plan: Plan) -> dict[str, str]:
    """A workflow, and a rubric with public seeds only: students can read both."""
    workflow = _template("classroom.yml").replace("@VERSION@", VERSION)
    return {
        ".github/workflows/classroom.yml": workflow,
        ".github/classroom/rubric.toml": public_rubric(plan),
    }


def public_rubric(plan: Plan) -> str:
    """The rubric without its secret: each test with all of its points, on public seeds."""
    points: dict[str, float] = {}
    public = {part.test: part for part in plan.parts if not part.hidden}
    for part in plan.parts:
        points[part.test] = points.get(part.test, 0) + part.points
    lines = [
        f"lab = {json.dumps(plan.lab.name)}",
        f"title = {json.dumps(plan.rubric.title or plan.assignment)}",
        "",
        "[limits]",
        f"stuck_after = {plan.rubric.limits.stuck_after}",
        f"memory_mb = {plan.rubric.limits.memory_mb}",
        "",
        *(["[stands_on]"] if plan.stands_on else []),
        *(f"{name} = {json.dumps(whose)}" for name, whose in plan.stands_on.items()),
    ]
    for name, worth in points.items():
        known = public.get(name)
        seeds = known.seeds * known.weight if known is not None else 1
        hint = known.hint if known is not None else plan.rubric.shown.hint
        lines += [
            "",
            "[[tests]]",
            f"name = {json.dumps(name)}",
            f"points = {worth:g}",
            f"public = {seeds}",
            f"hint = {hint}",
        ]
    return "\n".join(lines) + "\n"


def _template(name: str) -> str:
    return (resources.files("tester.grading") / "templates" / name).read_text(encoding="utf-8")
