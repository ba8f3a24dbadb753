"""What students start from: skeletons, a handout, a test file, and what pytest needs to know."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from tester.grading.collect import below, required
from tester.grading.plan import Plan
from tester.labs.lab import Lab
from tester.labs.suite import tests_of

_SEEDS: Final = 10
_SUFFIX: Final = ".txt"
"""The suffix of skeletons, which must not be modules where they are kept."""

_PYPROJECT: Final = """\
[tool.pytest.ini_options]
testpaths = ["{test_file}"]
sim_submission = "."  # the packages in this folder take the place of labtester's
sim_seeds = "{seeds}"
"""
_TESTS: Final = '''\
"""The tests of the {name} lab: pytest runs them on the packages in this folder."""

from {suite} import *  # noqa: F403
'''
_IGNORED: Final = ".labtester/\n.pytest_cache/\n__pycache__/\n.venv/\n"


class NotEmpty(Exception):
    """The folder is not empty; the text is one sentence."""


def check_empty(folder: Path) -> None:
    """Raise NotEmpty unless nothing would be lost by writing there."""
    if folder.is_dir():
        found = sorted(path.name for path in folder.iterdir())
        if found:
            raise NotEmpty(
                f"{folder}: expected an empty folder or none, got one with {found[0]}; name "
                "another one"
            )
    elif folder.exists() or folder.is_symlink():
        raise NotEmpty(f"{folder}: expected an empty folder or none, got a file; name another one")


def write_starter(lab: Lab, folder: Path, plan: Plan | None = None) -> list[str]:
    """Write a starter into an empty folder; returns the files, in order. Raises NotEmpty."""
    return write_files(folder, starter_files(lab, plan))


def write_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write text files into an empty folder; returns their names, in order. Raises NotEmpty."""
    check_empty(folder)
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return sorted(files)


def starter_files(lab: Lab, plan: Plan | None = None) -> dict[str, str]:
    """The files of a starter; with a rubric, its points and its commitment."""
    test_file = f"test_{lab.name.replace('-', '_')}.py"
    files = dict(skeletons(lab))
    files["README.md"] = handout(lab, test_file, plan)
    files["pyproject.toml"] = _PYPROJECT.format(test_file=test_file, seeds=_SEEDS)
    files[test_file] = _TESTS.format(name=lab.name, suite=lab.suite)
    files[".gitignore"] = _IGNORED
    return files


def skeletons(lab: Lab) -> Iterator[tuple[str, str]]:
    """The Python files that a student is to complete."""
    yield from _below(_kept(lab) / "files", "")


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _below(entry, f"{path}{entry.name}/")
        else:
            yield f"{path}{entry.name.removesuffix(_SUFFIX)}", entry.read_text(encoding="utf-8")


def _kept(lab: Lab) -> Traversable:
    return resources.files("tester.grading") / "starters" / lab.name


# -- the handout ---------------------------------------------------------------------------------


def handout(lab: Lab, test_file: str, plan: Plan | None) -> str:
    """The text for students: goal, contract, hints, points, and how to read a failure."""
    wanted = required(lab, {} if plan is None else plan.stands_on)
    title = plan.rubric.title if plan is not None and plan.rubric.title else f"The {lab.name} lab"
    text = (resources.files("tester.grading") / "templates" / "handout.md").read_text("utf-8")
    for name, value in {
        "TITLE": title,
        "GOAL": _part(lab, "goal"),
        "FILES": "\n".join(_files(lab, wanted)),
        "BELOW": _standing_on(lab, plan),
        "CONTRACT": _part(lab, "contract"),
        "HINTS": _part(lab, "hints"),
        "POINTS": "\n".join(_points(lab, plan)),
        "HANDED": " and ".join(f"`{file}`" for file in wanted),
        "TEST_FILE": test_file,
        "LAST_SEED": str(_SEEDS - 1),
    }.items():
        text = text.replace(f"@{name}@", value)
    return text


def _part(lab: Lab, name: str) -> str:
    return (_kept(lab) / f"{name}.md").read_text(encoding="utf-8").strip()


def _files(lab: Lab, wanted: Sequence[str]) -> Iterator[str]:
    yield "| file | class or function | methods |"
    yield "|---|---|---|"
    for expected in lab.classes:
        file = f"{expected.module.replace('.', '/')}.py"
        if file in wanted:
            methods = ", ".join(f"`{m.name}({', '.join(m.parameters)})`" for m in expected.methods)
            made = f"{expected.name}({', '.join(expected.parameters)})"
            what = "a coroutine function" if expected.is_function else "RPC handlers of its own"
            yield f"| `{file}` | `{made}` | {methods or what} |"


def _standing_on(lab: Lab, plan: Plan | None) -> str:
    own = [name for name in below(lab) if plan is not None and plan.stands_on[name] == "own"]
    given = [name for name in below(lab) if name not in own]
    said = ""
    if given:
        said += (
            f"\n\nThe lab stands on {' and '.join(given)}, which labtester supplies. Copy your "
            "own beside it to see\nhow the two do together."
        )
    if own:
        said += f"\n\nHand in your own {' and '.join(own)} as well."
    return said


def _points(lab: Lab, plan: Plan | None) -> Iterator[str]:
    scenarios = tests_of(lab.suite)
    points: dict[str, float] = {}
    if plan is None:
        points |= {name: lab.points(name) for name in scenarios}
    else:
        for part in plan.parts:
            points[part.test] = points.get(part.test, 0) + part.points
    yield "| test | points | what |"
    yield "|---|--:|---|"
    for name, worth in points.items():
        about = (inspect.getdoc(scenarios[name].function) or "").partition("\n")[0]
        yield f"| `{name}` | {worth:g} | {about} |"
    yield f"| all | {sum(points.values()):g} | |"
    if plan is None or all(part.credit == "all" for part in plan.parts):
        yield "\nA test gives its points if every seed passes, and none otherwise: a store that"
        yield "loses data in one run of a hundred is broken."
    if plan is not None and plan.commitment:
        yield "\nGrading also uses hidden seeds, derived from a secret and from your name, the"
        yield "same each time you are graded. The SHA-256 of the secret, to be published later:"
        yield f"\n`{plan.commitment}`"
