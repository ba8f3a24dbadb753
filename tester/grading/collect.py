"""From what was handed in to the folder that is graded: the student's files and nothing else.

What the student was to write and did not is missing: no file of the reference takes its place.
The labs below come from the student or from the reference, as the rubric says.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tester.grading.archives import Found, Limits, Malformed, read
from tester.grading.handed import OURS
from tester.labs import LABS
from tester.labs.lab import Expected, Lab
from tester.world.submission import is_fixed, is_lab

OWN: Final = "own"
REFERENCE: Final = "reference"

_NEVER: Final = {"conftest.py", "sitecustomize.py", "usercustomize.py"}
_LIBRARIES: Final = {"_pytest", "click", "hypothesis", "msgspec", "pytest", "rich"}
_NAMED: Final = 5


@dataclass(frozen=True)
class Collected:
    """A submission as it will be graded."""

    files: Mapping[str, bytes]
    granted: tuple[str, ...]
    """The files of the reference that stand below them."""
    notes: tuple[str, ...]
    """What was left out, a sentence each."""
    missing: str
    """Which of the files that are asked for is missing, in one sentence; "" if none is."""

    @property
    def digest(self) -> str:
        """Equal for equal files."""
        whole = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            whole.update(f"{path}\0{len(content)}\0".encode())
            whole.update(content)
        return whole.hexdigest()


def owner(expected: Expected) -> str:
    """The lab in which a class is written: the first one that asks for it."""
    return next(lab.name for lab in LABS.values() if expected in lab.classes)


def below(lab: Lab) -> tuple[str, ...]:
    """The earlier labs that a lab stands on."""
    labs = dict.fromkeys(owner(expected) for expected in lab.classes)
    return tuple(name for name in labs if name != lab.name)


def required(lab: Lab, stands_on: Mapping[str, str]) -> tuple[str, ...]:
    """The files that a submission must have: those of the lab, and of labs that are its own."""
    classes = [
        expected
        for expected in lab.classes
        if owner(expected) == lab.name or stands_on.get(owner(expected)) == OWN
    ]
    return tuple(dict.fromkeys(_file(expected.module) for expected in classes))


def collect(source: Path, lab: Lab, stands_on: Mapping[str, str], limits: Limits) -> Collected:
    """What is graded of a folder or an archive. Raises Malformed."""
    wanted = required(lab, stands_on)
    found = _rooted(read(source, limits), wanted)
    files, notes = _allowed(found)
    granted = granted_files(lab, stands_on, wanted)
    for path in granted:
        if files.pop(path, None) is not None:
            notes.append(f"{path} is not used: the rubric takes that lab from the reference")
    missing = "" if all(file in files for file in wanted) else _missing(wanted, files, found)
    return Collected(files, granted, tuple(notes), missing)


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _rooted(found: Found, wanted: Iterable[str]) -> Found:
    """The files relative to the folder that has most of those that are wanted."""
    wanted = list(wanted)
    roots: dict[str, int] = {}
    for path in found.files:
        for file in wanted:
            if path == file or path.endswith(f"/{file}"):
                root = path[: -len(file)]
                roots[root] = roots.get(root, 0) + 1
    if not roots:
        return found
    best = sorted(roots, key=lambda root: (-roots[root], root.count("/"), root))
    root = best[0]
    twins = [o for o in best if (roots[o], o.count("/")) == (roots[root], root.count("/"))]
    if len(twins) > 1:
        raise Malformed(
            f"expected one folder with {' and '.join(wanted)}, got several: "
            f"{', '.join(twins[:_NAMED])}; hand in one of them"
        )
    inside = {
        path.removeprefix(root): content
        for path, content in found.files.items()
        if path.startswith(root)
    }
    return Found(inside, list(found.notes), found.others)


def _allowed(found: Found) -> tuple[dict[str, bytes], list[str]]:
    files, notes = {}, list(found.notes)
    for path, content in found.files.items():
        why = "" if _is_ours(path, content) else _why_not(path)
        if why is None:
            files[path] = content
        elif why:
            notes.append(f"{path} is not used: {why}")
    notes += [f"{path} is not used" for path in found.others if path.endswith(".pth")]
    return files, notes


def _is_ours(path: str, content: bytes) -> bool:
    """Whether it is a copy of a fixed file, which is used anyway."""
    module = path.removesuffix(".py").replace("/", ".")
    place = _place(module) if is_lab(path.partition("/")[0]) and is_fixed(module) else None
    return place is not None and place.read_bytes() == content


def _why_not(path: str) -> str | None:
    """Why a file is not taken; "" where that goes without saying; None if it is taken."""
    top, _, rest = path.partition("/")
    name = path.rpartition("/")[2]
    package = top.removesuffix(".py")
    if name in _NEVER:
        return "Python or pytest would run it by itself"
    if name.startswith("test_") or name.endswith("_test.py"):
        return ""
    if package in sys.stdlib_module_names or package in _LIBRARIES:
        return f"{package} is the name of a module that everybody needs: rename it"
    if package in OURS:
        return f"{package} is part of labtester, and the same for every submission"
    if rest and is_lab(top):
        if name == "__init__.py":
            return ""
        if is_fixed(path.removesuffix(".py").replace("/", ".")):
            return "this module is part of the lab and the same for every submission"
    return None


def _missing(wanted: Iterable[str], files: Mapping[str, bytes], found: Found) -> str:
    lacking = [file for file in wanted if file not in files]
    got = sorted(files)
    shown = ", ".join(got[:_NAMED]) + (", ..." if len(got) > _NAMED else "")
    sentence = f"expected {' and '.join(lacking)}, got {shown or 'no Python file'}"
    return "; ".join([sentence, *_near(lacking, found)])


def _near(lacking: Iterable[str], found: Found) -> Iterator[str]:
    """What was probably meant by a file that is missing."""
    for file in lacking:
        for path in [*found.files, *found.others]:
            same_name = path.lower().rpartition("/")[2] == file.rpartition("/")[2]
            if same_name or path.lower() == file:
                yield f"rename {path} to {file}"
                break


# -- the labs below ------------------------------------------------------------------------------


def granted_files(lab: Lab, stands_on: Mapping[str, str], own: Iterable[str]) -> tuple[str, ...]:
    """The reference's files of the labs below: what its classes import, of packages of labs."""
    modules = [
        expected.module
        for expected in lab.classes
        if owner(expected) != lab.name and stands_on.get(owner(expected), REFERENCE) == REFERENCE
    ]
    return tuple(sorted(map(_file, _closure(modules, set(own)))))


def reference(lab: Lab) -> Collected:
    """The reference as if somebody had handed it in, with the labs below."""
    modules = [expected.module for expected in lab.classes]
    files = {_file(module): content for module, content in _closure(modules, set()).items()}
    return Collected(files, (), (), "")


def _closure(modules: Iterable[str], own: set[str]) -> dict[str, bytes]:
    left, found = list(modules), dict[str, bytes]()
    while left:
        module = left.pop()
        top = module.partition(".")[0]
        if module in found or _file(module) in own or not is_lab(top) or is_fixed(module):
            continue
        place = _place(module)
        if place is None:
            continue
        found[module] = place.read_bytes()
        for node in ast.walk(ast.parse(found[module])):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                left += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                left += [alias.name for alias in node.names]
    return found


def _place(module: str) -> Path | None:
    """The file of a module of the reference; None for a package, or for none."""
    top, _, rest = module.partition(".")
    spec = importlib.util.find_spec(top)
    if not rest or spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*rest.split(".")).with_suffix(".py")
    return place if place.is_file() else None
